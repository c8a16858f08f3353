//! What every dialect says, said once: a prompt, an answer, and an answer's stream.
//!
//! A translation is one reading into these and one writing out of them, so that N dialects need N readers and
//! writers and not N² translators. They are a superset: whatever two dialects both can say has a place here. What
//! only one can say is a degradation, noted by the reader (no place here) or by the writer (no word for it there).
//! Texts borrow from the body they were read from; schemas and tool inputs stay the text they came as.

mod answer;
mod caller_tools;
mod prompt;
mod reasoning;
mod signature;
mod stream;

pub use answer::Answer;
pub use caller_tools::{CallerTool, CallerTools, ToolForm};
pub use prompt::{
    Block, Content, Format, Media, Prompt, Role, Source, Tool, ToolChoice, ToolResult, ToolUse, Turn,
};
pub use reasoning::{Effort, Reasoning};
pub(crate) use signature::UNSEALED;
pub use signature::{Origin, Signature};
pub use stream::Delta;
