//! A streamed answer in no dialect.

use std::borrow::Cow;

use super::signature::Signature;
use crate::error_body::UpstreamError;
use crate::{FinishReason, Usage};

/// One step of a streamed answer. Readers give them in this order: a start, then what is said, then a finish, then
/// the end; usage may come anywhere between start and end. Blocks are not bracketed: a block begins where another kind of
/// delta comes and ends where the next does.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta<'a> {
    /// The answer begins. Comes once, first.
    Start {
        /// The provider's id for it.
        id: Option<Cow<'a, str>>,
        /// The model that answers.
        model: Option<Cow<'a, str>>,
    },
    /// More text; never empty.
    Text(Cow<'a, str>),
    /// More of what may be read of the thinking; never empty.
    Thinking(Cow<'a, str>),
    /// The seal on the thinking so far, which ends the thinking block.
    ThinkingSignature(Signature<'a>),
    /// Thinking only its provider can read, whole.
    RedactedThinking(Signature<'a>),
    /// More of a refusal; never empty.
    Refusal(Cow<'a, str>),
    /// A tool call begins. Calls are counted from 0 without gaps, in the order they begin.
    ToolStart {
        /// The call's number.
        call: usize,
        /// Its id as the provider gives it; empty = none given (a writer makes one up, the same for the same call).
        id: Cow<'a, str>,
        /// The tool.
        name: Cow<'a, str>,
        /// The seal on the thought behind it (Gemini).
        signature: Option<Signature<'a>>,
    },
    /// More of a call's input, a piece of JSON text; never empty. Calls may take turns.
    ToolArguments {
        /// The call's number.
        call: usize,
        /// The piece.
        json: Cow<'a, str>,
    },
    /// Tokens used so far; later reports hold (see [`Usage::merged`]).
    Usage(Usage),
    /// Why the answer ended. Comes once.
    Finish {
        /// Why.
        reason: FinishReason,
        /// The stop sequence that ended it, where the provider tells.
        stop_sequence: Option<Cow<'a, str>>,
    },
    /// The answer is whole: its end marker came.
    End,
    /// The provider reported an error inside the stream. Nothing comes after it.
    Error(Box<UpstreamError>),
}
