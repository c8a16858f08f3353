//! What a body is, told by its first bytes. Its label may say otherwise: relays pass streams on as JSON, or without a
//! label, and servers that can't stream answer with one piece.

use crate::Dialect;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One piece: JSON, or a page.
    Whole,
    /// A stream of events.
    Events,
}

impl Form {
    /// The form of a body that begins so; none while that is open.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
        match start.first()? {
            b'{' | b'[' | b'<' => Some(Self::Whole),
            // No event of any framing begins so; a message of an AWS stream begins with its length.
            _ => Some(Self::Events),
        }
    }
}

/// The fields an event begins with (HTML standard, "Server-sent events"); a comment has no name.
const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];

/// Whether a whole body is a stream: SSE; AWS messages, whose first byte is that of a length below 16 MiB; or a list of
/// chunks, as Gemini streams to those who don't ask for events.
#[must_use]
pub fn is_stream(dialect: Dialect, body: &[u8]) -> bool {
    let start = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    match dialect {
        Dialect::BedrockConverse => body.first() == Some(&0),
        Dialect::Gemini if start.starts_with(b"[") => true,
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => {
            FIELDS.iter().any(|field| start.starts_with(field))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_what_it_begins_like() {
        let chat = Dialect::OpenAiChat;
        for whole in ["{\"id\":1}", " \n[{}]", "<html>", "\u{feff}{"] {
            assert_eq!(Form::of(whole.as_bytes()), Some(Form::Whole), "{whole}");
            assert!(!is_stream(chat, whole.as_bytes()), "{whole}");
        }
        for events in ["data: {}", ": ping\n\n", "event: a\n", "\u{feff}data:1", "\n\nid: 7\n", "retry: 3"] {
            assert_eq!(Form::of(events.as_bytes()), Some(Form::Events), "{events}");
            assert!(is_stream(chat, events.as_bytes()), "{events}");
        }
        assert_eq!(Form::of(b"\0\0\0\x7f"), Some(Form::Events));
        assert!(is_stream(Dialect::BedrockConverse, b"\0\0\0\x7f"));
        assert!(is_stream(Dialect::Gemini, b" [{}]"));
        for open in [&b""[..], b" \r\n", b"\xEF\xBB\xBF\n"] {
            assert_eq!(Form::of(open), None, "{open:?}");
        }
        assert!(!is_stream(chat, b"upstream connect error") && !is_stream(chat, b""));
    }
}
