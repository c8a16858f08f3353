//! Anthropic Messages as this router writes it, and as much of it as it reads.
//!
//! Requests are read member by member where they are translated (so nothing is lost unnoticed); here are the
//! shapes written, and the answers and stream events, read leniently.

pub(crate) mod answer;
mod answer_shapes;
pub(crate) mod request;
mod request_shapes;
pub(crate) mod stream;

pub use answer_shapes::MessagesUsage;
pub(crate) use answer_shapes::{
    Answer, BlockDelta, BlockStart, Empty, ReadAnswer, ReadBlock, ReadDelta, ReadEvent, StopDelta,
    StreamEvent,
};
pub(crate) use request_shapes::{
    Block, Message, Metadata, OutputConfig, OutputFormat, Request, Role, Source, Tool, ToolChoice,
};
