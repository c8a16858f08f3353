//! Requests as the log shows them: how each ended, and every try.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{CostBasis, Dialect, Failure, Now, RequestId, RouteId, Tier, Usd};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A route answered.
    Answered,
    /// It went to the cold queue.
    Queued,
    /// It was refused with a reason (caller's fault, pause, no route).
    Refused,
    /// Every try failed and nothing could be queued.
    Failed,
    /// A committed stream broke off; the caller got an error event.
    Broken,
    /// The caller hung up.
    Aborted,
}

impl Outcome {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Queued => "queued",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Aborted => "aborted",
        }
    }
}

/// One request of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestView {
    /// The request's id.
    pub id: RequestId,
    /// Arrival, UTC epoch milliseconds.
    pub at_ms: i64,
    /// The app.
    pub client: String,
    /// The workload's name, `default` without one.
    pub job: String,
    /// The caller's dialect.
    pub dialect: Dialect,
    /// The model asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The status the caller got.
    pub status: u16,
    /// The route that answered.
    pub route: Option<RouteId>,
    /// Its tier; `cold` when queued.
    pub tier: Option<Tier>,
    /// Whether it was answered by something other than the first choice.
    pub degraded: bool,
    /// From arrival to the end, milliseconds.
    pub duration_ms: u32,
    /// From arrival to the first meaningful byte, milliseconds.
    pub first_token_ms: Option<u32>,
    /// Prompt tokens, where the upstream said.
    pub input_tokens: Option<u64>,
    /// The part of them read from the provider's prompt cache, where the upstream said.
    #[serde(default)]
    pub cached_tokens: Option<u64>,
    /// Answer tokens, where the upstream said.
    pub output_tokens: Option<u64>,
    /// What a change of dialect could not carry over, as `code field`.
    pub degradations: Vec<String>,
    /// What its tries have cost together, nano-dollars (10⁻⁹ USD); absent where nothing was billed.
    #[serde(default)]
    pub cost_nano_usd: Option<Usd>,
    /// How often its stream broke off and was continued by another route.
    pub rescues: u32,
    /// Each try, in order.
    pub attempts: Vec<AttemptView>,
}

impl RequestView {
    /// A request of which only the head is known, before anything was done with it.
    #[must_use]
    pub fn unread(id: RequestId, arrived: Now, client: &str, dialect: Dialect) -> Self {
        Self {
            id,
            at_ms: arrived.wall_ms,
            client: client.to_owned(),
            job: "default".to_owned(),
            dialect,
            model: String::new(),
            stream: false,
            outcome: Outcome::Failed,
            status: 0,
            route: None,
            tier: None,
            degraded: false,
            duration_ms: 0,
            first_token_ms: None,
            input_tokens: None,
            cached_tokens: None,
            output_tokens: None,
            degradations: Vec::new(),
            cost_nano_usd: None,
            rescues: 0,
            attempts: Vec::new(),
        }
    }
}

/// One try of one request on one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// Where it went.
    pub route: RouteId,
    /// The route's tier for this request.
    pub tier: Tier,
    /// From the request's arrival to the try's start, milliseconds.
    pub start_ms: u32,
    /// How long it took, milliseconds.
    pub duration_ms: u32,
    /// Why it failed; absent for the one that answered.
    pub failure: Option<Failure>,
    /// What it cost, nano-dollars (10⁻⁹ USD); absent where nothing was billed.
    #[serde(default)]
    pub cost_nano_usd: Option<Usd>,
    /// How that is known.
    #[serde(default)]
    pub cost_basis: Option<CostBasis>,
}
