//! Chat Completions answers.

use crate::canonical::Answer;
use crate::notes::{Notes, TranslateError};
use crate::translate::ReplyOptions;

pub(crate) fn read<'a>(_body: &'a str, _notes: &mut Notes) -> Result<Answer<'a>, TranslateError> {
    Err(TranslateError::unsupported("", "SKELETON"))
}

pub(crate) fn write(
    _answer: &Answer<'_>,
    _options: &ReplyOptions,
    _notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    Err(TranslateError::unsupported("", "SKELETON"))
}
