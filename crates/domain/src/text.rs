//! Text from elsewhere, made fit to be shown: a model's name or a provider's error must not move a cursor, colour a
//! terminal or begin a line of its own.

use std::borrow::Cow;

/// Text as one line: what a terminal would obey is written out (`\u{1b}`, `\n`).
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed)
}

/// Text of several lines: line breaks and tabs stay, the rest as in [`one_line`].
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_obeyed(c) && !matches!(c, '\n' | '\t'))
}

/// Control characters (C0, DEL and C1, of which U+009B begins commands as ESC [ does), the two separators that are line
/// breaks to some, and the marks that reverse the order of what follows (Unicode's bidirectional controls).
#[must_use]
pub fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, obeyed: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if obeyed(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_terminal_obeys_comes_through() {
        let cases = [
            ("gpt-4o", "gpt-4o"),
            ("Größe “x” 日本 🚉", "Größe “x” 日本 🚉"),
            ("a\u{1b}[31mred", "a\\u{1b}[31mred"),
            ("a\r\nforged line", "a\\r\\nforged line"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            ("abc\u{202e}gpj.exe\u{2028}", "abc\\u{202e}gpj.exe\\u{2028}"),
        ];
        for (text, shown) in cases {
            assert_eq!(one_line(text), shown);
        }
        assert_eq!(lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u{1b}");
    }
}
