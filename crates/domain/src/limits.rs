//! How long the strings may be that callers, providers and people bring. What is stored, shown or sent on is bounded
//! where it comes in, and once more where a log row, an event or a header is made of it.

/// The longest name a caller may give: a model, a job, an idempotency key, an end user, a conversation. Bytes. The
/// longest names in use (Claude Code's `metadata.user_id`, Bedrock's inference profile ARNs) are about 200.
pub const NAME_BYTES: usize = 256;

/// The longest value of a header we write, bytes. Clients refuse heads of more than 16 KiB in all (Node.js) or 64 KiB a
/// line (Python), and with them the answer.
pub const HEADER_BYTES: usize = 1_024;

/// The longest sentence of an error or a reason, bytes.
pub const SENTENCE_BYTES: usize = 1_024;

/// A text of at most `limit` bytes; one that is longer loses its end to an ellipsis.
#[must_use]
pub fn bounded(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
    text
}

/// The same for a text that is only quoted.
#[must_use]
pub fn quoted(text: &str, limit: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= limit {
        return text.into();
    }
    bounded(text[..text.floor_char_boundary(limit + 1)].to_owned(), limit).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_never_cuts_a_character() {
        for (text, limit, kept) in
            [("abc", 3, "abc"), ("abcdefg", 6, "abc…"), ("ééééé", 7, "éé…"), ("日本語", 5, "…"), ("", 0, "")]
        {
            assert_eq!(bounded(text.to_owned(), limit), kept);
            assert_eq!(quoted(text, limit), kept);
        }
        assert!(quoted(&"é".repeat(1_000_000), 256).len() <= 256);
    }
}
