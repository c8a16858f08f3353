//! Compares the beginning of a new upstream's text with what was said.
//!
//! Three things are looked for: a repeat of the end, a repeat from the beginning, and signs of an answer of its own. A
//! repeat is recognised however long it is, in time and memory linear in both texts: the new text is a pattern that is
//! searched for in the old one while it still grows (Knuth, Morris and Pratt). Where the search reaches the old text's
//! end, so many bytes of the new one repeat that end.

use memchr::memmem;

use super::Mismatch;

/// A repeat of so many characters is one, wherever it begins.
pub(super) const REPEAT_CHARS: usize = 12;
/// A repeat from the beginning of a word on is one if it has so many characters: `haha` is a word, `brownbrown` is not.
pub(super) const WORD_CHARS: usize = 4;
/// So much of a new text is seen before any of it passes, bytes: a preamble of two sentences, and enough of what it leads
/// to. Models write it within a second or two.
pub(super) const WINDOW_BYTES: usize = 384;
/// What was said is recognised behind a preamble by so much of its beginning, bytes.
pub(super) const HEAD_BYTES: usize = 48;
/// A head shorter than this, bytes, may begin a sentence of the continuation too.
const STRONG_HEAD_BYTES: usize = 24;
/// An answer that begins otherwise is known for the old one's by a passage of so many bytes,
const PASSAGE_BYTES: usize = 96;
/// in so much of the old one's beginning, bytes.
const BEGINNING_BYTES: usize = 2 * WINDOW_BYTES;
/// Fewer letters and digits tell nothing behind a preamble.
const HEAD_LETTERS: usize = 3;

/// A new text's beginning, compared with what was said.
#[derive(Debug)]
pub(in crate::pipe) struct Comparison {
    pub(super) said: String,
    pub(super) held: String,
    prefilled: bool,
    /// For each beginning of what is held, the length of what it both begins and ends with, short of itself.
    borders: Vec<usize>,
    /// So much of what was said has been searched,
    searched: usize,
    /// and so many bytes of what is held stand where the search is.
    matched: usize,
    /// The bytes that repeat the end of what was said, once the search has reached it.
    repeated: Option<usize>,
}

/// How a new text follows on what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on behind so many bytes that repeat the end.
    GoesOn { repeated: usize },
    /// From byte `from` on it tells anew what was said, from its byte `said_from` on.
    Anew { said_from: usize, from: usize },
}

impl Comparison {
    pub(super) fn new(said: &str, prefilled: bool) -> Self {
        Self {
            said: said.to_owned(),
            held: String::new(),
            // Said whitespace alone, the model was asked anew: it repeats that or not.
            prefilled: prefilled || said.trim().is_empty(),
            borders: Vec::new(),
            searched: 0,
            matched: 0,
            repeated: None,
        }
    }

    /// Takes more of the new text.
    pub(super) fn hear(&mut self, piece: &str) {
        self.held.push_str(piece);
        if self.repeated.is_none() {
            extend_borders(&mut self.borders, self.held.as_bytes());
            self.search(false);
        }
    }

    /// Whether more of the new text would change nothing.
    pub(super) fn is_decided(&self) -> bool {
        match self.repeated {
            None => false,
            Some(repeated) => {
                let is_telling = letters(&self.said) >= HEAD_LETTERS;
                repeated > 0 || self.held.len() >= WINDOW_BYTES || (self.prefilled && !is_telling)
            }
        }
    }

    /// How what has come follows on what was said.
    pub(super) fn verdict(&mut self) -> Result<Verdict, Mismatch> {
        self.search(true);
        let (said, held) = (self.said.as_str(), self.held.as_str());
        let is_all_again = held.starts_with(said);
        match self.repeated {
            Some(repeated) if repeated > 0 => return Ok(Verdict::GoesOn { repeated }),
            Some(_) | None => {}
        }
        if !self.prefilled && is_all_again && said.chars().count() < WORD_CHARS {
            return Err(Mismatch::Unclear);
        }
        if self.begins_the_same() {
            return Err(Mismatch::Differs);
        }
        if let Some(anew) = self.behind_a_preamble()? {
            return Ok(anew);
        }
        if self.shares_a_passage() {
            return Err(Mismatch::Differs);
        }
        if self.is_a_new_sentence() {
            return Err(Mismatch::Unclear);
        }
        let repeated = if self.prefilled {
            common_prefix(&said[said.trim_end().len()..], held)
        } else {
            usize::from(ends_in_a_space(said) && held.starts_with(' '))
        };
        Ok(Verdict::GoesOn { repeated })
    }

