//! Moves of traffic, by hand and by the router itself. They outlive a restart.

mod undo;

use std::sync::Arc;

use switchyard_domain::Problem;
use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::map::RoutingMap;
use switchyard_domain::operate::{DistributionView, SetDistribution, ShiftView, StartShift};
use switchyard_policy::{Fleet, SavedShifts, ShiftCommand};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Router;
use super::audit::{self, Change, State, said};
use super::state::RouterState;
use crate::core::clock;

pub(crate) use undo::ShiftState;

const SHIFTS: &str = "shifts";
/// What changed is kept this soon, milliseconds.
const BEAT_MS: u64 = 1_000;
/// How far a step or a wait has come is kept this often, milliseconds: a crash loses so much of it.
const PROGRESS_MS: u64 = 30_000;

/// The name the router's own moves have in the audit log.
const ROUTER: &str = "router";

impl Router {
    /// The moves under way.
    #[must_use]
    pub fn shifts(&self) -> Vec<ShiftView> {
        let now = clock::now();
        self.state.core.with_fleet(|fleet| fleet.shifts().view(now)).unwrap_or_default()
    }

    /// The split of traffic, where it is not the map's.
    #[must_use]
    pub fn distribution(&self) -> Option<DistributionView> {
        let now = clock::now();
        self.state.core.with_fleet(|fleet| fleet.shifts().distribution(now)).flatten()
    }

    /// Moves traffic, or moves more of it: the shift's number.
    ///
    /// # Errors
    /// `invalid_target`, `invalid_percent`, `conflict_target_out`, `conflict_shift_exists`, `no_map`.
    pub async fn start_shift(&self, command: StartShift, actor: &str) -> Result<u64, Problem> {
        let command = StartShift { reason: said(command.reason), ..command };
        let (reason, to) = (command.reason.clone(), command.to.clone().unwrap_or_else(|| "rest".to_owned()));
        let target = format!("{} to {to}", command.from);
        let before = self.shifts();
        let id = self.command(ShiftCommand::Start(command), actor, reason.as_deref()).await?;
        let id = id.ok_or_else(|| Problem::new("internal", "The shift has no number."))?;
        let stood = before.iter().find(|view| view.id == id).map(ShiftState::of);
        let states = undo::moved(Some(id), stood, self.state(id));
        self.note_shift(actor, "shift.start", &format!("{id}: {target}"), reason, states).await;
        Ok(id)
    }

    /// Brings traffic home, in steps or at once. Without a number: the only shift.
    ///
    /// # Errors
    /// `not_found_shift`, `conflict_several_shifts`, `conflict_home_out`, `conflict_shift_returns`, `no_map`.
    pub async fn failback(
        &self,
        shift: Option<u64>,
        at_once: bool,
        reason: Option<String>,
        actor: &str,
    ) -> Result<(), Problem> {
        let (reason, before) = (said(reason), self.meant(shift).and_then(|id| self.state(id)));
        let id = self.command(ShiftCommand::Failback { shift, at_once }, actor, reason.as_deref()).await?;
        let action = if at_once { "shift.take_back" } else { "shift.failback" };
        let states = undo::moved(id, before, id.and_then(|id| self.state(id)));
        self.note_shift(actor, action, &numbered(id), reason, states).await;
        Ok(())
    }

    /// Lets a shift stand still, or go on. Without a number: the only shift.
    ///
    /// # Errors
    /// `not_found_shift`, `conflict_several_shifts`, `conflict_not_held`, `no_map`.
    pub async fn hold_shift(
        &self,
        shift: Option<u64>,
        held: bool,
        reason: Option<String>,
        actor: &str,
    ) -> Result<(), Problem> {
        let (reason, before) = (said(reason), self.meant(shift).and_then(|id| self.state(id)));
        let id = self.command(ShiftCommand::Hold { shift, held }, actor, reason.as_deref()).await?;
        let states = undo::moved(id, before, id.and_then(|id| self.state(id)));
        let action = if held { "shift.hold" } else { "shift.go_on" };
        self.note_shift(actor, action, &numbered(id), reason, states).await;
        Ok(())
    }

    /// Splits traffic by weights; none give it back to the map.
    ///
    /// # Errors
    /// `invalid_target`, `invalid_weights`, `no_map`.
    pub async fn distribute(&self, command: SetDistribution, actor: &str) -> Result<(), Problem> {
        let command = SetDistribution { reason: said(command.reason), ..command };
        let (before, reason) = (self.split(), command.reason.clone());
        let action = if command.weights.is_empty() { "distribution.clear" } else { "distribution.set" };
        self.command(ShiftCommand::Distribute(command), actor, reason.as_deref()).await?;
        self.note_shift(actor, action, "weights", reason, undo::split(before, self.split())).await;
        Ok(())
    }

