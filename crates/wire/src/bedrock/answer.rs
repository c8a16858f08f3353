//! Converse answers.

use crate::canonical::Answer;
use crate::notes::{Notes, TranslateError};

pub(crate) fn read<'a>(_body: &'a str, _notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    Err(TranslateError::unsupported("", "SKELETON"))
}
