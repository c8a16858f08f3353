//! Requests on their way to upstreams of other dialects.

use switchyard_domain::Operation;
use switchyard_wire::{Dialect, Envelope, TranslateError, Translated, count_request, translate_request};

use crate::choices::Choices;
use crate::json::assert_json;

/// Models whose families have rules of their own.
const MODELS: [&str; 10] = [
    "upstream-model",
    "gpt-5.2",
    "gpt-4o-mini",
    "o3",
    "claude-sonnet-4-6",
    "claude-3-haiku-20240307",
    "gemini-3-flash",
    "gemini-2.5-pro",
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "deepseek-reasoner",
];

/// A translated request is JSON that its upstream's dialect reads, for the upstream's model, streamed as asked.
pub fn run(choices: &Choices, data: &[u8]) {
    let from = choices.caller();
    let model = MODELS[usize::from(choices.number()) % MODELS.len()];
    for to in Dialect::ALL {
        check(from, to, data, model, translate_request(from, to, data, model));
    }
    // Callers who count speak Anthropic's dialect or Google's.
    let counters = [
        (Dialect::AnthropicMessages, Dialect::Gemini, false),
        (Dialect::AnthropicMessages, Dialect::Gemini, true),
        (Dialect::AnthropicMessages, Dialect::BedrockConverse, false),
        (Dialect::Gemini, Dialect::AnthropicMessages, false),
        (Dialect::Gemini, Dialect::BedrockConverse, false),
    ];
    for (from, to, vertex) in counters {
        let counted = count_request(from, to, vertex, data, model);
        told(counted.as_ref());
        if let Ok(counted) = counted {
            assert_json(&counted.body, "a request to count");
        }
    }
}

fn check(
    from: Dialect,
    to: Dialect,
    data: &[u8],
    model: &str,
    translated: Result<Translated, TranslateError>,
) {
    told(translated.as_ref());
    let Ok(translated) = translated else { return };
    if from == to {
        return assert_eq!(translated.body, data, "the same dialect needs no translation");
    }
    assert_json(&translated.body, "a translated request");
    let is_read = matches!(to, Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages);
    let Ok(asked) = Envelope::read(from, Operation::Complete, data) else { return };
    if is_read {
        let sent = match Envelope::read(to, Operation::Complete, &translated.body) {
            Ok(sent) => sent,
            // Messages that say nothing are left out; that none is left is for the provider to judge.
            Err(error) if ["input", "messages"].map(Some).contains(&error.field.as_deref()) => return,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&translated.body)),
        };
        assert_eq!((sent.model.as_str(), sent.stream), (model, asked.stream));
    }
}

/// A refusal names a field and a reason; what a translation lost has a name.
fn told(translated: Result<&Translated, &TranslateError>) {
    match translated {
        Ok(translated) => assert!(translated.degraded.iter().all(|lost| !lost.code.is_empty())),
        Err(TranslateError::Invalid { field, message } | TranslateError::Unsupported { field, message }) => {
            assert!(!field.is_empty() && !message.is_empty(), "a refusal says what and why");
        }
    }
}
