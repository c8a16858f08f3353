//! Where one upstream's text ends and another's begins.

/// How the new upstream's text follows on what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seam {
    /// It was asked to continue: it starts where the text stops, or repeats a little of its end.
    Continue,
    /// It was asked anew: it repeats the whole text from its beginning, or says something else, which is an error.
    Restart,
}
