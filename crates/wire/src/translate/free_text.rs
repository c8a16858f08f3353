//! The free text of a custom tool, as the one argument of a function, and back.
//!
//! A model that is told to call a function with `{"input": "..."}` mostly does. What it writes instead now and then is taken
//! for what it means: a text without an object around it, an argument of another name, an answer cut off inside the text.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::members::Members;
use crate::notes::{Notes, TranslateError};

/// The argument's name.
const NAME: &str = "input";

/// How much may come before the text begins, bytes: its argument's name and some white space.
const HEAD_LIMIT: usize = 256;

/// The most that is held back of what was not asked for, bytes. A model's longest answers are half of it.
const HELD_LIMIT: usize = 1024 * 1024;

/// The function's schema.
pub(crate) fn schema<'a>(at: &str) -> Result<Option<&'a RawValue>, TranslateError> {
    const SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string","description":"The tool's whole input, as plain text."}},"required":["input"],"additionalProperties":false}"#;
    serde_json::from_str(SCHEMA).map(Some).map_err(|error| TranslateError::invalid(at, error.to_string()))
}

/// What the model is told of a custom tool: what its caller says of it, how its text is given, and the grammar that
/// follows. Nobody but the provider of such tools holds a model to it.
pub(crate) fn described(tool: &mut Members<'_>, notes: &mut Notes) -> Result<String, TranslateError> {
    let mut told = tool.text("description")?.unwrap_or_default().trim_end().to_owned();
    if !told.is_empty() {
        told.push_str("\n\n");
    }
    told.push_str(
        "This tool takes free text: call it as a function, with that text, whole and unchanged, as `input`.",
    );
    let Some(mut format) = tool.object("format")? else { return Ok(told) };
    format.raw("type");
    // Chat has one more level here than Responses.
    let inner = format.object("grammar")?;
    let mut grammar = match inner {
        Some(inner) => {
            notes.dropped(format);
            inner
        }
        None => format,
    };
    if let (Some(syntax), Some(definition)) = (grammar.text("syntax")?, grammar.text("definition")?) {
        for said in [" The text must follow this ", &syntax, " grammar:\n", &definition] {
            told.push_str(said);
        }
    }
    notes.dropped(grammar);
    Ok(told)
}

/// A text as the function's arguments.
pub(crate) fn wrapped(text: &str) -> String {
    let mut json = format!("{{\"{NAME}\":");
    json.push_str(&Value::from(text).to_string());
    json.push('}');
    json
}

/// The text in whole arguments.
pub(crate) fn unwrapped(arguments: &str) -> String {
    if !matches!(head(arguments), Head::Whole(_)) {
        return otherwise(arguments).into_owned();
    }
    let mut reader = FreeText::default();
    let mut text = reader.push(arguments);
    text.push_str(&reader.finish());
    text
}

/// Reads the text out of arguments that come in pieces.
#[derive(Debug, Default)]
pub(crate) struct FreeText {
    state: State,
    /// What can't be told yet: the head, half an escape, or all of it where it is not what was asked for.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the text's first character.
    #[default]
    Head,
    /// In the text.
    Text,
    /// Behind the text.
    Over,
    /// It is something else, which only its end explains.
    Odd,
    /// It is something else, and too long to wait for its end: told as it is.
    Raw,
}

/// How a beginning compares with `{"input":"`.
enum Head {
    /// It goes that far.
    Begun,
    /// It is all there, so many bytes.
    Whole(usize),
    Other,
}

impl FreeText {
    /// Takes the next piece of the arguments and gives the text that is certain.
    pub(crate) fn push(&mut self, json: &str) -> String {
        match self.state {
            State::Text if self.held.is_empty() => return self.read(json),
            State::Over => return String::new(),
            State::Raw => return json.to_owned(),
            State::Head | State::Text | State::Odd => self.held.push_str(json),
        }
        if self.state == State::Head {
            match head(&self.held) {
                Head::Begun if self.held.len() <= HEAD_LIMIT => {}
                Head::Whole(length) => {
                    self.state = State::Text;
                    self.held.drain(..length);
                }
                Head::Begun | Head::Other => self.state = State::Odd,
            }
        }
        if self.state == State::Odd && self.held.len() > HELD_LIMIT {
            self.state = State::Raw;
            return std::mem::take(&mut self.held);
        }
        if self.state != State::Text {
            return String::new();
        }
        let held = std::mem::take(&mut self.held);
        self.read(&held)
    }

    /// The text still owed when nothing more comes.
    pub(crate) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::Over) {
            State::Head | State::Odd => otherwise(&held).into_owned(),
            // Half an escape says nothing.
            State::Text | State::Over | State::Raw => String::new(),
        }
    }

    /// Reads a string's inside, up to its end or to an escape that is not whole.
    fn read(&mut self, json: &str) -> String {
        let mut text = String::with_capacity(json.len());
        let mut rest = json;
        while let Some(at) = rest.find(['"', '\\']) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with('"') {
                self.state = State::Over;
                return text;
            }
            match escape(rest) {
                Some((c, length)) => {
                    text.push(c);
                    rest = &rest[length..];
                }
                None => {
                    self.held.push_str(rest);
                    return text;
                }
            }
        }
        text.push_str(rest);
        text
    }
}

