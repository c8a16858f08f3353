//! How a shift stood before and after what a person said of it, and the way back. What the router does by itself in
//! between (steps taken, home reached) is no change by hand: it is compared by what a person decides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use switchyard_domain::Problem;
use switchyard_domain::map::ShiftMode;
use switchyard_domain::operate::{
    DistributionView, SetDistribution, ShiftPhase, ShiftView, StartShift, Target,
};
use switchyard_policy::ShiftCommand;

use super::ROUTER;
use crate::router::Router;
use crate::router::audit::State;

/// How a shift stands, as far as a person decides it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShiftState {
    /// The wish that makes it again.
    command: StartShift,
    /// Whether it is on its way home.
    returning: bool,
    /// Whether a person holds it.
    held: bool,
}

impl ShiftState {
    pub(super) fn of(view: &ShiftView) -> Self {
        let returning = view.phase == ShiftPhase::Returning;
        let goal = match view.phase {
            ShiftPhase::Leaving => view.steps.last().copied().unwrap_or(view.share_percent),
            ShiftPhase::Away | ShiftPhase::Returning | ShiftPhase::Home => view.share_percent,
        };
        // What has arrived was watched on its way: it needs no steps a second time.
        let arrived = view.phase == ShiftPhase::Away;
        let command = StartShift {
            from: written(&view.from),
            to: Some(written(&view.to)),
            mode: Some(if arrived { ShiftMode::Immediate } else { view.mode }),
            percent: Some(goal.clamp(1, 100)),
            reason: None,
        };
        let held = view.held.as_ref().is_some_and(|held| held.by != ROUTER);
        Self { command, returning, held }
    }

    /// Whether a person decided the same. On its way home a share falls by itself.
    fn is(&self, other: &Self) -> bool {
        (&self.command.from, &self.command.to) == (&other.command.from, &other.command.to)
            && (self.returning, self.held) == (other.returning, other.held)
            && (self.returning || self.command.percent == other.command.percent)
    }
}

/// The states of a change, none when it changed nothing that a person decides.
pub(super) fn moved(
    id: Option<u64>,
    before: Option<ShiftState>,
    after: Option<ShiftState>,
) -> Option<(State, State)> {
    let id = id?;
    let changed = !same(before.as_ref(), after.as_ref());
    changed.then_some((State::Shift { id, stands: before }, State::Shift { id, stands: after }))
}

pub(super) fn split(
    before: Option<SetDistribution>,
    after: Option<SetDistribution>,
) -> Option<(State, State)> {
    (before != after).then_some((State::Split { weights: before }, State::Split { weights: after }))
}

