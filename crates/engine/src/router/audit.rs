//! The audit log: what was changed by hand, and the way back from it.
//!
//! A change that can be rolled back is noted with the state before and after it. Rolling back sets that state alone,
//! and only while nothing else has changed it since.

use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::api::{AuditEntry, RolledBack};
use switchyard_domain::limits::{SENTENCE_BYTES, bounded};
use switchyard_domain::operate::SetDistribution;
use switchyard_domain::view::PauseView;
use switchyard_policy::Patch;
use switchyard_store::AuditRow;

use super::Router;
use super::shifts::ShiftState;
use crate::core::Core;
use crate::core::clock;
use crate::core::lock;

/// What a change replaces, and what it sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum State {
    /// Overrides, by their places.
    Overrides(Vec<Patch>),
    /// The pause.
    Pause(PauseView),
    /// The running map.
    Map {
        /// Its version.
        version: i64,
    },
    /// A shift; absent where there is none of this number.
    Shift {
        /// Its number.
        id: u64,
        /// How it stands.
        stands: Option<ShiftState>,
    },
    /// The split of traffic.
    Split {
        /// Its weights; absent where it is the map's.
        weights: Option<SetDistribution>,
    },
}

/// A change to be noted.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) actor: &'a str,
    pub(crate) action: &'a str,
    pub(crate) target: &'a str,
    pub(crate) reason: Option<String>,
    /// Before and after, where it can be rolled back.
    pub(crate) states: Option<(State, State)>,
}

/// A reason that says something.
pub(crate) fn said(reason: Option<String>) -> Option<String> {
    reason.map(|reason| bounded(reason.trim().to_owned(), SENTENCE_BYTES)).filter(|reason| !reason.is_empty())
}

/// Notes a change. It has happened already, so a full disk is only logged.
pub(crate) async fn note(core: &Core, change: Change<'_>) {
    let Change { actor, action, target, reason, states } = change;
    let (before, after) = states.unzip();
    let json = |state: Option<State>| state.and_then(|state| serde_json::to_value(state).ok());
    let entry = switchyard_store::AuditEntry {
        at_ms: clock::now().wall_ms,
        actor: actor.to_owned(),
        action: action.to_owned(),
        target: target.to_owned(),
        reason,
        before: json(before),
        after: json(after),
    };
    if let Err(error) = core.store.audit().append(&entry).await {
        tracing::error!(code = error.code(), %error, action, "not written to the audit log");
    }
}

/// The states of an entry, where both are there and understood.
fn states(row: &AuditRow) -> Option<(State, State)> {
    let read = |json: &Option<serde_json::Value>| serde_json::from_value(json.clone()?).ok();
    Some((read(&row.entry.before)?, read(&row.entry.after)?))
}