    /// Searches on for what is held, as far as it is known, in what was said; `to_the_end`: though nothing more will come.
    fn search(&mut self, to_the_end: bool) {
        let (said, held) = (self.said.as_bytes(), self.held.as_bytes());
        while self.repeated.is_none() {
            let Some(byte) = said.get(self.searched) else {
                self.repeated = Some(self.longest_repeat());
                return;
            };
            if self.matched == held.len() {
                if !to_the_end || held.is_empty() {
                    return;
                }
                self.matched = self.borders[self.matched - 1];
            }
            while self.matched > 0 && held[self.matched] != *byte {
                self.matched = self.borders[self.matched - 1];
            }
            self.matched += usize::from(held[self.matched] == *byte);
            self.searched += 1;
        }
    }

    /// The longest repeat of the end that is no coincidence; 0 for none.
    fn longest_repeat(&self) -> usize {
        let mut length = self.matched;
        while length > 0 {
            let border = self.borders[length - 1];
            // A text that repeats itself (`0, 0, 0, 0`) goes on so. Each next length is less than half of one that passes
            // here, so that all of this takes no longer than one reading.
            if (length - border) * 2 > length && self.is_a_repeat(self.said.len() - length) {
                return length;
            }
            length = border;
        }
        0
    }

    /// Whether what was said from byte `at` on is nobody's continuation of itself: `brownbrown` is none, nor is `the cat
    /// the cat`; `that that` may be one. An answer begun anew repeats all there is.
    fn is_a_repeat(&self, at: usize) -> bool {
        let (before, suffix) = self.said.split_at(at);
        let is_long = is_telling(suffix, REPEAT_CHARS);
        if self.prefilled {
            return is_long && before.is_empty();
        }
        let begins_word =
            suffix.starts_with(char::is_alphanumeric) && !before.ends_with(char::is_alphanumeric);
        let is_whole = before.is_empty() || suffix.ends_with(char::is_alphanumeric);
        let has_words = suffix.split_whitespace().nth(1).is_some();
        is_long || (begins_word && (has_words || (is_whole && suffix.chars().nth(WORD_CHARS - 1).is_some())))
    }

    /// Whether it begins as the old text did and then says something else. In the middle of a sentence a few words tell
    /// that; a new line or sentence may well begin as the first one did.
    fn begins_the_same(&self) -> bool {
        let same = common_prefix(&self.said, &self.held);
        let has_period = same > 0 && (same - self.borders[same - 1]) * 2 <= same;
        let chars = if is_mid_sentence(&self.said) && !self.prefilled { REPEAT_CHARS } else { HEAD_BYTES };
        !has_period && is_telling(&self.said[..same], chars)
    }

    /// Where the old text begins anew behind a preamble. One too short to be told from a verse that comes again is refused.
    fn behind_a_preamble(&self) -> Result<Option<Verdict>, Mismatch> {
        let said_from = self.said.len() - self.said.trim_start().len();
        let said = &self.said[said_from..];
        let head = &said[..said.floor_char_boundary(HEAD_BYTES)];
        if letters(head) < HEAD_LETTERS || is_one_pattern(head.as_bytes()) {
            return Ok(None);
        }
        let is_new = self.is_a_new_sentence();
        let may_be_new = is_new || self.held.trim_start_matches(['\n', '\r']).starts_with(char::is_uppercase);
        let is_strong = head.len() >= STRONG_HEAD_BYTES;
        let mut found = memmem::find_iter(self.held.as_bytes(), head.as_bytes());
        let found =
            found.find(|at| *at > 0 && (is_strong || (may_be_new && begins_a_sentence(&self.held[..*at]))));
        let Some(from) = found else { return Ok(None) };
        let is_sure = is_new || self.held[..from].trim().is_empty() || said.len() >= WINDOW_BYTES;
        if is_sure { Ok(Some(Verdict::Anew { said_from, from })) } else { Err(Mismatch::Unclear) }
    }

