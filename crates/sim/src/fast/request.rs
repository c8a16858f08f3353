//! Just enough of HTTP/1.1 to know where a request ends and which canned answer it gets.

use memchr::memmem;

use super::FastMode;

/// What the bytes read so far hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Not yet a whole request.
    Incomplete,
    /// A whole request, `bytes` long with its body.
    Request { kind: Kind, bytes: usize, close: bool },
    /// A body whose length is not announced, or a head that is not HTTP.
    Unsupported,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Completion { anthropic: bool, stream: bool },
    Listing { head: bool },
    Mode(FastMode),
}

pub(super) fn parse(input: &[u8]) -> Parsed {
    let Some(head_end) = memmem::find(input, b"\r\n\r\n") else {
        return Parsed::Incomplete;
    };
    let mut lines = input[..head_end].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut request_line = lines.next().unwrap_or_default().split(|byte| *byte == b' ');
    let (method, path) = (request_line.next().unwrap_or_default(), request_line.next().unwrap_or_default());

    let mut length = 0;
    let mut close = false;
    for line in lines {
        let Some(colon) = memchr::memchr(b':', line) else {
            return Parsed::Unsupported;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // By length first: most headers are none of the three.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let Some(announced) = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok())
                else {
                    return Parsed::Unsupported;
                };
                length = announced;
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => return Parsed::Unsupported,
            10 if name.eq_ignore_ascii_case(b"connection") => close = value.eq_ignore_ascii_case(b"close"),
            _ => {}
        }
    }
    let body_start = head_end + 4;
    let Some(body) = input.get(body_start..).and_then(|rest| rest.get(..length)) else {
        return Parsed::Incomplete;
    };
    Parsed::Request { kind: kind(method, path, body), bytes: body_start + length, close }
}

fn kind(method: &[u8], path: &[u8], body: &[u8]) -> Kind {
    match path.strip_prefix(b"/sim/mode/") {
        Some(b"500") => return Kind::Mode(FastMode::Status500),
        Some(b"hang") => return Kind::Mode(FastMode::Hang),
        Some(_) => return Kind::Mode(FastMode::Ok),
        None => {}
    }
    if method != b"POST" {
        return Kind::Listing { head: method == b"HEAD" };
    }
    Kind::Completion { anthropic: path.ends_with(b"/messages"), stream: asks_for_stream(body) }
}

/// Whether `"stream": true` stands in the body. Not a parse: a benchmark's bodies hold no such text elsewhere.
fn asks_for_stream(body: &[u8]) -> bool {
    memmem::find(body, b"\"stream\"").is_some_and(|at| {
        let rest = body[at + 8..].trim_ascii_start();
        rest.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"true"))
    })
}
