//! What a stream is at. How long its silence may last depends on it.

use serde::Deserialize;

use crate::Dialect;
use crate::canonical::Delta;
use crate::frames::StreamEvent;
use crate::json;
use crate::members::Text;

/// What a stream is at, as far as its last events tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnderWay {
    /// Nothing has come but, at most, an opening without a word: a role, a `message_start`.
    #[default]
    Nothing,
    /// Nothing of the answer has come, but signs of life have: pings, comments, progress events.
    Alive,
    /// Reasoning, whether it is shown or not.
    Reasoning,
    /// Text, or a refusal.
    Text,
    /// A tool call, of the caller's or of the provider's own.
    ToolCall,
}

impl UnderWay {
    /// Takes an event that says nothing a reader would notice. `is_first`: no event with data came before it.
    pub(crate) fn quiet(&mut self, dialect: Dialect, event: &StreamEvent<'_>, is_first: bool) {
        // A Responses stream begins by saying that work is in progress; elsewhere the first event is a mere opening.
        let is_opening = is_first && !event.data.is_empty() && dialect != Dialect::OpenAiResponses;
        match announced(dialect, event) {
            Some(Announced::Part(part)) => *self = part,
            None if !is_opening && *self == Self::Nothing => *self = Self::Alive,
            Some(Announced::Text) | None => {}
        }
    }

    /// Takes a part of a translated answer.
    pub(crate) fn hears(&mut self, delta: &Delta<'_>) {
        *self = match delta {
            Delta::Text(_) | Delta::Refusal(_) => Self::Text,
            Delta::Thinking(_) | Delta::ThinkingSignature(_) | Delta::RedactedThinking(_) => Self::Reasoning,
            Delta::ToolStart { .. } | Delta::ToolArguments { .. } => Self::ToolCall,
            Delta::Start { .. } | Delta::Usage(_) | Delta::Finish { .. } | Delta::End | Delta::Error(_) => {
                return;
            }
        };
    }
}

/// What an event announces before a word of it has come: a block (Messages) or an item (Responses).
enum Announced {
    /// A text, which is under way from its first word on.
    Text,
    /// Another part.
    Part(UnderWay),
}

fn announced(dialect: Dialect, event: &StreamEvent<'_>) -> Option<Announced> {
    let name = match dialect {
        Dialect::AnthropicMessages => "content_block_start",
        Dialect::OpenAiResponses => "response.output_item.added",
        Dialect::OpenAiChat | Dialect::Gemini | Dialect::BedrockConverse => return None,
    };
    let may_be = match event.event {
        Some(event) => event == name,
        None => memchr::memmem::find(event.data, name.as_bytes()).is_some(),
    };
    if !may_be {
        return None;
    }
    let said: Announcement<'_> = json::read(event.data).ok()?;
    if said.r#type.is_some_and(|kind| kind.0 != name) {
        return None;
    }
    Some(match &*said.content_block.or(said.item)?.r#type?.0 {
        "text" | "message" => Announced::Text,
        kind => Announced::Part(part_of(kind)),
    })
}

/// What a block or an item of this type is.
pub(crate) fn part_of(kind: &str) -> UnderWay {
    match kind {
        "text" | "message" => UnderWay::Text,
        "thinking" | "redacted_thinking" | "reasoning" => UnderWay::Reasoning,
        _ => UnderWay::ToolCall,
    }
}

#[derive(Deserialize)]
struct Announcement<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    content_block: Option<Part<'a>>,
    #[serde(borrow)]
    item: Option<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::Pipe;
    use crate::translate::ReplyOptions;

    /// The events of a stream, and what is under way after each, whether it is relayed or translated.
    fn told(from: Dialect, events: &[(&str, UnderWay)]) {
        let passed = Pipe::passthrough(from, false, ReplyOptions::default(), true, false);
        let to = match from {
            Dialect::OpenAiChat => Dialect::AnthropicMessages,
            Dialect::OpenAiResponses
            | Dialect::AnthropicMessages
            | Dialect::Gemini
            | Dialect::BedrockConverse => Dialect::OpenAiChat,
        };
        let translated = Pipe::translating(from, to, ReplyOptions::default(), true, false);
        for (how, mut pipe) in [("relayed", passed), ("translated", translated)] {
            if how == "relayed" && from == Dialect::BedrockConverse {
                continue;
            }
            assert_eq!(pipe.under_way(), UnderWay::Nothing);
            for (data, expected) in events {
                let is_comment = data.starts_with(':');
                let event = StreamEvent {
                    event: None,
                    data: if is_comment { b"" } else { data.as_bytes() },
                    raw: data.as_bytes(),
                    complete: true,
                };
                pipe.push(&event, &mut Vec::new());
                assert_eq!(pipe.under_way(), *expected, "{from} {how} {data}");
            }
        }
    }

    #[test]
    fn a_chat_stream_tells_what_is_under_way() {
        use UnderWay::{Alive, Nothing, Reasoning, Text, ToolCall};
        told(
            Dialect::OpenAiChat,
            &[
                (r#"{"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#, Nothing),
                (": OPENROUTER PROCESSING", Alive),
                (r#"{"choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}]}"#, Reasoning),
                (": still here", Reasoning),
                (r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#, Text),
                (
                    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}}]}"#,
                    ToolCall,
                ),
            ],
        );
        // Empty chunks are how some servers keep a connection alive.
        let empty = r#"{"id":"1","choices":[{"index":0,"delta":{}}]}"#;
        told(Dialect::OpenAiChat, &[(empty, Nothing), (empty, Alive)]);
    }

    #[test]
    fn a_messages_stream_tells_what_is_under_way() {
        use UnderWay::{Alive, Nothing, Reasoning, Text, ToolCall};
        told(
            Dialect::AnthropicMessages,
            &[
                (r#"{"type":"message_start","message":{"id":"m","model":"c"}}"#, Nothing),
                (
                    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                    Nothing,
                ),
                (r#"{"type":"ping"}"#, Alive),
                (
                    r#"{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":""}}"#,
                    Reasoning,
                ),
                (
                    r#"{"type":"content_block_delta","index":1,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
                    Reasoning,
                ),
                (
                    r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Hi"}}"#,
                    Text,
                ),
                (
                    r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
                    ToolCall,
                ),
                (
                    r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
                    ToolCall,
                ),
                (r#"{"type":"ping"}"#, ToolCall),
            ],
        );
    }

    #[test]
    fn a_responses_stream_tells_what_is_under_way() {
        use UnderWay::{Alive, Reasoning, Text, ToolCall};
        told(
            Dialect::OpenAiResponses,
            &[
                (r#"{"type":"response.created","response":{"id":"r","model":"m"}}"#, Alive),
                (r#"{"type":"response.in_progress","response":{"id":"r"}}"#, Alive),
                (
                    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning"}}"#,
                    Reasoning,
                ),
                (
                    r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message"}}"#,
                    Reasoning,
                ),
                (r#"{"type":"response.output_text.delta","output_index":1,"delta":"Hi"}"#, Text),
                (
                    r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","call_id":"c","name":"f"}}"#,
                    ToolCall,
                ),
                (
                    r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{"}"#,
                    ToolCall,
                ),
            ],
        );
    }

    #[test]
    fn googles_and_bedrocks_thoughts_are_reasoning() {
        use UnderWay::{Reasoning, Text};
        told(
            Dialect::Gemini,
            &[
                (
                    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hm","thought":true}]}}]}"#,
                    Reasoning,
                ),
                (r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]}}]}"#, Text),
            ],
        );
    }
}
