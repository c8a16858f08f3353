//! Halves of surrogate pairs in JSON text.
//!
//! JavaScript's strings may be cut in the middle of a character, and `JSON.stringify` then writes the half that is left as
//! an escape (`"\ud83d"`; ECMA-262, "well-formed JSON.stringify"; RFC 8259, 8.2). Rust's strings can't hold it, and many
//! providers refuse it. A half that has no other half becomes U+FFFD, as it does when such a string is encoded (WHATWG
//! Encoding, `TextEncoder`).

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::{memchr, memmem::Finder};

static ESCAPES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\\u"));

/// How an escape is written: `\u` and four hexadecimal digits.
const ESCAPE: usize = 6;

/// The JSON with U+FFFD for each half of a pair; none where it holds no half, which is the rule and costs next to nothing.
pub(crate) fn mended(json: &[u8]) -> Option<Vec<u8>> {
    if !ESCAPES.find_iter(json).any(|at| half(json, at).is_some()) {
        return None;
    }
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut kept) = (0, 0);
    // An escaped backslash may stand before a `u`: escapes can only be told apart one after the other.
    while let Some(next) = json.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += next;
        at += match (half(json, at), half(json, at + ESCAPE)) {
            (Some(Half::High), Some(Half::Low)) => 2 * ESCAPE,
            (Some(_), _) => {
                let out = out.get_or_insert_with(|| Vec::with_capacity(json.len()));
                out.extend_from_slice(&json[kept..at]);
                out.extend_from_slice(b"\\ufffd");
                kept = at + ESCAPE;
                ESCAPE
            }
            (None, _) => 2,
        };
    }
    out.map(|mut out| {
        out.extend_from_slice(&json[kept..]);
        out
    })
}

/// The JSON text with U+FFFD for each half of a pair.
pub(crate) fn mended_text(json: &str) -> Cow<'_, str> {
    let mended = mended(json.as_bytes()).and_then(|mended| String::from_utf8(mended).ok());
    mended.map_or(Cow::Borrowed(json), Cow::Owned)
}

#[derive(Clone, Copy)]
enum Half {
    High,
    Low,
}

/// Which half the escape at `at` is, if it is one.
fn half(json: &[u8], at: usize) -> Option<Half> {
    let [b'\\', b'u', first, second, third, fourth] = json.get(at..at + ESCAPE)? else { return None };
    if !third.is_ascii_hexdigit() || !fourth.is_ascii_hexdigit() {
        return None;
    }
    match (first, second) {
        (b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B') => Some(Half::High),
        (b'd' | b'D', b'c'..=b'f' | b'C'..=b'F') => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_a_pair_become_the_replacement_character_and_all_else_stays() {
        let cases = [
            (r#"{"a":"\ud83d"}"#, r#"{"a":"\ufffd"}"#),
            (r#"{"a":"\ude00 done"}"#, r#"{"a":"\ufffd done"}"#),
            (r#"["\uD83D\uDE00\uD83D","\udbff\n\udc00"]"#, r#"["\uD83D\uDE00\ufffd","\ufffd\n\ufffd"]"#),
            (r#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (r#"["\\ud83d","\\\ud83d"]"#, r#"["\\ud83d","\\\ufffd"]"#),
            (r#"{"\ud83d":1}"#, r#"{"\ufffd":1}"#),
        ];
        for (json, expected) in cases {
            let mended = mended(json.as_bytes()).unwrap();
            assert_eq!(std::str::from_utf8(&mended).unwrap(), expected);
            assert!(serde_json::from_slice::<serde_json::Value>(&mended).is_ok());
        }
        let whole = [
            "",
            "{}",
            r#""\u00e9 \ud83d\ude00""#,
            r#""\\ud83d""#,
            r#""\\\\ud83d""#,
            r#""\u""#,
            "\\",
            "\"\\ud8",
        ];
        for json in whole {
            assert_eq!(mended(json.as_bytes()), None, "{json}");
        }
    }
}
