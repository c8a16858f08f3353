//! Whole answers on their way to callers.

use switchyard_domain::Operation;
use switchyard_wire::{TranslateError, count_answer, inspect_ok_body, translate_response, usage_of};

use crate::choices::Choices;
use crate::json::assert_json;

/// A translated answer is JSON that the caller's dialect takes for an answer.
pub fn run(choices: &Choices, data: &[u8]) {
    let (from, to) = (choices.upstream(), choices.caller());
    let content_type = choices.flag(2).then_some("application/json");
    let seen = inspect_ok_body(from, choices.operation(), content_type, data);
    let _ = usage_of(from, data);
    if let Ok(counted) = count_answer(from, choices.caller(), data) {
        assert_json(&counted.body, "a count");
    }
    match translate_response(from, to, data, &choices.options()) {
        Ok(translated) if from == to => assert_eq!(translated.body, data),
        Ok(translated) => {
            assert_json(&translated.body, "a translated answer");
            if seen.is_ok() && choices.operation() == Operation::Complete {
                let told = inspect_ok_body(to, Operation::Complete, content_type, &translated.body);
                let body = String::from_utf8_lossy(&translated.body);
                assert!(told.is_ok(), "{from} answered, {to} hears {told:?}: {body}");
            }
        }
        Err(TranslateError::Invalid { field, message } | TranslateError::Unsupported { field, message }) => {
            assert!(!field.is_empty() && !message.is_empty(), "a refusal says what and why");
        }
    }
}
