//! Webhooks that take a text: `{"text": "..."}`, as Slack's incoming webhooks, Mattermost's and Rocket.Chat's do.
//!
//! A webhook's address is a secret: whoever has it can post. It is never shown beyond its host.

use std::time::Duration;

use crate::sinks::NotifyError;

const SERVICE: &str = "webhook";
/// How long a webhook may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a notice goes, as it is written in a map.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A URL that takes a POST.
    Webhook(reqwest::Url),
    /// An e-mail address.
    Mail(String),
    /// Anything else.
    Unknown(String),
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.shown()).finish()
    }
}

impl Address {
    /// Reads what a map says.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let url = reqwest::Url::parse(text).ok();
        match url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            Some(url) => Self::Webhook(url),
            None => {
                let mail = text.strip_prefix("mailto:").unwrap_or(text);
                if mail.contains('@') && !mail.contains("://") {
                    Self::Mail(mail.to_owned())
                } else {
                    Self::Unknown(text.to_owned())
                }
            }
        }
    }

    /// As it may be shown: a URL without user, path and query.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Webhook(url) => {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
            }
            Self::Mail(address) => address.clone(),
            // It may be a mistyped URL with a secret in it.
            Self::Unknown(text) => text.split(['/', '?']).next().unwrap_or_default().to_owned(),
        }
    }
}

/// Posts a text.
///
/// # Errors
/// If nobody answers, or the answer isn't a success.
pub async fn post(url: &reqwest::Url, text: &str) -> Result<(), NotifyError> {
    try_post(url, text).await.map_err(|refused| refused.error)
}

/// A text was not taken.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: NotifyError,
    /// The target said that it takes no such text: another try would end alike.
    pub(crate) for_good: bool,
}

/// Posts a text, and says whether another try makes sense.
pub(crate) async fn try_post(url: &reqwest::Url, text: &str) -> Result<(), Refused> {
    let refused = |cause: String| Refused { error: NotifyError { sink: SERVICE, cause }, for_good: false };
    let lost = |error: reqwest::Error| {
        // The error's own words may hold the address.
        let cause = if error.is_timeout() {
            "it does not answer"
        } else if error.is_connect() {
            "it can't be reached"
        } else {
            "the connection broke off"
        };
        refused(cause.to_owned())
    };
    let http = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(lost)?;
    let answer =
        http.post(url.clone()).json(&serde_json::json!({ "text": text })).send().await.map_err(lost)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    // 408 and 429 ask for another try; the other 4xx, and a redirect, which is never followed, end all alike.
    let for_good = !status.is_server_error() && !matches!(status.as_u16(), 408 | 425 | 429);
    Err(Refused { for_good, ..refused(format!("it answers {}", status.as_u16())) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_shown_without_its_secret() {
        let slack = "https://hooks.slack.com/services/T0/B0/s3cret?x=1";
        for (text, shown, is_webhook) in [
            (slack, "https://hooks.slack.com", true),
            ("http://me:pw@127.0.0.1:9/hook", "http://127.0.0.1:9", true),
            ("ops@yourco.com", "ops@yourco.com", false),
            ("mailto:ops@yourco.com", "ops@yourco.com", false),
            ("hooks.slack.com/services/s3cret", "hooks.slack.com", false),
            ("ftp://a@b/s3cret", "ftp:", false),
        ] {
            let address = Address::read(text);
            assert_eq!(address.shown(), shown, "{text}");
            assert_eq!(matches!(address, Address::Webhook(_)), is_webhook, "{text}");
            assert!(!format!("{address:?}").contains("s3cret"), "{address:?}");
        }
    }

    #[tokio::test]
    async fn a_webhook_gets_the_text_and_its_refusal_is_told() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        for (answer, sent) in [("200 OK", true), ("404 Not Found", false), ("302 Found", false)] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/s3cret", listener.local_addr().unwrap()).parse().unwrap();
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut got = Vec::new();
                while !got.ends_with(b"}") {
                    let mut part = [0; 1024];
                    let n = stream.read(&mut part).await.unwrap();
                    got.extend_from_slice(&part[..n]);
                }
                let head = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                String::from_utf8(got).unwrap()
            });
            let done = post(&url, "we run on \"Warm\"").await;
            assert_eq!(done.is_ok(), sent, "{done:?}");
            assert!(!format!("{done:?}").contains("s3cret"), "{done:?}");
            assert!(server.await.unwrap().ends_with(r#"{"text":"we run on \"Warm\""}"#));
        }
    }
}
