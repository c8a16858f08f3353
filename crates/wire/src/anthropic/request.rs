//! Messages requests: read for any upstream, written for an upstream that speaks Messages.

mod content;
mod conversation;
mod read;
mod shapes;
mod thinking;
mod tools;
mod write;

pub(crate) use read::read;
pub(crate) use tools::is_run_by_caller;
pub(crate) use write::{write, write_count};
