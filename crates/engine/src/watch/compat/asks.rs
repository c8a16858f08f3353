//! What each case asks, as an OpenAI chat client would write it.

use serde_json::{Value, json};

/// A plain red square, 64 by 64.
const RED_PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAS0lEQVR42u3PQQkAAAgAsetfWiP4FgYrsKZeS0BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEDgsqnc8OJg6Ln3AAAAAElFTkSuQmCC";
/// The word hidden in a long prompt.
pub(super) const HIDDEN: &str = "heliotrope";
/// The most a long prompt holds, tokens: enough to see a window that is cut short, little enough to stay cheap.
const LONGEST_TOKENS: u64 = 30_000;
/// A window smaller than this is filled by any prompt; there is nothing to hide a word in.
const SMALLEST_WINDOW: u64 = 2_000;
/// Characters of English prose in a token, low (OpenAI, "What are tokens": about four).
const CHARS_PER_TOKEN: u64 = 4;

fn chat(content: impl Into<Value>) -> Value {
    json!({ "model": "auto", "messages": [{ "role": "user", "content": content.into() }] })
}

fn with(mut body: Value, members: Value) -> Value {
    if let (Some(body), Value::Object(members)) = (body.as_object_mut(), members) {
        body.extend(members);
    }
    body
}

pub(super) fn plain() -> Value {
    chat("Answer with the one word: ready")
}

pub(super) fn streamed(body: Value) -> Value {
    with(body, json!({ "stream": true, "stream_options": { "include_usage": true } }))
}

pub(super) fn stream() -> Value {
    streamed(chat("Answer in one short sentence: what does a switchyard do?"))
}

fn weather_tool() -> Value {
    json!([{ "type": "function", "function": {
        "name": "get_weather",
        "description": "The weather in one city at this moment. The only source for it.",
        "parameters": {
            "type": "object",
            "properties": { "city": { "type": "string", "description": "The city's name" } },
            "required": ["city"],
            "additionalProperties": false
        }
    } }])
}

pub(super) fn tools() -> Value {
    with(
        chat("Call the tool get_weather once, then tell me the weather in Lisbon"),
        json!({ "tools": weather_tool(), "tool_choice": "auto" }),
    )
}

/// The answered calls with their result, as a client gives them back.
pub(super) fn tool_result(message: &Value, calls: &[super::judge::Call]) -> Value {
    let mut body = tools();
    let results = calls.iter().map(|call| {
        json!({ "role": "tool", "tool_call_id": call.id, "content": "{\"sky\":\"clear\",\"celsius\":21}" })
    });
    if let Some(messages) = body["messages"].as_array_mut() {
        messages.push(message.clone());
        messages.extend(results);
    }
    body
}

pub(super) fn parallel_tools() -> Value {
    with(
        chat("Call the tool get_weather twice at once, in one answer, for the weather in Lisbon and Porto"),
        json!({ "tools": weather_tool(), "tool_choice": "auto", "parallel_tool_calls": true }),
    )
}

pub(super) fn json_schema() -> Value {
    with(
        chat("Give the capital of Portugal and the number of letters in its name"),
        json!({ "response_format": { "type": "json_schema", "json_schema": {
            "name": "capital",
            "strict": true,
            "schema": {
                "type": "object",
                "properties": { "city": { "type": "string" }, "letters": { "type": "integer" } },
                "required": ["city", "letters"],
                "additionalProperties": false
            }
        } } }),
    )
}

pub(super) fn vision() -> Value {
    chat(json!([
        { "type": "text", "text": "Which colour fills this image? Answer with the colour's name" },
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{RED_PNG}") } }
    ]))
}

/// Tokens of the long prompt for a context window; `None` where the window is too small to try.
pub(super) fn long_tokens(window: u64) -> Option<u64> {
    (window >= SMALLEST_WINDOW).then(|| (window / 4 * 3).min(LONGEST_TOKENS))
}

pub(super) fn long_context(tokens: u64) -> Value {
    const PROSE: [&str; 4] = [
        "The early train leaves the yard before the fog has lifted from the river. ",
        "A signal changes, and the points turn with a sound like a closed book. ",
        "Wagons of timber wait beside wagons of grain until the line is clear. ",
        "The clerk writes each number down and never asks where the freight goes. ",
    ];
    let room = usize::try_from(tokens * CHARS_PER_TOKEN).unwrap_or(usize::MAX);
    let mut text = String::with_capacity(room + 256);
    text.push_str("Read this to its end; a question follows. ");
    let mut hidden = false;
    for sentence in PROSE.iter().cycle() {
        if text.len() >= room {
            break;
        }
        if !hidden && text.len() >= room / 2 {
            text.push_str(&format!("The code word is {HIDDEN}. "));
            hidden = true;
        }
        text.push_str(sentence);
    }
    text.push_str("\n\nWhich code word does the text above name? Answer with that word alone");
    chat(text)
}

/// Faulty requests: the first of them that is refused proves that errors come back. Lenient servers take a
/// temperature below zero, but no text for a number.
pub(super) fn faulty() -> [Value; 2] {
    [with(plain(), json!({ "temperature": -5 })), with(plain(), json!({ "temperature": "hot" }))]
}

pub(super) fn long_answer() -> Value {
    streamed(chat("Count from 1 to 300 in words, one number in each line, and write nothing else"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_prompt_fits_its_window_and_hides_its_word_in_the_middle() {
        assert_eq!(
            [1_999, 4_000, 8_192, 1_000_000].map(long_tokens),
            [None, Some(3_000), Some(6_144), Some(30_000)]
        );
        let body = long_context(3_000);
        let text = body["messages"][0]["content"].as_str().unwrap();
        let (at, len) = (text.find(HIDDEN).unwrap(), text.len());
        assert!((len * 4 / 10..len * 6 / 10).contains(&at), "{at} of {len}");
        assert_eq!(text.matches(HIDDEN).count(), 1);
        assert!(len / 4 < 3_200, "{len}");
    }
}
