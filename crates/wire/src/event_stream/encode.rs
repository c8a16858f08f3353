//! Event streams for tests, from a form a reader can follow: one JSON object per line, `{"event": .., "data": ..}`, with
//! `"exception"` in the place of `"event"` for an exception.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::Value;

/// One message with the given headers.
pub(crate) fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut message = Message::new(payload.to_vec());
    for (name, value) in headers {
        let value = HeaderValue::String((*value).to_owned().into());
        message = message.add_header(Header::new((*name).to_owned(), value));
    }
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

/// One event, as Bedrock sends it.
pub(crate) fn event(name: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, payload)
}

/// One exception, as Bedrock sends it.
pub(crate) fn exception(name: &str, payload: &[u8]) -> Vec<u8> {
    let headers =
        [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")];
    message(&headers, payload)
}

/// The stream written down in lines.
pub(crate) fn lines(jsonl: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in jsonl.lines().filter(|line| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line).unwrap();
        let payload = line["data"].to_string();
        let frame = match (line["event"].as_str(), line["exception"].as_str()) {
            (Some(name), None) => event(name, payload.as_bytes()),
            (None, Some(name)) => exception(name, payload.as_bytes()),
            (None, None) | (Some(_), Some(_)) => panic!("one of event and exception: {line}"),
        };
        bytes.extend(frame);
    }
    bytes
}
