//! What can go wrong with a simulated provider, as data.
//!
//! A fault says what the caller will meet, never how often: how often is the [`FaultRule`]'s matter.
//! Nothing here touches a socket; [`crate::exchange`] and [`crate::gate`] play the faults out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::latency::SplitMix;

/// One way a provider fails.
///
/// Faults of a stream have a meaning for a plain answer too, so that one setting breaks both: a stream
/// cut after some chunks is a body cut in the middle, a malformed chunk is a body that is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SimFault)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Fault {
    /// Answers with this HTTP status and an error body in the provider's dialect.
    #[serde(rename_all = "camelCase")]
    Status {
        /// 400 to 599.
        code: u16,
        /// Value of the `Retry-After` header, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u64>,
        /// Sent as it is instead of the dialect's own error body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// Resets the connection (a TCP RST, not a close).
    #[serde(rename_all = "camelCase")]
    Reset {
        /// When the reset is sent.
        #[serde(default)]
        stage: ResetStage,
    },
    /// Nobody listens: new connections are refused, kept-alive ones are closed once idle. Holds for the whole
    /// provider until cleared, so it takes no model, count or probability.
    Refuse,
    /// Reads the request and never answers.
    Silence,
    /// Sends the response head at once and the first event (or the body) this much later.
    #[serde(rename_all = "camelCase")]
    SlowFirstToken {
        /// Milliseconds.
        ms: u64,
    },
    /// Sends the response head this late, and the rest as usual.
    #[serde(rename_all = "camelCase")]
    SlowHeaders {
        /// Milliseconds.
        ms: u64,
    },
    /// Closes the connection in the middle of the stream.
    #[serde(rename_all = "camelCase")]
    CutStream {
        /// Content chunks sent before the cut; the opening event (role, message start) is not counted.
        after_chunks: u32,
    },
    /// Stops sending in the middle of the stream and keeps the connection open.
    #[serde(rename_all = "camelCase")]
    StallStream {
        /// Content chunks sent before the silence.
        after_chunks: u32,
    },
    /// Sends an event whose data is not JSON, then goes on as if nothing had happened.
    #[serde(rename_all = "camelCase")]
    MalformedChunk {
        /// Content chunks sent before the bad one.
        after_chunks: u32,
    },
    /// Ends the stream in good order but without its last event (`[DONE]`, `message_stop`).
    MissingDone,
    /// The answer of a captive portal instead of the provider's.
    #[serde(rename_all = "camelCase")]
    Html {
        /// A 302 to the portal's login page instead of a 200 with that page.
        #[serde(default)]
        redirect: bool,
    },
    /// 200 with no bytes at all.
    EmptyBody,
    /// 200 whose body (or whose first event) is an error object.
    InBandError,
    /// An error event in the middle of the stream, after which it ends.
    #[serde(rename_all = "camelCase")]
    ErrorEvent {
        /// Content chunks sent before the error.
        after_chunks: u32,
    },
    /// Announces more bytes than it sends, then closes.
    TruncatedBody,
    /// Sends the opening event of a stream, no content, and then nothing more.
    RoleOnlyThenStall,
    /// Answers nothing because a filter objected: `content_filter`, or `refusal` in the Anthropic dialect.
    ContentFilter,
}

/// When a [`Fault::Reset`] strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SimResetStage)]
#[serde(rename_all = "camelCase")]
pub enum ResetStage {
    /// As soon as the connection is accepted. A connection kept alive from before is reset at its next request.
    Accept,
    /// Once the request has been read.
    #[default]
    Request,
}

impl Fault {
    /// The fault's `type`, as it is written in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Reset { .. } => "reset",
            Self::Refuse => "refuse",
            Self::Silence => "silence",
            Self::SlowFirstToken { .. } => "slowFirstToken",
            Self::SlowHeaders { .. } => "slowHeaders",
            Self::CutStream { .. } => "cutStream",
            Self::StallStream { .. } => "stallStream",
            Self::MalformedChunk { .. } => "malformedChunk",
            Self::MissingDone => "missingDone",
            Self::Html { .. } => "html",
            Self::EmptyBody => "emptyBody",
            Self::InBandError => "inBandError",
            Self::ErrorEvent { .. } => "errorEvent",
            Self::TruncatedBody => "truncatedBody",
            Self::RoleOnlyThenStall => "roleOnlyThenStall",
            Self::ContentFilter => "contentFilter",
        }
    }

    /// A `status` fault with the dialect's own body and no `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after_s: None, body: None }
    }

    /// Whether a models listing meets the fault too: one that breaks the host does, one that breaks the way
    /// a completion is written does not.
    pub(crate) fn breaks_listing(&self) -> bool {
        match self {
            Self::Status { .. }
            | Self::Reset { .. }
            | Self::Refuse
            | Self::Silence
            | Self::SlowHeaders { .. }
            | Self::Html { .. }
            | Self::EmptyBody => true,
            Self::SlowFirstToken { .. }
            | Self::CutStream { .. }
            | Self::StallStream { .. }
            | Self::MalformedChunk { .. }
            | Self::MissingDone
            | Self::InBandError
            | Self::ErrorEvent { .. }
            | Self::TruncatedBody
            | Self::RoleOnlyThenStall
            | Self::ContentFilter => false,
        }
    }
}

