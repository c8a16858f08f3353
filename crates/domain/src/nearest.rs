//! The name that was meant, where another was typed.

/// Names that are less alike than this part of one are not meant.
const ALIKE: f32 = 0.7;

/// The known name that is most like a mistaken one, if any is like it.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let alike = |known: &str| {
        let known = known.to_lowercase();
        let (own, other) = (length(&name), length(&known));
        // What is longer by so much can't be alike, and a long text takes long to compare.
        let may_be = 2.0 * own.min(other) / (own + other) > ALIKE;
        may_be.then(|| similar::TextDiff::from_chars(name.as_str(), known.as_str()).ratio())
    };
    let best = known.into_iter().filter_map(|known| Some((alike(known)?, known)));
    let best = best.filter(|(ratio, _)| *ratio > ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, known)| known)
}

/// In characters; without end where it is longer than any name.
fn length(text: &str) -> f32 {
    u16::try_from(text.chars().count()).map_or(f32::INFINITY, f32::from)
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
        let long = "anthropic".repeat(100_000);
        assert_eq!(nearest(&long, known), None, "found without comparing it");
        assert_eq!(nearest(&long, [long.as_str()]), None);
    }
}
