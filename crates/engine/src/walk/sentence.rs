//! A sentence of somebody else's before one of ours.

use std::borrow::Cow;

/// A message that another sentence may follow: providers' own often end without a full stop.
pub(crate) fn sentence(message: &str) -> Cow<'_, str> {
    let message = message.trim_end();
    let ends = |c: char| matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？');
    let unquoted = message.trim_end_matches(['"', '\'', '”', '’', ')', ']', '`']);
    if message.is_empty() || unquoted.ends_with(ends) {
        Cow::Borrowed(message)
    } else {
        Cow::Owned(format!("{message}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_words_end_before_ours_begin() {
        let cases = [
            ("alpha fails", "alpha fails."),
            ("alpha fails. ", "alpha fails."),
            ("Is it up?", "Is it up?"),
            ("It said \"no.\"", "It said \"no.\""),
            ("It failed (code 7)", "It failed (code 7)."),
            ("失败。", "失败。"),
            ("", ""),
        ];
        for (message, expected) in cases {
            assert_eq!(sentence(message), expected);
        }
    }
}