    /// Whether it tells again, in other surroundings, what the old text began with.
    fn shares_a_passage(&self) -> bool {
        let held = &self.held.as_bytes()[..self.held.len().min(BEGINNING_BYTES)];
        let said = &self.said.as_bytes()[..self.said.len().min(BEGINNING_BYTES)];
        // A passage holds one whole block, wherever it begins.
        let block = PASSAGE_BYTES / 2;
        held.chunks_exact(block).enumerate().any(|(n, bytes)| {
            memmem::find_iter(said, bytes).any(|at| {
                let here = n * block;
                let before = same(held[..here].iter().rev(), said[..at].iter().rev());
                let behind = same(held[here..].iter(), said[at..].iter());
                let passage = &said[at - before..at + behind];
                passage.len() >= PASSAGE_BYTES && is_told(passage)
            })
        })
    }

    /// Whether a sentence begins right behind a letter (`the quiSure, here it is`): no text goes on so. Names and code do
    /// (`GitHub`, `getUser`), so that the word before has to be a plain one, and the next to be followed as in prose.
    fn is_a_new_sentence(&self) -> bool {
        if self.prefilled {
            return false;
        }
        let before = self.said.trim_end_matches(char::is_alphabetic);
        let word = &self.said[before.len()..];
        let is_first = before.is_empty();
        let plain = if is_first { word.trim_start_matches(char::is_uppercase) } else { word };
        let is_plain = !word.is_empty()
            && plain.chars().all(char::is_lowercase)
            && word.len() - plain.len() <= word.chars().next().map_or(0, char::len_utf8)
            && (is_first || before.ends_with(char::is_whitespace));
        let next = self.held.trim_start_matches(|c: char| c.is_alphabetic() || matches!(c, '\'' | '’'));
        let is_prose =
            next.starts_with(|c: char| c.is_whitespace() || matches!(c, ',' | '.' | '!' | '?' | ':'));
        is_plain && is_prose && self.held.starts_with(char::is_uppercase)
    }
}

/// Extends the borders of a text's beginnings to all of it.
fn extend_borders(borders: &mut Vec<usize>, text: &[u8]) {
    for at in borders.len()..text.len() {
        let mut border = at.checked_sub(1).map_or(0, |last| borders[last]);
        while border > 0 && text[at] != text[border] {
            border = borders[border - 1];
        }
        borders.push(border + usize::from(at > 0 && text[at] == text[border]));
    }
}

/// Whether so many characters of text, half of them letters or digits, are no coincidence: rulers, indentation and table
/// cells come again and again.
fn is_telling(text: &str, chars: usize) -> bool {
    text.chars().nth(chars - 1).is_some()
        && text.chars().filter(|c| c.is_alphanumeric()).nth(chars / 2 - 1).is_some()
}

/// The same of a passage, which must not be of one pattern either.
fn is_told(passage: &[u8]) -> bool {
    let words = passage.iter().filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()).count();
    words * 2 >= passage.len() && !is_one_pattern(passage)
}

/// Whether a text is one pattern, two times or more.
fn is_one_pattern(text: &[u8]) -> bool {
    let mut borders = Vec::new();
    extend_borders(&mut borders, text);
    let border = borders.last().copied().unwrap_or_default();
    (text.len() - border) * 2 <= text.len()
}

/// Whether a sentence may begin behind this: a line, a colon or another sentence has ended, quotes and marks aside.
fn begins_a_sentence(before: &str) -> bool {
    let before = before.trim_end_matches(|c: char| c == ' ' || "\"“'‘*_`>#".contains(c));
    before.is_empty() || before.ends_with(['\n', ':', '.', '!', '?', '…'])
}

/// Whether a text breaks off in the middle of a sentence.
fn is_mid_sentence(text: &str) -> bool {
    let trimmed = text.trim_end();
    !text[trimmed.len()..].contains('\n') && trimmed.ends_with(|c: char| c.is_alphanumeric() || c == ',')
}

/// Whether a text ends in the one space before its next word: another one would be none of a writer's.
fn ends_in_a_space(text: &str) -> bool {
    text.strip_suffix(' ').is_some_and(|before| before.ends_with(|c: char| !c.is_whitespace()))
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).take(HEAD_LETTERS).count()
}

fn same<'b>(a: impl Iterator<Item = &'b u8>, b: impl Iterator<Item = &'b u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

fn common_prefix(a: &str, b: &str) -> usize {
    let differ = a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    differ.unwrap_or_else(|| a.len().min(b.len()))
}