/// A fault with its reach: which model, how many requests, how likely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = SimFaultRule)]
#[serde(rename_all = "camelCase")]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// Only requests for this model. A rule for a model goes before the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only the next so many completions it strikes; the rule then clears itself. Such a rule leaves models
    /// listings alone, so that a health probe does not use it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How likely a request is struck, 0 to 1, drawn from the provider's seed. Absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self { fault, model: None, count: None, probability: None }
    }
}

impl FaultRule {
    /// Strikes only requests for this model.
    #[must_use]
    pub fn for_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Strikes the next `count` completions.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// Strikes a request with this probability, 0 to 1.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    pub(crate) fn check(&self) -> Result<(), FaultError> {
        let refused = |field, reason: &str| Err(FaultError::Invalid { field, reason: reason.to_owned() });
        if let Fault::Status { code, .. } = self.fault
            && !(400..=599).contains(&code)
        {
            return refused("fault.code", "must be a status from 400 to 599");
        }
        if self.count == Some(0) {
            return refused("count", "must be at least 1; leave it out for every request");
        }
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return refused("probability", "must be from 0 to 1");
        }
        let narrowed = self.model.is_some() || self.count.is_some() || self.probability.is_some();
        if self.fault == Fault::Refuse && narrowed {
            return refused(
                "fault",
                "refuse closes the provider's port: it takes no model, count or probability",
            );
        }
        Ok(())
    }
}

/// Why a fault was not set. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The rule makes no sense.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field at fault, as written in the admin API.
        field: &'static str,
        /// What it must be.
        reason: String,
    },
    /// The provider shares its port with others ([`crate::SimServer`]), so the port cannot be closed for it.
    #[error("fault: refuse needs a provider with its own port; this one shares a SimServer's")]
    SharedPort,
    /// The port could not be closed or opened again.
    #[error("the provider's port could not be closed or reopened: {0}")]
    Port(#[from] std::io::Error),
}

/// The rules in force on one provider, at most one for each model and one for the rest.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: BTreeMap<Option<String>, FaultRule>,
    dice: SplitMix,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rules: BTreeMap::new(), dice: SplitMix::new(seed) }
    }

    pub(crate) fn set(&mut self, rule: FaultRule) {
        self.rules.insert(rule.model.clone(), rule);
    }

    pub(crate) fn clear(&mut self, model: Option<&str>) {
        self.rules.remove(&model.map(str::to_owned));
    }

    pub(crate) fn clear_all(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        self.rules.values().cloned().collect()
    }

    /// The fault this completion meets, if any. Uses up a count.
    pub(crate) fn strike(&mut self, model: Option<&str>) -> Option<Fault> {
        let named = model.map(|m| Some(m.to_owned())).and_then(|key| self.strike_rule(&key));
        named.or_else(|| self.strike_rule(&None))
    }

    /// The fault a models listing meets, if any. Uses nothing up.
    pub(crate) fn strike_listing(&mut self) -> Option<Fault> {
        let rule = self.rules.get(&None)?;
        let applies = rule.count.is_none() && rule.fault.breaks_listing();
        if !applies {
            return None;
        }
        let (fault, probability) = (rule.fault.clone(), rule.probability);
        self.falls(probability).then_some(fault)
    }

    /// Whether a connection is to be reset as it is accepted. Uses up a count.
    pub(crate) fn strike_accept(&mut self) -> bool {
        let resets = matches!(
            self.rules.get(&None),
            Some(FaultRule { fault: Fault::Reset { stage: ResetStage::Accept }, .. })
        );
        resets && self.strike_rule(&None).is_some()
    }

    fn strike_rule(&mut self, key: &Option<String>) -> Option<Fault> {
        let probability = self.rules.get(key)?.probability;
        if !self.falls(probability) {
            return None;
        }
        let rule = self.rules.get_mut(key)?;
        let fault = rule.fault.clone();
        if let Some(left) = &mut rule.count {
            *left -= 1;
            if *left == 0 {
                self.rules.remove(key);
            }
        }
        Some(fault)
    }

    fn falls(&mut self, probability: Option<f64>) -> bool {
        probability.is_none_or(|p| self.dice.unit() < p)
    }
}
