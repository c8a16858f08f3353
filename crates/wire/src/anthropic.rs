//! Anthropic Messages as this router writes it, and as much of it as it reads.
//!
//! Requests are read member by member where they are translated (so nothing is lost unnoticed); here are the
//! shapes written, and the answers and stream events, read leniently.

mod answer;
mod request;

pub use answer::MessagesUsage;
pub(crate) use answer::{
    Answer, BlockDelta, BlockStart, Empty, ReadAnswer, ReadBlock, ReadDelta, ReadEvent, StopDelta,
    StreamEvent,
};
pub(crate) use request::{
    Block, Message, Metadata, OutputConfig, OutputFormat, Request, Role, Source, Tool, ToolChoice,
};
