//! What a route must be able to do, read from the members of a body.

use serde::Deserialize;
use serde_json::value::RawValue;
use switchyard_domain::{Feature, FeatureSet, Operation};

use super::fields::Field;
use super::read::Scan;
use crate::{Dialect, anthropic};

#[derive(Default, Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    effort: Option<&'a RawValue>,
}

fn typed(raw: &RawValue) -> Typed<'_> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// The features a request needs.
pub(super) fn of(scan: &Scan<'_>, stream: bool, choices: u64) -> FeatureSet {
    let mut features = scan.parts.features;
    let mut need = |feature, is_needed: bool| {
        if is_needed {
            features.insert(feature);
        }
    };
    need(Feature::Stream, stream);
    need(Feature::Choices, choices > 1);
    need(Feature::Prefill, scan.ends_with_assistant && scan.operation == Operation::Complete);
    need(Feature::Reasoning, wants_reasoning(scan));
    need(Feature::Logprobs, wants_logprobs(scan));
    need(Feature::ParallelTools, scan.is_true(Field::ParallelToolCalls));
    let holds_audio = scan.get(Field::Modalities).is_some_and(|raw| raw.get().contains("\"audio\""));
    need(Feature::Audio, holds_audio || scan.get(Field::Audio).is_some());
    let stored = [Field::PreviousResponseId, Field::Conversation, Field::Prompt, Field::Container];
    need(Feature::State, stored.into_iter().any(|field| scan.get(field).is_some()));
    need(Feature::State, scan.is_true(Field::Background));
    let (own, provided) = tools(scan);
    need(Feature::Tools, own);
    let searches = [Field::WebSearchOptions, Field::McpServers];
    need(Feature::ServerTools, provided || searches.into_iter().any(|field| scan.get(field).is_some()));
    let format = format(scan);
    need(Feature::JsonMode, format == Some("\"json_object\""));
    need(Feature::JsonSchema, format == Some("\"json_schema\""));
    features
}

/// The type of the output format asked for, as it is written.
fn format<'a>(scan: &Scan<'a>) -> Option<&'a str> {
    let plain = [Field::ResponseFormat, Field::OutputFormat];
    let nested = [Field::OutputConfig, Field::Text];
    let plain = plain.into_iter().filter_map(|field| scan.get(field));
    let nested = nested.into_iter().filter_map(|field| typed(scan.get(field)?).format);
    plain.chain(nested).find_map(|raw| typed(raw).r#type).map(RawValue::get)
}

fn wants_reasoning(scan: &Scan<'_>) -> bool {
    let effort = scan.get(Field::ReasoningEffort).is_some_and(|raw| raw.get() != "\"none\"");
    let thinking = scan.get(Field::Thinking).is_some_and(|raw| {
        typed(raw).r#type.is_some_and(|kind| matches!(kind.get(), "\"enabled\"" | "\"adaptive\""))
    });
    let reasoning = scan.get(Field::Reasoning).is_some_and(|raw| {
        raw.get().starts_with('{')
            && raw.get() != "{}"
            && typed(raw).effort.is_none_or(|effort| effort.get() != "\"none\"")
    });
    effort || thinking || reasoning
}

fn wants_logprobs(scan: &Scan<'_>) -> bool {
    let top = scan.get(Field::TopLogprobs).is_some_and(|raw| raw.get() != "0");
    let included = scan.get(Field::Include).is_some_and(|raw| raw.get().contains("output_text.logprobs\""));
    scan.is_true(Field::Logprobs) || top || included
}

/// The types of tools that callers of Responses run themselves, or may.
const RESPONSES_OWN: [&str; 9] = [
    "",
    "null",
    "\"function\"",
    "\"custom\"",
    "\"namespace\"",
    "\"local_shell\"",
    "\"shell\"",
    "\"apply_patch\"",
    "\"tool_search\"",
];

/// Whether the caller offers tools it runs itself, and whether it offers tools the provider runs or defines.
fn tools(scan: &Scan<'_>) -> (bool, bool) {
    let mut own = scan.get(Field::Functions).is_some_and(|raw| is_filled(raw.get()));
    let mut provided = false;
    let Some(list) = scan.get(Field::Tools).filter(|raw| is_filled(raw.get())) else {
        return (own, provided);
    };
    for tool in serde_json::from_str::<Vec<Typed<'_>>>(list.get()).unwrap_or_default() {
        let kind = tool.r#type.map_or("", RawValue::get);
        let is_own = match scan.dialect {
            // Anthropic's own tools have dated types (`web_search_20250305`); some are for the caller to run
            // (`bash_20250124`).
            Dialect::AnthropicMessages => {
                matches!(kind, "" | "null") || anthropic::is_run_by_caller(kind.trim_matches('"'))
            }
            Dialect::OpenAiResponses => RESPONSES_OWN.contains(&kind),
            Dialect::OpenAiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                matches!(kind, "" | "null" | "\"function\"" | "\"custom\"")
            }
        };
        own |= is_own;
        provided |= !is_own;
    }
    // A list that can't be read is the provider's to judge; it needs a route with tools.
    (own || !provided, provided)
}

fn is_filled(list: &str) -> bool {
    list.starts_with('[') && !list[1..].trim_start().starts_with(']')
}
