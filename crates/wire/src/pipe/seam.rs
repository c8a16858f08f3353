//! Where one upstream's text ends and another's begins.
//!
//! A model asked to continue may begin with a little of what was said already. What it repeats is left out, but only
//! where it can't be taken for the continuation itself: said `ha`, the next words may well be `ha`.

use std::borrow::Cow;

/// How the new upstream's text follows on what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seam {
    /// It was asked to continue.
    Continue {
        /// Whether its own answer began with the text, so that it repeats nothing. Only the whitespace the text ended with
        /// may come again, as a prefill must not end with any.
        prefilled: bool,
    },
    /// It was asked anew: it repeats the whole text from its beginning, or says something else, which is an error.
    Restart,
}

/// The end of what was said that a repeat is looked for in, in characters. Nothing longer is ever held back.
const TAIL_CHARS: usize = 400;
/// A repeat of so many characters is one, wherever it begins.
const REPEAT_CHARS: usize = 12;
/// A repeat from the beginning of a word on is one if it has so many characters: `haha` is a word, `brownbrown` is not.
const WORD_CHARS: usize = 4;

/// Why a restarted answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// It says something else.
    Differs,
    /// It says less.
    Shorter,
}

/// Sews a new upstream's text to what was said.
#[derive(Debug)]
pub(super) enum Stitch {
    /// Sewn: everything passes.
    Done,
    /// What comes may repeat the end of what was said.
    Overlap(Overlap),
    /// What comes may begin with this whitespace, which has been said.
    Whitespace(String),
    /// What comes repeats this from the beginning; so many bytes of it have come.
    Repeat { said: String, come: usize },
}

/// A repeat being looked for.
#[derive(Debug)]
pub(super) struct Overlap {
    /// The end of what was said.
    tail: String,
    /// Where in the tail a repeat may begin.
    starts: Vec<usize>,
    /// What came so far.
    held: String,
}

impl Stitch {
    pub(super) fn new(seam: Seam, said: &str) -> Self {
        match seam {
            Seam::Continue { prefilled: true } => {
                let kept = said.trim_end().len();
                if kept == said.len() { Self::Done } else { Self::Whitespace(said[kept..].to_owned()) }
            }
            Seam::Continue { prefilled: false } => {
                let start = said.char_indices().rev().nth(TAIL_CHARS - 1).map_or(0, |(at, _)| at);
                let starts = repeat_starts(said, start);
                if starts.is_empty() && !ends_in_a_space(said) {
                    return Self::Done;
                }
                let tail = said[start..].to_owned();
                Self::Overlap(Overlap { tail, starts, held: String::new() })
            }
            Seam::Restart if said.is_empty() => Self::Done,
            Seam::Restart => Self::Repeat { said: said.to_owned(), come: 0 },
        }
    }

    /// Whether everything passes from now on.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// What of a new piece of text the caller gets now; empty while that is undecided.
    pub(super) fn text<'t>(&mut self, piece: &'t str) -> Result<Cow<'t, str>, Mismatch> {
        match self {
            Self::Done => Ok(Cow::Borrowed(piece)),
            Self::Whitespace(said) => {
                let same = common_prefix(said, piece);
                if same == piece.len() && same < said.len() {
                    said.drain(..same);
                } else {
                    *self = Self::Done;
                }
                Ok(Cow::Borrowed(&piece[same..]))
            }
            Self::Overlap(overlap) => {
                overlap.held.push_str(piece);
                let Some(repeated) = overlap.repeated() else { return Ok(Cow::Borrowed("")) };
                let new = overlap.held.split_off(repeated);
                *self = Self::Done;
                Ok(Cow::Owned(new))
            }
            Self::Repeat { said, come } => {
                let left = &said[*come..];
                if let Some(new) = piece.strip_prefix(left) {
                    *self = Self::Done;
                    return Ok(Cow::Borrowed(new));
                }
                if left.starts_with(piece) {
                    *come += piece.len();
                    return Ok(Cow::Borrowed(""));
                }
                Err(Mismatch::Differs)
            }
        }
    }

    /// The text is over: what is still held back of it.
    pub(super) fn end(&mut self) -> Result<String, Mismatch> {
        match std::mem::replace(self, Self::Done) {
            Self::Done | Self::Whitespace(_) => Ok(String::new()),
            Self::Overlap(mut overlap) => {
                let repeated = overlap.longest();
                Ok(overlap.held.split_off(repeated))
            }
            Self::Repeat { .. } => Err(Mismatch::Shorter),
        }
    }
}

