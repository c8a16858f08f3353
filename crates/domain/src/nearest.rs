//! The name that was meant, where another was typed.

/// Names that are less alike than this part of one are not meant.
const ALIKE: f32 = 0.7;

/// The known name that is most like a mistaken one, if any is like it.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let alike =
        |known: &str| similar::TextDiff::from_chars(name.as_str(), known.to_lowercase().as_str()).ratio();
    let best = known.into_iter().map(|known| (alike(known), known));
    let best = best.filter(|(ratio, _)| *ratio > ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, known)| known)
}

/// That question as a sentence with a blank before it; empty when nothing is like the name.
#[must_use]
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!(" Did you mean `{known}`?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let known = ["anthropic", "openai", "anthropic/sonnet-4.6", "gpt-4o-mini"];
        let cases = [
            ("antropic", Some("anthropic")),
            ("OpnAI", Some("openai")),
            ("gpt4o-mini", Some("gpt-4o-mini")),
            ("anthropic/sonnet-4", Some("anthropic/sonnet-4.6")),
            ("mistral", None),
            ("", None),
        ];
        for (name, meant) in cases {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
    }
}
