//! generateContent requests, written.

use crate::canonical::Prompt;
use crate::notes::{Notes, TranslateError};

pub(crate) fn write(
    _prompt: &Prompt<'_>,
    _upstream_model: &str,
    _notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    Err(TranslateError::unsupported("", "SKELETON"))
}
