//! Pause, resume, and a route's kill switch. All outlive a restart.

use std::sync::atomic::Ordering;

use switchyard_domain::event::EventKind;
use switchyard_domain::operate::KillScope;
use switchyard_domain::overrides::Terms;
use switchyard_domain::view::PauseView;
use switchyard_domain::{Problem, RouteId};
use switchyard_policy::Command;

use super::{Router, audit};
use crate::core::clock;
use crate::core::lock;

const PAUSE: &str = "pause";

impl Router {
    /// Lets new work wait; what runs finishes.
    ///
    /// # Errors
    /// When the pause could not be kept for the next start; then nothing is paused.
    pub async fn pause(&self, reason: Option<String>, actor: &str) -> Result<(), Problem> {
        let reason = audit::said(reason);
        self.halt(reason.clone(), reason, actor).await
    }

    /// Takes new work again, and what waits in the queue.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn resume(&self, actor: &str) -> Result<(), Problem> {
        self.go_on(None, actor).await
    }

    /// Pauses: callers see one reason, the audit log keeps the other.
    pub(super) async fn halt(
        &self,
        shown: Option<String>,
        reason: Option<String>,
        actor: &str,
    ) -> Result<(), Problem> {
        let now = clock::now();
        let view = PauseView {
            paused: true,
            reason: shown.clone(),
            since_ms: Some(now.wall_ms),
            causes: Vec::new(),
        };
        self.state
            .core
            .store
            .settings()
            .set(PAUSE, &view, now.wall_ms)
            .await
            .map_err(|error| error.problem())?;
        let before = std::mem::replace(&mut *lock(&self.state.core.pause), view.clone());
        self.state.core.paused.store(true, Ordering::Relaxed);
        self.state
            .core
            .bus
            .emit(EventKind::Paused { reason: shown.unwrap_or_else(|| "by hand".to_owned()) }, now);
        let states = Some((audit::State::Pause(before), audit::State::Pause(view)));
        let change = audit::Change { actor, action: "pause", target: "router", reason, states };
        audit::note(&self.state.core, change).await;
        Ok(())
    }

    /// Ends a pause.
    pub(super) async fn go_on(&self, reason: Option<String>, actor: &str) -> Result<(), Problem> {
        self.state.core.store.settings().remove(PAUSE).await.map_err(|error| error.problem())?;
        let view = PauseView { paused: false, reason: None, since_ms: None, causes: Vec::new() };
        let before = std::mem::replace(&mut *lock(&self.state.core.pause), view.clone());
        if self.state.core.paused.swap(false, Ordering::Relaxed) {
            self.state.core.bus.emit(EventKind::Resumed, clock::now());
            let states = Some((audit::State::Pause(before), audit::State::Pause(view)));
            let change = audit::Change { actor, action: "resume", target: "router", reason, states };
            audit::note(&self.state.core, change).await;
        }
        self.state.walk.queue.wake();
        Ok(())
    }

    /// Throws or resets a route's kill switch.
    ///
    /// # Errors
    /// `not_found_route` with the ids there are.
    pub async fn switch_route(&self, route: &str, in_service: bool, actor: &str) -> Result<(), Problem> {
        let scope = KillScope::Route(RouteId::from(route));
        self.order(Command::Kill { scope, on: !in_service }, Terms::default(), actor).await.map(drop)
    }

    pub(super) async fn restore_pause(&self) -> Result<(), Problem> {
        if let Some(view) = self.setting::<PauseView>(PAUSE, "pause").await? {
            self.state.core.paused.store(view.paused, Ordering::Relaxed);
            *lock(&self.state.core.pause) = view;
        }
        Ok(())
    }
}
