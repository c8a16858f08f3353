//! Responses as this router reads and writes it.
//!
//! A request is a list of items, an answer another, and a stream says everything twice: as deltas, and whole when
//! an item is done. Nothing is ever stored with the provider or here, so whatever refers to something stored is
//! refused, and what a conversation needs to go on (sealed reasoning) travels in its items.

pub(crate) mod answer;
mod called;
mod echo;
mod item;
mod reply;
pub(crate) mod request;
pub(crate) mod stream;
pub(crate) mod strict_schema;
mod usage;

pub use echo::echo;
pub use usage::ResponsesUsage;
pub(crate) use usage::{Searches, reported};

use crate::FinishReason;

/// The types of items that are calls for the caller to run.
pub(crate) const CALLER_CALLS: [&str; 5] =
    ["function_call", "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call"];

/// Why an answer ended, from its status, the reason of `incomplete_details`, and what it said.
pub(crate) fn finish_reason(
    status: &str,
    incomplete: Option<&str>,
    has_calls: bool,
    has_refused: bool,
) -> FinishReason {
    match (status, incomplete) {
        ("completed", _) if has_calls => FinishReason::ToolCalls,
        ("completed", _) if has_refused => FinishReason::ContentFilter,
        ("completed", _) => FinishReason::Stop,
        ("incomplete", Some("max_output_tokens" | "max_tokens")) => FinishReason::Length,
        ("incomplete", Some("content_filter")) => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}