impl Router {
    /// What was changed by hand, newest first.
    ///
    /// # Errors
    /// When the log can't be read.
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, Problem> {
        let rows =
            self.state.core.store.audit().list(limit.min(1_000)).await.map_err(|error| error.problem())?;
        let shown = |row: AuditRow| AuditEntry {
            id: row.seq,
            reversible: states(&row).is_some(),
            at_ms: row.entry.at_ms,
            actor: row.entry.actor,
            action: row.entry.action,
            target: row.entry.target,
            reason: row.entry.reason,
            before: row.entry.before,
            after: row.entry.after,
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    /// Sets back what a change of the audit log touched, and nothing else.
    ///
    /// # Errors
    /// `not_found_audit`; `invalid_rollback` for a change there is no way back from; `conflict_audit` when something
    /// else changed it since, or it is as it was already.
    pub async fn roll_back(
        &self,
        id: i64,
        reason: Option<String>,
        actor: &str,
    ) -> Result<RolledBack, Problem> {
        let found = self.state.core.store.audit().get(id).await.map_err(|error| error.problem())?;
        let row = found.ok_or_else(|| {
            Problem::new(
                "not_found_audit",
                format!("The audit log has no entry {id}. `switchyard audit` lists it."),
            )
        })?;
        let Some(states) = states(&row) else { return Err(no_way_back(&row)) };
        let reason = said(reason).or_else(|| Some(format!("rollback of #{id}")));
        let warnings = match states {
            (State::Overrides(before), State::Overrides(after)) => {
                self.roll_orders_back(id, &before, &after, reason, actor).await?
            }
            (State::Pause(before), State::Pause(after)) => {
                self.roll_pause_back(before, &after, reason, actor).await?;
                Vec::new()
            }
            (State::Map { version: before }, State::Map { version: after }) => {
                self.roll_map_back(before, after, reason, actor).await?;
                Vec::new()
            }
            (State::Shift { id: shift, stands: before }, State::Shift { stands: after, .. }) => {
                self.undo_shift(id, shift, (before, after), reason, actor).await?;
                Vec::new()
            }
            (State::Split { weights: before }, State::Split { weights: after }) => {
                self.undo_split(id, before, after, reason, actor).await?;
                Vec::new()
            }
            (
                State::Overrides(_)
                | State::Pause(_)
                | State::Map { .. }
                | State::Shift { .. }
                | State::Split { .. },
                _,
            ) => return Err(no_way_back(&row)),
        };
        let (action, target) = (row.entry.action, row.entry.target);
        Ok(RolledBack { id, action, target, warnings })
    }

    async fn roll_pause_back(
        &self,
        before: PauseView,
        after: &PauseView,
        reason: Option<String>,
        actor: &str,
    ) -> Result<(), Problem> {
        let stands = lock(&self.state.core.pause).clone();
        // Whoever paused it when: what counts is whether work is taken, and what callers are told.
        let same = |one: &PauseView, other: &PauseView| {
            one.paused == other.paused && (!one.paused || one.reason == other.reason)
        };
        if same(&stands, &before) {
            let message = "Nothing to roll back: everything is as it was before that change.";
            return Err(Problem::new("conflict_audit", message));
        }
        if !same(&stands, after) {
            let message = "The pause was changed again since. Use `switchyard pause` or `switchyard resume`.";
            return Err(Problem::new("conflict_audit", message));
        }
        if before.paused {
            self.halt(before.reason, reason, actor).await
        } else {
            self.go_on(reason, actor).await
        }
    }

    async fn roll_map_back(
        &self,
        before: i64,
        after: i64,
        reason: Option<String>,
        actor: &str,
    ) -> Result<(), Problem> {
        let runs = self.map_document(None).await?.version;
        if runs != after {
            let message = format!(
                "v{runs} runs by now, not v{after}. `switchyard map restore {before}` runs v{before} all the same."
            );
            return Err(Problem::new("conflict_audit", message));
        }
        self.restore_map(before, reason, actor.to_owned()).await.map(drop)
    }

    pub(super) async fn note_overrides(
        core: &Core,
        actor: &str,
        action: &str,
        target: &str,
        reason: Option<String>,
        patches: (Vec<Patch>, Vec<Patch>),
    ) {
        let states = Some((State::Overrides(patches.0), State::Overrides(patches.1)));
        note(core, Change { actor, action, target, reason, states }).await;
    }
}

fn no_way_back(row: &AuditRow) -> Problem {
    let action = &row.entry.action;
    let why = match action.split('.').next().unwrap_or_default() {
        "credential" => "a key's value is never kept. Store it again: `switchyard credential set NAME`",
        "client" => "an app's key is never kept. Make another: `switchyard client add NAME`",
        "job" | "queue" => "a queued job ends once. See `switchyard queue list`",
        "shift" => {
            "it is the router's own move, or it changed nothing. See `switchyard failback` and `switchyard hold`"
        }
        "distribution" => "it changed nothing. See `switchyard shift list`",
        "map" => "it was the first map. See `switchyard map history`",
        _ => "what it replaced was not kept",
    };
    Problem::new("invalid_rollback", format!("#{} ({action}) can't be rolled back: {why}.", row.seq))
}

#[cfg(test)]
mod tests;
