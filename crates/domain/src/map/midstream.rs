//! What happens to a stream that dies after its first word has reached the caller.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A job's choice. The default is [`Midstream::Continue`]: a reader notices nothing, and where continuing is not
/// safe (a tool call, thinking or JSON has begun) the stream ends in the dialect's error event all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Midstream {
    /// Another route continues the text from where it stops.
    #[default]
    Continue,
    /// Another route answers from the beginning; what repeats the text already sent is withheld, and where it
    /// differs the stream ends in an error event.
    Restart,
    /// The stream ends in the dialect's error event.
    Error,
}

impl Midstream {
    /// The name used in maps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Restart => "restart",
            Self::Error => "error",
        }
    }
}
