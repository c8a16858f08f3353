//! The `response` object, as an answer and as its stream write it.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::Arc;

use super::item::{Item, json_string};
use super::{echo, usage};
use crate::translate::ReplyOptions;
use crate::{FinishReason, Usage};

/// The members [`Reply::write`] writes itself.
pub(super) const WRITTEN: [&str; 9] =
    ["id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "usage"];

/// What every writing of one response has in common.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created_unix_s: u64,
    /// See [`ReplyOptions::echo`].
    pub(super) echo: Arc<str>,
}

/// How far a response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    InProgress,
    Completed,
    /// With the reason.
    Incomplete(&'static str),
}

impl Outcome {
    /// A refusal the model has spoken is a complete answer; one the provider cut off is not.
    pub(super) const fn of(finish: FinishReason, has_refused: bool) -> Self {
        match finish {
            FinishReason::Length => Self::Incomplete("max_output_tokens"),
            FinishReason::ContentFilter if !has_refused => Self::Incomplete("content_filter"),
            FinishReason::ContentFilter
            | FinishReason::Stop
            | FinishReason::StopSequence
            | FinishReason::ToolCalls
            | FinishReason::Other => Self::Completed,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
        }
    }
}

impl Reply {
    /// A response made of an upstream's answer.
    pub(super) fn new(id: Option<&str>, model: Option<&str>, options: &ReplyOptions) -> Self {
        Self {
            id: response_id(id.unwrap_or_default(), options.created_unix_s),
            model: model.unwrap_or_default().to_owned(),
            created_unix_s: options.created_unix_s,
            echo: options.echo.clone().unwrap_or_else(echo::unknown_request),
        }
    }

    /// What the ids of its items are made from.
    pub(super) fn stem(&self) -> &str {
        self.id.strip_prefix("resp_").unwrap_or(&self.id)
    }

    /// Writes the object. An end always tells its usage, zero where the upstream told none: clients demand the member.
    pub(super) fn write(&self, outcome: Outcome, items: &[Item<'_>], usage: Usage, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":");
        json_string(&self.id, out);
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            r#","object":"response","created_at":{},"status":"{}","error":null,"incomplete_details":"#,
            self.created_unix_s,
            outcome.as_str()
        );
        match outcome {
            Outcome::Incomplete(reason) => {
                let _ = write!(out, r#"{{"reason":"{reason}"}}"#);
            }
            Outcome::InProgress | Outcome::Completed => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"model\":");
        json_string(&self.model, out);
        out.extend_from_slice(b",\"output\":[");
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.extend_from_slice(b"],\"usage\":");
        if outcome == Outcome::InProgress {
            out.extend_from_slice(b"null");
        } else {
            usage::write(usage, out);
        }
        if !self.echo.is_empty() {
            out.push(b',');
            out.extend_from_slice(self.echo.as_bytes());
        }
        out.push(b'}');
    }
}

/// The upstream's id in the form of a response's, the same for the same answer; made from the time where there is none.
fn response_id(id: &str, created_unix_s: u64) -> String {
    if id.is_empty() {
        return format!("resp_{created_unix_s:x}");
    }
    let bare = ["resp_", "chatcmpl-", "msg_"].iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let plain: Cow<'_, str> = if bare.chars().all(is_plain) {
        Cow::Borrowed(bare)
    } else {
        Cow::Owned(bare.chars().map(|c| if is_plain(c) { c } else { '_' }).collect())
    };
    format!("resp_{plain}")
}