fn same(one: Option<&ShiftState>, other: Option<&ShiftState>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is(other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl Router {
    /// How a shift stands; none when there is none of this number.
    pub(super) fn state(&self, id: u64) -> Option<ShiftState> {
        self.shifts().iter().find(|view| view.id == id).map(ShiftState::of)
    }

    /// The shift that a command without a number means.
    pub(super) fn meant(&self, id: Option<u64>) -> Option<u64> {
        let all = self.shifts();
        id.or(if let [only] = all.as_slice() { Some(only.id) } else { None })
    }

    /// The shift under way from the same origin.
    fn begun_anew(&self, state: &ShiftState) -> Option<(u64, ShiftState)> {
        let all = self.shifts();
        let found = all.iter().find(|view| written(&view.from) == state.command.from);
        found.map(|view| (view.id, ShiftState::of(view)))
    }

    /// The wish that makes the present split again.
    pub(super) fn split(&self) -> Option<SetDistribution> {
        self.distribution().map(|split| weights_of(&split))
    }

    /// Sets a shift back to how it stood before a change of the audit log.
    ///
    /// # Errors
    /// `conflict_audit` with what happened since; those of the commands that set it back.
    pub(in crate::router) async fn undo_shift(
        &self,
        entry: i64,
        id: u64,
        (before, after): (Option<ShiftState>, Option<ShiftState>),
        reason: Option<String>,
        actor: &str,
    ) -> Result<(), Problem> {
        let stands = self.state(id);
        if after.is_none()
            && let Some((other, state)) = before.as_ref().and_then(|before| self.begun_anew(before))
        {
            // One origin has one shift: another one of it has taken the place of this one.
            return Err(if before.as_ref().is_some_and(|before| state.is(before)) {
                as_before()
            } else {
                changed_since(other, Some(&state))
            });
        }
        if same(stands.as_ref(), before.as_ref()) {
            return Err(as_before());
        }
        if !same(stands.as_ref(), after.as_ref()) {
            return Err(changed_since(id, stands.as_ref()));
        }
        let why = reason.as_deref();
        let id_after = self.set_back(id, stands.as_ref(), before.clone(), actor, why).await?;
        // A shift that was over begins anew, under a number of its own.
        let states = moved(Some(id_after), stands, before);
        self.note_shift(actor, "rollback", &format!("#{entry} (shift {id_after})"), reason, states).await;
        Ok(())
    }

    async fn set_back(
        &self,
        id: u64,
        stands: Option<&ShiftState>,
        before: Option<ShiftState>,
        actor: &str,
        why: Option<&str>,
    ) -> Result<u64, Problem> {
        let home = |at_once| ShiftCommand::Failback { shift: Some(id), at_once };
        let Some(before) = before else {
            self.command(home(true), actor, why).await?;
            return Ok(id);
        };
        let (mut id, mut held) = (id, stands.is_some_and(|stands| stands.held));
        let returns = stands.is_some_and(|stands| stands.returning);
        let share = stands.and_then(|stands| stands.command.percent);
        // On the way home a share falls by itself: there it is nobody's wish.
        let another_share = !before.returning && !returns && share != before.command.percent;
        let taken_back = stands.is_some() && another_share && share > before.command.percent;
        if taken_back {
            self.command(home(true), actor, why).await?;
        }
        if stands.is_none() || another_share || (returns && !before.returning) {
            let command = StartShift { reason: why.map(str::to_owned), ..before.command };
            let begun = self.command(ShiftCommand::Start(command), actor, why).await;
            if begun.is_err() && taken_back {
                // Half of it has happened, and can be rolled back like any change.
                let states = moved(Some(id), stands.cloned(), None);
                let reason = why.map(str::to_owned);
                self.note_shift(actor, "shift.take_back", &id.to_string(), reason, states).await;
            }
            id = begun?.unwrap_or(id);
            held = false;
        }
        if before.returning && !returns {
            self.command(ShiftCommand::Failback { shift: Some(id), at_once: false }, actor, why).await?;
            held = false;
        }
        if before.held != held {
            self.command(ShiftCommand::Hold { shift: Some(id), held: before.held }, actor, why).await?;
        }
        Ok(id)
    }

    /// Sets the split of traffic back.
    pub(in crate::router) async fn undo_split(
        &self,
        entry: i64,
        before: Option<SetDistribution>,
        after: Option<SetDistribution>,
        reason: Option<String>,
        actor: &str,
    ) -> Result<(), Problem> {
        let stands = self.split();
        if stands == before {
            return Err(as_before());
        }
        if stands != after {
            let message = "The weights were changed again since. `switchyard shift list` shows them; \
                           `switchyard shift set` or `switchyard shift clear` changes them.";
            return Err(Problem::new("conflict_audit", message));
        }
        let command = SetDistribution { reason: reason.clone(), ..before.clone().unwrap_or_default() };
        self.command(ShiftCommand::Distribute(command), actor, reason.as_deref()).await?;
        let states = split(after, before);
        self.note_shift(actor, "rollback", &format!("#{entry} (weights)"), reason, states).await;
        Ok(())
    }
}

fn as_before() -> Problem {
    Problem::new("conflict_audit", "Nothing to roll back: everything is as it was before that change.")
}

fn changed_since(id: u64, stands: Option<&ShiftState>) -> Problem {
    let message = match stands {
        None => format!(
            "Shift {id} is over by now: its traffic is home. Begin another with `switchyard failover`."
        ),
        Some(stands) => {
            let how = match (stands.returning, stands.held) {
                (true, true) => "it comes home and is held",
                (true, false) => "it comes home",
                (false, true) => "it is held",
                (false, false) => "it goes on, to another share",
            };
            format!(
                "Shift {id} was changed again since: {how}. Roll back the later change first, or use \
                 `switchyard failback {id}` or `switchyard hold {id}`."
            )
        }
    };
    Problem::new("conflict_audit", message)
}

/// A target as it is read.
fn written(target: &Target) -> String {
    match target {
        Target::Tier(tier) => tier.as_str().to_owned(),
        Target::Provider(name) => format!("provider:{name}"),
        Target::Route(id) => format!("route:{id}"),
        Target::Model(name) => format!("model:{name}"),
        Target::Rest => "rest".to_owned(),
    }
}

/// A split as the wish that makes it again.
fn weights_of(split: &DistributionView) -> SetDistribution {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is from 0 to 100 percent"
    )]
    let weights = split
        .weights
        .iter()
        .filter(|weight| weight.target != Target::Rest)
        .map(|weight| (written(&weight.target), (weight.goal_percent * 100.0).round() as u32));
    let weights: BTreeMap<String, u32> = weights.collect();
    SetDistribution { weights, transition_ms: None, reason: None }
}