    async fn command(
        &self,
        command: ShiftCommand,
        actor: &str,
        reason: Option<&str>,
    ) -> Result<Option<u64>, Problem> {
        let no_map = || Problem::new("no_map", "No routing map is applied. Run `switchyard map apply FILE`.");
        let running = self.state.core.running.load_full().ok_or_else(no_map)?;
        let now = clock::now();
        let done = self.state.walk.change(now, |fleet| {
            match fleet.command_shift(&running.map, command, actor, reason, now) {
                Ok((id, changes)) => (Ok(id), changes),
                Err(problem) => (Err(problem), Vec::new()),
            }
        });
        let id = done.ok_or_else(no_map)??;
        self.state.walk.look_around(now);
        self.state.core.bus.touch();
        keep(&self.state).await?;
        Ok(id)
    }

    async fn note_shift(
        &self,
        actor: &str,
        action: &str,
        target: &str,
        reason: Option<String>,
        states: Option<(State, State)>,
    ) {
        audit::note(&self.state.core, Change { actor, action, target, reason, states }).await;
    }

    /// Shifts of before the start, for the first map that runs.
    pub(super) async fn kept_shifts(&self) -> Option<SavedShifts> {
        match self.state.core.store.settings().get::<SavedShifts>(SHIFTS).await {
            Ok(saved) => saved,
            Err(error) => {
                tracing::error!(code = error.code(), %error, "shifts of before the start are lost");
                None
            }
        }
    }
}

/// A fleet for the first map, with the shifts of before the start.
pub(super) fn new_fleet(map: &RoutingMap, kept: Option<SavedShifts>) -> Fleet {
    let mut fleet = Fleet::new(map);
    if let Some(saved) = kept {
        fleet.restore_shifts(map, saved, clock::now());
    }
    fleet
}

fn numbered(id: Option<u64>) -> String {
    id.map_or_else(|| "shift".to_owned(), |id| id.to_string())
}

/// Writes how shifts stand, so that a restart goes on from here.
pub(super) async fn keep(state: &RouterState) -> Result<(), Problem> {
    // What is written later is read later.
    let _turn = state.shifts_kept.lock().await;
    let now = clock::now();
    let Some(saved) = state.core.with_fleet(|fleet| fleet.shifts().save(now)) else { return Ok(()) };
    state.core.store.settings().set(SHIFTS, &saved, now.wall_ms).await.map_err(|error| error.problem())
}

/// Keeps how shifts stand and notes what the router does with them, until stopped.
pub(super) async fn run(state: Arc<RouterState>, stop: CancellationToken) {
    let mut events = state.core.bus.subscribe();
    let mut kept = (0, clock::now().mono_ms);
    loop {
        let beat = clock::sleep_until(clock::now().mono_ms + BEAT_MS);
        tokio::select! {
            () = stop.cancelled() => break,
            () = beat => {}
            event = events.recv() => match event {
                Ok(event) => note_own(&state, &event).await,
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "events went by too fast to note the router's own moves of traffic");
                }
                Err(RecvError::Closed) => break,
            },
        }
        let now = clock::now();
        let Some((revision, idle)) =
            state.core.with_fleet(|fleet| (fleet.shifts().revision(), fleet.shifts().is_idle()))
        else {
            continue;
        };
        let progress = !idle && now.mono_ms.saturating_sub(kept.1) >= PROGRESS_MS;
        if revision != kept.0 || progress {
            match keep(&state).await {
                Ok(()) => kept = (revision, now.mono_ms),
                Err(problem) => tracing::error!(problem.code, %problem, "shifts are not kept"),
            }
        }
    }
}

/// The router's own moves belong into the audit log beside those by hand.
async fn note_own(state: &RouterState, event: &Event) {
    let (action, target, reason) = if let EventKind::ShiftStarted { shift, from, to, actor, reason, .. } =
        &event.what
        && actor == ROUTER
    {
        ("shift.start", format!("{shift}: {from} to {to}"), reason)
    } else if let EventKind::FailbackStarted { shift, home, actor, reason, .. } = &event.what
        && actor == ROUTER
    {
        ("shift.failback", format!("{shift}: {home}"), reason)
    } else if let EventKind::ShiftReversed { shift, from, to, reason, .. } = &event.what {
        ("shift.reverse", format!("{shift}: {from} to {to}"), reason)
    } else {
        return;
    };
    let reason = Some(reason.clone());
    audit::note(&state.core, Change { actor: ROUTER, action, target: &target, reason, states: None }).await;
}
