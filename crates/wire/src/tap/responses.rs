//! Responses events. The terminal event alone tells why the model stopped and what was used.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Observed, StreamTap};
use crate::StreamEvent;
use crate::json;
use crate::lenient::{is_filled, lenient_object, maybe};
use crate::members::{borrowed_text, text_of};
use crate::openai_responses::{CALLER_CALLS, Searches, finish_reason, reported};
use crate::under_way::UnderWay;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "maybe")]
    item: Option<Item<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    response: Option<Response<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    encrypted_content: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "maybe")]
    incomplete_details: Option<Incomplete<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    output: Option<Vec<Item<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

lenient_object!(Item<'de>, Response<'de>, Incomplete<'de>);

impl StreamTap {
    pub(super) fn observe_responses(&mut self, event: &StreamEvent<'_>) -> Observed {
        // After the first content a delta can tell nothing new: it only has to be JSON.
        if self.notes.started
            && let Some(name) = event.event.filter(|name| name.ends_with(".delta"))
        {
            self.under_way = part_of_delta(name);
            return match serde_json::from_slice::<IgnoredAny>(event.data) {
                Ok(IgnoredAny) => Observed::Content,
                Err(_) => Observed::Malformed,
            };
        }
        // Some compatible servers end their streams as chat does, after the terminal event.
        if event.data == b"[DONE]" {
            return if self.done { Observed::Done } else { Observed::Quiet };
        }
        let parsed = match json::read::<Event<'_>>(event.data) {
            Ok(parsed) => parsed,
            // What is JSON and no object says nothing.
            Err(_) if serde_json::from_slice::<IgnoredAny>(event.data).is_ok() => return Observed::Quiet,
            Err(_) => return Observed::Malformed,
        };
        let named = parsed.r#type.and_then(text_of);
        let Some(kind) = named.as_deref().or(event.event) else {
            return if parsed.error.is_some_and(is_filled) { Observed::Error } else { Observed::Quiet };
        };
        match kind {
            "response.created" | "response.queued" | "response.in_progress" => {
                self.note_model(parsed.response.as_ref());
                Observed::Quiet
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                self.note_end(kind, &parsed.response.unwrap_or_default());
                Observed::Done
            }
            "response.failed" | "error" => Observed::Error,
            "response.output_item.added" => match parsed.item {
                Some(item) if is_one_of(&item, &["message", "reasoning"]) => Observed::Quiet,
                Some(_) => {
                    self.under_way = UnderWay::ToolCall;
                    Observed::Content
                }
                None => Observed::Quiet,
            },
            // Reasoning without a summary is shown by nothing else, and no other route can go on from it.
            "response.output_item.done" => match parsed.item {
                Some(item) if is_one_of(&item, &["reasoning"]) && item.encrypted_content.is_none() => {
                    Observed::Quiet
                }
                Some(item) => {
                    note_search(&mut self.searches, &item);
                    Observed::Content
                }
                None => Observed::Quiet,
            },
            _ if kind.ends_with(".delta") => match parsed.delta {
                Some(delta) if delta.get() == "\"\"" => Observed::Quiet,
                Some(_) => {
                    self.under_way = part_of_delta(kind);
                    Observed::Content
                }
                None => Observed::Quiet,
            },
            // Ends of parts, progress of the provider's own tools, and events that are new.
            _ => Observed::Quiet,
        }
    }

    fn note_model(&mut self, response: Option<&Response<'_>>) {
        self.meter.names_raw(response.and_then(|response| response.model));
    }

    fn note_end(&mut self, kind: &str, response: &Response<'_>) {
        self.note_model(Some(response));
        let mut searches = Searches::default();
        for item in response.output.iter().flatten() {
            note_search(&mut searches, item);
        }
        let searches = self.searches.or(searches);
        if let Some(report) =
            response.usage.and_then(|usage| reported(usage, response.service_tier, searches))
        {
            self.meter.hears(report);
        }
        let reason =
            response.incomplete_details.as_ref().and_then(|details| details.reason).and_then(text_of);
        let output = response.output.as_deref().unwrap_or_default();
        let has_calls = output.iter().any(|item| is_one_of(item, &CALLER_CALLS));
        let has_refused = output.iter().any(refuses);
        let status = if kind == "response.incomplete" { "incomplete" } else { "completed" };
        self.notes.finish = Some(finish_reason(status, reason.as_deref(), has_calls, has_refused));
    }
}

/// What a delta of this name is a part of.
fn part_of_delta(name: &str) -> UnderWay {
    match name {
        "response.output_text.delta" | "response.refusal.delta" | "response.audio.delta" => UnderWay::Text,
        name if name.starts_with("response.reasoning") => UnderWay::Reasoning,
        _ => UnderWay::ToolCall,
    }
}

fn note_search(searches: &mut Searches, item: &Item<'_>) {
    searches.note(item.r#type.and_then(borrowed_text).as_deref(), item.action);
}

fn is_one_of(item: &Item<'_>, kinds: &[&str]) -> bool {
    item.r#type.and_then(text_of).is_some_and(|kind| kinds.contains(&kind.as_str()))
}

fn refuses(item: &Item<'_>) -> bool {
    let parts = item.content.and_then(|raw| serde_json::from_str::<Vec<Item<'_>>>(raw.get()).ok());
    parts.unwrap_or_default().iter().any(|part| is_one_of(part, &["refusal"]))
}
