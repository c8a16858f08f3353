//! What a caller has been told of an answer that broke off.

use crate::Usage;

/// What a caller has been told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The text, whole.
    pub text: String,
    /// The answer's id, as the caller has it.
    pub id: String,
    /// The model the caller was told of.
    pub model: String,
    /// The number the open content block, output item or choice has in the caller's dialect.
    pub block: usize,
    /// The id of the open output item (Responses).
    pub item_id: String,
    /// The number the next event has (Responses' `sequence_number`).
    pub sequence: u64,
    /// The `response` object of `response.created`, as JSON text (Responses).
    pub response: String,
    /// The usage of the part so far, the router's estimate where the upstream told nothing.
    pub usage: Usage,
}

/// Why an answer that broke off can't be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// What was said is not kept in mind.
    #[error("what was said so far is not known")]
    NotKept,
    /// Nothing has been said: the request can simply be made again.
    #[error("nothing has been said yet")]
    Nothing,
    /// The text is over, and only the answer's end is missing.
    #[error("the text had ended already")]
    Closed,
    /// A tool call has begun.
    #[error("a tool call has begun")]
    ToolCall,
    /// Thinking has been shown.
    #[error("thinking has been shown")]
    Thinking,
    /// JSON is being written.
    #[error("the answer is JSON")]
    Json,
    /// Several answers are being written at once.
    #[error("several answers are being written at once")]
    Choices,
    /// The model refuses.
    #[error("the model refuses")]
    Refusal,
    /// It grew beyond what is kept in mind.
    #[error("the answer is too long")]
    TooLong,
}