fn head(held: &str) -> Head {
    let mut rest = held.trim_start();
    for token in ["{", "\"input\"", ":", "\""] {
        let Some(after) = rest.strip_prefix(token) else {
            return if token.starts_with(rest) { Head::Begun } else { Head::Other };
        };
        // White space inside the string is the text's.
        rest = if token == "\"" { after } else { after.trim_start() };
    }
    Head::Whole(held.len() - rest.len())
}

/// The character an escape stands for and its length; none when it is not whole. What JSON does not know stands for
/// itself; half a surrogate is U+FFFD.
fn escape(json: &str) -> Option<(char, usize)> {
    let c = json[1..].chars().next()?;
    let plain = |c| Some((c, 2));
    match c {
        'n' => plain('\n'),
        't' => plain('\t'),
        'r' => plain('\r'),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'u' => {
            let high = unit(json)?;
            let Some(high) = high else { return plain('u') };
            if !(0xd800..0xdc00).contains(&high) {
                return Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6));
            }
            let behind = &json[6..];
            if behind.is_empty() || behind == "\\" {
                return None;
            }
            if !behind.starts_with("\\u") {
                return Some((char::REPLACEMENT_CHARACTER, 6));
            }
            match unit(behind)? {
                Some(low) if (0xdc00..0xe000).contains(&low) => {
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12))
                }
                Some(_) | None => Some((char::REPLACEMENT_CHARACTER, 6)),
            }
        }
        other => Some((other, 1 + other.len_utf8())),
    }
}

/// The four hex digits of `\uXXXX`: none when they are not all there, `Some(None)` when they are none.
fn unit(json: &str) -> Option<Option<u32>> {
    let digits = &json.as_bytes()[2..];
    let given = &digits[..digits.len().min(4)];
    if !given.iter().all(u8::is_ascii_hexdigit) {
        return Some(None);
    }
    if given.len() < 4 {
        return None;
    }
    Some(std::str::from_utf8(given).ok().and_then(|hex| u32::from_str_radix(hex, 16).ok()))
}

/// The text in arguments that do not begin as asked for.
fn otherwise(arguments: &str) -> Cow<'_, str> {
    match serde_json::from_str(arguments) {
        Ok(Value::String(text)) => Cow::Owned(text),
        Ok(Value::Object(mut members)) => {
            let is_alone = members.len() == 1;
            let named = members.remove(NAME);
            match named.or_else(|| members.into_iter().next().map(|(_, value)| value).filter(|_| is_alone)) {
                Some(Value::String(text)) => Cow::Owned(text),
                Some(_) | None if arguments.trim() == "{}" => Cow::Borrowed(""),
                Some(_) | None => Cow::Borrowed(arguments),
            }
        }
        Ok(_) | Err(_) => Cow::Borrowed(arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "*** Begin Patch\n*** Update File: a\\b.rs\n-\tlet a = \"é\";\n+\tlet a = \"😀\u{1}\";\n*** End Patch";

    #[test]
    fn a_text_comes_back_as_it_was_however_it_is_cut() {
        let spaced = format!(" {{ \"input\" :\n {} }} ", Value::from(PATCH));
        let escaped: String = PATCH.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let forms = [wrapped(PATCH), spaced, format!("{{\"input\":\"{escaped}\"}}")];
        for form in &forms {
            assert_eq!(unwrapped(form), PATCH, "{form}");
            for size in 1..9 {
                let chars: Vec<char> = form.chars().collect();
                let mut reader = FreeText::default();
                let mut text = String::new();
                for piece in chars.chunks(size) {
                    text.push_str(&reader.push(&piece.iter().collect::<String>()));
                }
                text.push_str(&reader.finish());
                assert_eq!(text, PATCH, "{form} in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_a_model_writes_instead_is_taken_for_what_it_means() {
        let cases = [
            ("", ""),
            ("{}", ""),
            ("*** Begin Patch\n", "*** Begin Patch\n"),
            ("\"a\\nb\"", "a\nb"),
            (r#"{"patch":"a"}"#, "a"),
            (r#"{"reason":"r","input":"a"}"#, "a"),
            (r#"{"input":"a","reason":"r"}"#, "a"),
            (r#"{"input":["a"]}"#, r#"{"input":["a"]}"#),
            (r#"{"a":"b","c":"d"}"#, r#"{"a":"b","c":"d"}"#),
            // Cut off, and with a line break nobody escaped.
            ("{\"input\":\"a\nb\\", "a\nb"),
            (r#"{"input":"a\ud83"#, "a"),
            (r#"{"input":"a\ud83dx\udc00\q\uzz"}"#, "a\u{fffd}x\u{fffd}quzz"),
        ];
        for (arguments, text) in cases {
            assert_eq!(unwrapped(arguments), text, "{arguments}");
            let mut reader = FreeText::default();
            let mut told: String = arguments.chars().map(|c| reader.push(&c.to_string())).collect();
            told.push_str(&reader.finish());
            assert_eq!(told, text, "{arguments}, character by character");
        }
    }

    #[test]
    fn what_is_held_back_has_a_bound() {
        let mut reader = FreeText::default();
        let blank = " ".repeat(HEAD_LIMIT);
        assert_eq!(reader.push(&blank) + &reader.push(&wrapped("a")) + &reader.finish(), "a");
        let mut reader = FreeText::default();
        let piece = "x".repeat(1_000);
        let told: usize = (0..3_000).map(|_| reader.push(&piece).len()).sum();
        assert_eq!(told, 3_000_000, "an endless text flows on");
        assert_eq!((reader.held.len(), reader.finish()), (0, String::new()));
    }
}
