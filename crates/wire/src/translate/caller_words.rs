//! Names a request's fields as its caller does.
//!
//! A writer notes what it can't carry by the place it was read from, and where that is a field of the whole prompt by
//! one dialect's name for it. A caller of another dialect has never heard that name.

use crate::Dialect;
use crate::notes::{Degradation, TranslateError};

/// A prompt's fields as chat, Responses, Messages and Gemini callers know them.
const FIELDS: [[&str; 4]; 13] = [
    ["max_tokens", "max_output_tokens", "max_tokens", "generationConfig.maxOutputTokens"],
    ["messages", "input", "messages", "contents"],
    ["parallel_tool_calls", "parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "toolConfig"],
    ["reasoning_effort", "reasoning", "thinking", "generationConfig.thinkingConfig"],
    ["response_format", "text.format", "output_config.format", "generationConfig.responseMimeType"],
    ["stop", "stop", "stop_sequences", "generationConfig.stopSequences"],
    ["user", "user", "metadata.user_id", "user"],
    ["temperature", "temperature", "temperature", "generationConfig.temperature"],
    ["top_p", "top_p", "top_p", "generationConfig.topP"],
    ["top_k", "top_k", "top_k", "generationConfig.topK"],
    ["seed", "seed", "seed", "generationConfig.seed"],
    ["presence_penalty", "presence_penalty", "presence_penalty", "generationConfig.presencePenalty"],
    ["frequency_penalty", "frequency_penalty", "frequency_penalty", "generationConfig.frequencyPenalty"],
];

/// What ends the path of a part or a call, as chat, Responses, Messages and Gemini callers know it.
const ENDS: [[&str; 4]; 2] = [
    [".image_url.detail", ".detail", ".detail", ".mediaResolution"],
    [".function.arguments", ".arguments", ".input", ".functionCall.args"],
];

/// A writer's note in the caller's words; none where the caller's dialect has no such thing to lose.
pub(super) fn note(caller: Dialect, noted: Degradation) -> Option<Degradation> {
    // A caller without a flag for a tool's failure has said it in text already.
    let has_flag = matches!(caller, Dialect::AnthropicMessages | Dialect::Gemini);
    if noted.code == "tool_error_as_text" && !has_flag {
        return None;
    }
    Some(Degradation { field: field(caller, noted.field), ..noted })
}

/// A writer's refusal in the caller's words.
pub(super) fn error(caller: Dialect, error: TranslateError) -> TranslateError {
    match error {
        TranslateError::Invalid { field: at, message } => {
            TranslateError::Invalid { field: field(caller, at), message }
        }
        TranslateError::Unsupported { field: at, message } => {
            TranslateError::Unsupported { field: field(caller, at), message }
        }
    }
}

fn field(caller: Dialect, at: String) -> String {
    let own = match caller {
        Dialect::OpenAiChat | Dialect::BedrockConverse => 0,
        Dialect::OpenAiResponses => 1,
        Dialect::AnthropicMessages => 2,
        Dialect::Gemini => 3,
    };
    // `reasoning` is the canonical prompt's own word.
    let name = if at == "reasoning" { "reasoning_effort" } else { &at };
    if let Some(names) = FIELDS.iter().find(|names| names.contains(&name)) {
        return names[own].to_owned();
    }
    for ends in ENDS {
        for end in ends.iter().filter(|end| **end != ends[own]) {
            if let Some(stem) = at.strip_suffix(end).filter(|stem| stem.ends_with(']')) {
                return format!("{stem}{}", ends[own]);
            }
        }
    }
    // Chat alone keeps a tool's name and strictness one level deeper.
    if own == 0
        && at.starts_with("tools[")
        && let Some((tool, member @ ("name" | "strict"))) = at.split_once("].")
    {
        return format!("{tool}].function.{member}");
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_callers_own_names() {
        let (chat, responses, messages) =
            (Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages);
        let gemini = Dialect::Gemini;
        let cases = [
            (chat, "stop_sequences", "stop"),
            (chat, "metadata.user_id", "user"),
            (chat, "reasoning", "reasoning_effort"),
            (chat, "messages[0].content[1].detail", "messages[0].content[1].image_url.detail"),
            (chat, "messages[0].content[1].image_url.detail", "messages[0].content[1].image_url.detail"),
            (chat, "messages[2].tool_calls[0].arguments", "messages[2].tool_calls[0].function.arguments"),
            (chat, "tools[3].strict", "tools[3].function.strict"),
            (chat, "top_k", "top_k"),
            (responses, "max_tokens", "max_output_tokens"),
            (responses, "response_format", "text.format"),
            (responses, "messages", "input"),
            (responses, "input[0].content[0].image_url.detail", "input[0].content[0].detail"),
            (responses, "tools[3].strict", "tools[3].strict"),
            (messages, "stop", "stop_sequences"),
            (messages, "user", "metadata.user_id"),
            (messages, "reasoning", "thinking"),
            (messages, "parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
            (messages, "messages[1].content[0].function.arguments", "messages[1].content[0].input"),
            (messages, "messages[1].content[0]", "messages[1].content[0]"),
            (gemini, "stop", "generationConfig.stopSequences"),
            (gemini, "temperature", "generationConfig.temperature"),
            (gemini, "contents[1].parts[0].function.arguments", "contents[1].parts[0].functionCall.args"),
            (gemini, "tools[0].functionDeclarations[1].name", "tools[0].functionDeclarations[1].name"),
        ];
        for (caller, at, expected) in cases {
            assert_eq!(field(caller, at.to_owned()), expected, "{caller}");
        }
    }
}
