//! A tool call's arguments on their way upstream.
//!
//! A model may have written something else than the JSON object they are meant to be, and its caller keeps that in the
//! conversation. Some providers (MiniMax, error 2013) then refuse every later turn, and dialects whose input is an object
//! have no place for it.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::surrogates;

/// The arguments as the text of a JSON object, and whether they had to be wrapped in one because they are not.
pub(crate) fn as_object(arguments: &str) -> (Cow<'_, str>, bool) {
    let trimmed = arguments.trim();
    if trimmed.is_empty() {
        return (Cow::Borrowed("{}"), false);
    }
    if trimmed.starts_with('{') && serde_json::from_str::<IgnoredAny>(trimmed).is_ok() {
        return (surrogates::mended_text(trimmed), false);
    }
    (Cow::Owned(serde_json::json!({ "arguments": arguments }).to_string()), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_wrapped_in_one() {
        for (arguments, object) in [("", "{}"), (" \n", "{}"), (r#" {"a":1.50} "#, r#"{"a":1.50}"#)] {
            assert_eq!(as_object(arguments), (object.into(), false));
        }
        for (arguments, object) in [
            (r#"{"path": "a"#, r#"{"arguments":"{\"path\": \"a"}"#),
            ("[1]", r#"{"arguments":"[1]"}"#),
            ("{} {}", r#"{"arguments":"{} {}"}"#),
            ("null", r#"{"arguments":"null"}"#),
            ("look at a", r#"{"arguments":"look at a"}"#),
        ] {
            assert_eq!(as_object(arguments), (object.into(), true));
        }
    }
}
