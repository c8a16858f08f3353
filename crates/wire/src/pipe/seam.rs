//! Where one upstream's text ends and another's begins.
//!
//! A model asked to continue may begin with a little of what was said already, or begin anew, perhaps with a word of its
//! own before it. What it repeats is left out, but only where it can't be taken for the continuation itself: said `ha`,
//! the next words may well be `ha`. What neither goes on from what was said nor repeats it is refused: an answer told
//! twice, or altered, is worse than one that ends in an error.

mod comparison;

use std::borrow::Cow;

use self::comparison::{Comparison, Verdict};

/// How the new upstream's text follows on what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seam {
    /// It was asked to continue.
    Continue {
        /// Whether its own answer began with the text, so that it repeats nothing of its end. Only the whitespace the text
        /// ended with may come again, as a prefill must not end with any; or the whole, where the beginning was not taken.
        prefilled: bool,
    },
    /// It was asked anew: it repeats the whole text from its beginning, or says something else, which is an error.
    Restart,
}

/// Why a new answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// It begins anew and says something else.
    Differs,
    /// It begins anew and says less.
    Shorter,
    /// It may go on, or may be an answer of its own.
    Unclear,
}

/// Sews a new upstream's text to what was said.
#[derive(Debug)]
pub(super) enum Stitch {
    /// Sewn: everything passes.
    Done,
    /// What comes is compared with what was said before any of it passes.
    Compare(Box<Comparison>),
    /// What comes repeats this from the beginning; so many bytes of it have come.
    Repeat { said: String, come: usize },
}

impl Stitch {
    pub(super) fn new(seam: Seam, said: &str) -> Self {
        if said.is_empty() {
            return Self::Done;
        }
        match seam {
            Seam::Continue { prefilled } => Self::Compare(Box::new(Comparison::new(said, prefilled))),
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
            Self::Compare(comparison) => {
                comparison.hear(piece);
                if comparison.is_decided() { self.decide().map(Cow::Owned) } else { Ok(Cow::Borrowed("")) }
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
        match self {
            Self::Done => Ok(String::new()),
            Self::Compare(_) => {
                let text = self.decide()?;
                if self.is_done() { Ok(text) } else { Err(Mismatch::Shorter) }
            }
            Self::Repeat { .. } => Err(Mismatch::Shorter),
        }
    }

    /// Judges by what has come how it follows on what was said; what the caller gets of it.
    fn decide(&mut self) -> Result<String, Mismatch> {
        let Self::Compare(mut comparison) = std::mem::replace(self, Self::Done) else {
            return Ok(String::new());
        };
        match comparison.verdict()? {
            Verdict::GoesOn { repeated } => Ok(comparison.held.split_off(repeated)),
            Verdict::Anew { said_from, from } => {
                let said = comparison.said.split_off(said_from);
                *self = Self::Repeat { said, come: 0 };
                let anew = comparison.held.split_off(from);
                self.text(&anew).map(Cow::into_owned)
            }
        }
    }
}

#[cfg(test)]
mod tests;
