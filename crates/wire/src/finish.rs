//! Why a model stopped, in one vocabulary for both dialects.

/// Why an answer ended, as the upstream told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// One of the caller's stop sequences came up.
    StopSequence,
    /// The token limit of the request or of the context was reached.
    Length,
    /// The model wants tools called.
    ToolCalls,
    /// The provider withheld the answer, or the model refused. An answer, not a failure.
    ContentFilter,
    /// A reason this version does not know.
    Other,
}

impl FinishReason {
    /// Reads a chat `finish_reason`.
    #[must_use]
    pub fn from_chat(reason: &str) -> Self {
        match reason {
            "stop" => Self::Stop,
            "length" => Self::Length,
            "tool_calls" | "function_call" => Self::ToolCalls,
            "content_filter" => Self::ContentFilter,
            _ => Self::Other,
        }
    }

    /// Reads a Messages `stop_reason`.
    #[must_use]
    pub fn from_messages(reason: &str) -> Self {
        match reason {
            "end_turn" | "pause_turn" => Self::Stop,
            "stop_sequence" => Self::StopSequence,
            "max_tokens" | "model_context_window_exceeded" => Self::Length,
            "tool_use" => Self::ToolCalls,
            "refusal" => Self::ContentFilter,
            _ => Self::Other,
        }
    }

    /// The reason why an answer ended, given whether it holds calls of tools: some servers tell a plain end, or nothing,
    /// where their model wants tools called.
    #[must_use]
    pub(crate) fn given(self, has_calls: bool) -> Self {
        match self {
            Self::Stop | Self::Other if has_calls => Self::ToolCalls,
            Self::Stop
            | Self::StopSequence
            | Self::Length
            | Self::ToolCalls
            | Self::ContentFilter
            | Self::Other => self,
        }
    }

    /// The chat `finish_reason`; an unknown reason is written as `stop`, the only one clients always accept.
    #[must_use]
    pub fn as_chat(self) -> &'static str {
        match self {
            Self::Stop | Self::StopSequence | Self::Other => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }

    /// The Messages `stop_reason`.
    #[must_use]
    pub fn as_messages(self) -> &'static str {
        match self {
            Self::Stop | Self::Other => "end_turn",
            Self::StopSequence => "stop_sequence",
            Self::Length => "max_tokens",
            Self::ToolCalls => "tool_use",
            Self::ContentFilter => "refusal",
        }
    }
}
