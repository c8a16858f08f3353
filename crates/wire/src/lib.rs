//! Bytes to meaning and back: the providers' dialects, SSE, usage, translation.
//!
//! This room knows how each provider writes a request, an answer, a stream and an error, and nothing
//! else: it never does IO, never reads a clock, never decides where a request goes or whether it is
//! tried again. A request that stays in its dialect is read in one borrowed pass and leaves as the
//! very same bytes; only a request that changes dialect is taken apart and written anew.
//!
//! Callers speak [`openai_chat`] (embeddings and models included), [`openai_responses`], [`anthropic`] (Messages and
//! its token count) or [`gemini`] (the Gemini API with its counts and embeddings, and Vertex AI); upstreams speak these or
//! [`bedrock`] (Converse). A dialect's
//! room has a reader and, where it is written, a writer of requests, answers and streams; between two dialects stands
//! [`canonical`], which has a place for whatever two of them can both say. What gets lost on the way is told in
//! [`Translated::degraded`], wishes without weight for the answer in [`Translated::hints`]; what may not get lost is a
//! [`TranslateError::Unsupported`], so that another route is taken.
//!
//! [`translate_request`] and [`translate_response`] translate whole bodies, a [`Pipe`] a stream in the [`frames`] of its
//! upstream, and lets another upstream take over in the middle of it.

pub mod anthropic;
mod arguments;
pub mod bedrock;
pub mod canonical;
pub mod continuation;
pub mod count;
mod dialect;
pub mod envelope;
pub mod error_body;
pub mod event_stream;
mod finish;
pub mod form;
pub mod frames;
mod gather;
pub mod gemini;
pub mod inspect;
mod json;
mod lenient;
mod members;
pub mod models;
mod notes;
pub mod openai_chat;
mod openai_models;
pub mod openai_responses;
pub mod pipe;
mod reasoning_models;
pub mod seals;
mod splice;
pub mod sse;
mod surrogates;
pub mod tap;
pub mod translate;
mod under_way;
pub mod usage;

pub use continuation::{How, continue_request, is_prefill_known};
pub use count::{count_answer, count_body, count_request};
pub use dialect::Dialect;
pub use envelope::{Envelope, EnvelopeError, estimate_tokens, rewrite, without_members};
pub use error_body::{
    ErrorReply, Meaning, UpstreamError, error_event, error_response, error_response_after, meaning,
    read_error, verbatim_error, verbatim_event,
};
pub use event_stream::{EventStreamDecoder, EventStreamError};
pub use finish::FinishReason;
pub use form::{Form, is_stream};
pub use frames::{FrameDecoder, FrameError, StreamEvent};
pub use gather::{GatherFault, gather_response};
pub use inspect::{BodyFault, OkBody, inspect_ok_body};
pub use notes::{Degradation, NOTE_LIMIT, TranslateError, Translated};
pub use pipe::{Pipe, Said, Seam, StreamEnd, StreamFault, Unfit};
pub use reasoning_models::is_reasoning_model;
pub use seals::{strip_all_seals, strip_foreign_seals};
pub use sse::{SseDecoder, SseError};
pub use tap::{Observed, StreamTap};
pub use translate::{ReplyOptions, caller_tools, translate_request, translate_response};
pub use under_way::UnderWay;
pub use usage::{Usage, usage_of};
