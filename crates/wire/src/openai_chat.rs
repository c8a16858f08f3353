//! Chat Completions as this router writes it, and as much of it as it reads.
//!
//! Requests are read member by member where they are translated (so nothing is lost unnoticed); here are the
//! shapes written, and the answers and stream chunks of any compatible provider, read leniently.

pub(crate) mod answer;
mod answer_shapes;
pub(crate) mod request;
mod request_shapes;
pub(crate) mod stream;

pub use answer_shapes::ChatUsage;
pub(crate) use answer_shapes::{
    Answer, Choice, Chunk, ChunkChoice, Delta, DeltaFunction, DeltaToolCall, Message as AnswerMessage,
    ReadAnswer, ReadChunk, ReadToolCall,
};
pub(crate) use request_shapes::{
    Content, File, Function, FunctionName, ImageUrl, JsonSchema, Message, Part, Request, ResponseFormat,
    StreamAsk, Tool, ToolCall, ToolChoice, ToolFunction,
};
