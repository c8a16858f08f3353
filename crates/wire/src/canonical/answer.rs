//! A whole answer in no dialect.

use std::borrow::Cow;

use super::prompt::Content;
use crate::{FinishReason, Usage};

/// One answer of a model.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The provider's id for it.
    pub id: Option<Cow<'a, str>>,
    /// The model that answered, as the provider names it.
    pub model: Option<Cow<'a, str>>,
    /// What it says, in order: text, thinking, tool calls, a refusal.
    pub content: Vec<Content<'a>>,
    /// Why it ended.
    pub finish: FinishReason,
    /// The stop sequence that ended it, where the provider tells.
    pub stop_sequence: Option<Cow<'a, str>>,
    /// Tokens used, if reported.
    pub usage: Option<Usage>,
}
