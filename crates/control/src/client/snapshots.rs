//! The event stream, read.

use bytes::Bytes;
use http::{Method, header};
use switchyard_domain::Problem;
use switchyard_domain::view::Snapshot;

use super::ControlClient;

impl ControlClient {
    /// Snapshots as they change; the first comes at once.
    ///
    /// # Errors
    /// As [`ControlClient::handle`].
    pub async fn snapshots(&self) -> Result<Snapshots, Problem> {
        let request = self.request(Method::GET, "/v1/events")?.header(header::ACCEPT, "text/event-stream");
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Snapshots { response, held: Vec::new() });
        }
        let body = response.bytes().await.unwrap_or_else(|_| Bytes::new());
        let reason =
            || Problem::new("not_a_router", format!("{} answered {status} without a reason.", self.url()));
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| reason()))
    }
}

/// A running event stream.
#[derive(Debug)]
pub struct Snapshots {
    response: reqwest::Response,
    held: Vec<u8>,
}

impl Snapshots {
    /// The next snapshot; none once the router has gone.
    pub async fn next(&mut self) -> Option<Snapshot> {
        loop {
            if let Some(event) = take_event(&mut self.held) {
                match data_of(&event) {
                    Some(data) => return serde_json::from_str(&data).ok(),
                    None => continue,
                }
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.held.extend_from_slice(&chunk);
        }
    }
}

/// Takes one whole event off the front. Our own server ends lines with a bare line feed.
fn take_event(held: &mut Vec<u8>) -> Option<String> {
    let end = held.windows(2).position(|pair| pair == b"\n\n")?;
    let event = String::from_utf8_lossy(&held[..end]).into_owned();
    held.drain(..end + 2);
    Some(event)
}

/// The data of a snapshot event; none for a comment that keeps the connection alive.
fn data_of(event: &str) -> Option<String> {
    let lines: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    let data: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    (!data.is_empty()).then(|| data.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{data_of, take_event};

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let stream = b":\n\nevent: snapshot\nid: 1\ndata: {\"a\":\ndata: 1}\n\nevent: snap";
        for cut in 0..stream.len() {
            let mut held = Vec::new();
            let mut seen = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                held.extend_from_slice(part);
                while let Some(event) = take_event(&mut held) {
                    seen.extend(data_of(&event));
                }
            }
            assert_eq!(seen, ["{\"a\":\n1}"], "cut at {cut}");
            assert_eq!(held, b"event: snap");
        }
    }
}
