//! What routing reads of a request.

use bytes::Bytes;
use switchyard_domain::Operation;
use switchyard_wire::{Dialect, Envelope, estimate_tokens, rewrite};

use crate::choices::Choices;
use crate::json::{assert_json, is_json};

/// A request that is read is JSON, names its own model, and still says the same after its model is rewritten.
pub fn run(choices: &Choices, data: &[u8]) {
    let dialect = choices.caller();
    let operation = choices.operation();
    let _ = estimate_tokens(dialect, data);
    let envelope = match Envelope::read(dialect, operation, data) {
        Ok(envelope) => envelope,
        Err(error) => return assert!(!error.message.is_empty(), "an error says why"),
    };
    assert_json(data, "a request that was read");
    assert!(is_json(&data[envelope.model_span.clone()]), "the model's span is JSON");
    let body = Bytes::copy_from_slice(data);
    for ask_usage in [false, true] {
        let rewritten = rewrite(&body, &envelope, "upstream \"model\"", ask_usage);
        assert_json(&rewritten, "a rewritten request");
        if dialect == Dialect::Gemini {
            // Its model goes back into the URL.
            continue;
        }
        let again = Envelope::read(dialect, operation, &rewritten)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&rewritten)));
        assert_eq!(again.model, "upstream \"model\"");
        assert_eq!((again.stream, again.max_tokens), (envelope.stream, envelope.max_tokens));
        assert_eq!(
            (again.features, again.message_count, again.prompt_chars),
            (envelope.features, envelope.message_count, envelope.prompt_chars)
        );
        let is_chat_stream =
            dialect == Dialect::OpenAiChat && operation == Operation::Complete && envelope.stream;
        if ask_usage && is_chat_stream {
            assert_eq!(again.include_usage, Some(true), "{}", String::from_utf8_lossy(&rewritten));
        }
    }
}