impl Overlap {
    /// How many bytes of what came repeat what was said, once that can be told.
    fn repeated(&self) -> Option<usize> {
        let is_open = self.starts.iter().any(|&start| {
            let suffix = &self.tail[start..];
            suffix.len() > self.held.len() && suffix.starts_with(&self.held)
        });
        (!is_open).then(|| self.longest())
    }

    fn longest(&self) -> usize {
        let mut whole = self.starts.iter().map(|&start| &self.tail[start..]);
        let space = usize::from(ends_in_a_space(&self.tail) && self.held.starts_with(' '));
        whole.find(|suffix| self.held.starts_with(suffix)).map_or(space, str::len)
    }
}

/// Whether a text ends in the one space before its next word: another one would be none of a writer's.
fn ends_in_a_space(text: &str) -> bool {
    text.strip_suffix(' ').is_some_and(|before| before.ends_with(|c: char| !c.is_whitespace()))
}

/// Where in `said[from..]` (counted from `from`) a repeat may begin, longest first.
fn repeat_starts(said: &str, from: usize) -> Vec<usize> {
    let tail = &said[from..];
    let periods = border_lengths(tail.as_bytes());
    let chars = tail.chars().count();
    let mut before = said[..from].chars().next_back();
    let mut starts = Vec::new();
    for (count, (at, c)) in tail.char_indices().enumerate() {
        let begins_word = c.is_alphanumeric() && !before.is_some_and(char::is_alphanumeric);
        before = Some(c);
        let suffix = &tail[at..];
        let length = chars - count;
        let ends_in_word = suffix.ends_with(char::is_alphanumeric);
        // `brownbrown` is nobody's continuation, nor is `the cat the cat`; `that that` may be. An answer begun anew
        // repeats all there is.
        let is_all = from == 0 && at == 0;
        let is_words = begins_word
            && ((length >= WORD_CHARS && (ends_in_word || is_all))
                || suffix.split_whitespace().nth(1).is_some());
        // Rulers, indentation and table cells come again and again.
        let is_long = length >= REPEAT_CHARS
            && suffix.chars().filter(|c| c.is_alphanumeric()).take(REPEAT_CHARS / 2).count()
                == REPEAT_CHARS / 2;
        // A text that repeats itself (`0, 0, 0, 0`) goes on so.
        let period = suffix.len() - periods[at];
        if (is_words || is_long) && period * 2 > suffix.len() {
            starts.push(at);
        }
    }
    starts
}

/// For each suffix of `text` the length of its longest border (what it both begins and ends with, short of itself).
/// Knuth, Morris and Pratt's failure function, run backwards.
fn border_lengths(text: &[u8]) -> Vec<usize> {
    let size = text.len();
    // `ends[i]`: the border of the reversed text's first `i + 1` bytes, which is that of the suffix of that length.
    let mut ends = vec![0; size];
    for i in 1..size {
        let mut border: usize = ends[i - 1];
        while border > 0 && text[size - 1 - i] != text[size - 1 - border] {
            border = ends[border - 1];
        }
        if text[size - 1 - i] == text[size - 1 - border] {
            border += 1;
        }
        ends[i] = border;
    }
    ends.reverse();
    ends
}

fn common_prefix(a: &str, b: &str) -> usize {
    let differ = a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    differ.unwrap_or_else(|| a.len().min(b.len()))
}

#[cfg(test)]
mod tests;
