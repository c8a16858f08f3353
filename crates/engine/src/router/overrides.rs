//! What people override at run time: kill switches, held breakers, jobs' models, excepted providers, apps' bounds, the
//! all-off switch. One document, kept in the settings before it counts; every change is an entry of the audit log.

use std::sync::Arc;

use switchyard_domain::event::EventKind;
use switchyard_domain::operate::{KillScope, Order, Overrides};
use switchyard_domain::overrides::{OrdersAnswer, Terms};
use switchyard_domain::{Now, Problem, RouteId};
use switchyard_policy::overrides::{change, has_lapsed, roll_back};
use switchyard_policy::{Changed, Command, Patch};
use switchyard_store::StoreError;

use super::Router;
use super::state::RouterState;
use crate::core::Running;
use crate::core::clock;
use crate::walk::local_keys::DEFAULT_CLIENT;

const OVERRIDES: &str = "orders";
/// Kill switches of earlier versions, one setting each.
const OFF: &str = "route_off/";
/// A breaker is held for so long unless it is said otherwise, milliseconds.
const HOLD_MS: u64 = 3_600_000;
/// The shortest and the longest time an order may be given for, milliseconds: a second, a year.
const FOR_MS: std::ops::RangeInclusive<u64> = 1_000..=31_536_000_000;

impl Router {
    /// Everything overridden now.
    pub async fn overrides(&self) -> Overrides {
        let kept = self.state.overrides.lock().await;
        self.state.core.with_fleet(|fleet| fleet.overrides().clone()).unwrap_or_else(|| kept.clone())
    }

    /// Does what a person wishes, from the next request on. Kept for the next start before it counts.
    ///
    /// # Errors
    /// A problem that names what the map does not have; `stale_overrides` when the overrides have changed since the
    /// wish was made; `invalid_order` for a time or a missing reason. Then nothing has changed.
    pub async fn order(&self, command: Command, terms: Terms, actor: &str) -> Result<OrdersAnswer, Problem> {
        let now = clock::now();
        let order = order_of(&command, &terms, actor, now)?;
        let mut kept = self.state.overrides.lock().await;
        take_lapsed(&self.state, &mut kept).await;
        if terms.base_version.is_some_and(|base| base != kept.version) {
            let message = format!(
                "The overrides have changed since (they are at version {} now). Look again, then decide.",
                kept.version
            );
            return Err(Problem::new("stale_overrides", message));
        }
        let running = self.state.core.running.load_full();
        let map = running.as_ref().map(|running| &running.map);
        let Some(changed) = change(&kept, map, &command, &order)? else {
            return Ok(OrdersAnswer { changed: false, warnings: Vec::new(), overrides: kept.clone() });
        };
        let what = told(&command, &changed, &order);
        let patches = (changed.before.clone(), changed.after.clone());
        let target = changed.target.clone();
        self.keep(&mut kept, changed, what, now).await?;
        let overrides = kept.clone();
        drop(kept);
        Self::note_overrides(&self.state.core, actor, command.action(), &target, order.reason, patches).await;
        let warnings = self.warnings(&command, running.as_deref(), now).await;
        Ok(OrdersAnswer { changed: true, warnings, overrides })
    }

    /// Holds every breaker of a provider open or closed, or lets go of them.
    ///
    /// # Errors
    /// As [`Router::order`].
    pub async fn force_provider_breaker(
        &self,
        provider: &str,
        state: Option<bool>,
        reason: String,
        for_ms: Option<u64>,
        actor: &str,
    ) -> Result<(), Problem> {
        let command = Command::Breakers { provider: provider.to_owned(), open: state };
        let terms = Terms { reason: Some(reason), for_ms, base_version: None };
        self.order(command, terms, actor).await.map(drop)
    }

    /// Sets the places of a change back; says what a person should know.
    pub(super) async fn roll_orders_back(
        &self,
        id: i64,
        before: &[Patch],
        after: &[Patch],
        reason: Option<String>,
        actor: &str,
    ) -> Result<Vec<String>, Problem> {
        let now = clock::now();
        let mut kept = self.state.overrides.lock().await;
        take_lapsed(&self.state, &mut kept).await;
        let changed = roll_back(&kept, before, after, now)?;
        let target = format!("#{id} ({})", changed.target);
        let what = EventKind::OrderChanged {
            action: "rollback".to_owned(),
            target: target.clone(),
            on: false,
            actor: actor.to_owned(),
            reason: reason.clone(),
        };
        let patches = (changed.before.clone(), changed.after.clone());
        self.keep(&mut kept, changed, what, now).await?;
        drop(kept);
        Self::note_overrides(&self.state.core, actor, "rollback", &target, reason, patches).await;
        let running = self.state.core.running.load_full();
        Ok(running.map_or_else(Vec::new, |running| self.cold_warnings(&running, now)))
    }

    /// Keeps a change, lets the fleet go by it, and tells.
    async fn keep(
        &self,
        kept: &mut Overrides,
        changed: Changed,
        what: EventKind,
        now: Now,
    ) -> Result<(), Problem> {
        let stored = self.state.core.store.settings().set(OVERRIDES, &changed.overrides, now.wall_ms).await;
        stored.map_err(|error| error.problem())?;
        kept.clone_from(&changed.overrides);
        self.state.core.with_fleet(|fleet| fleet.set_overrides(changed.overrides));
        self.state.core.bus.emit(what, now);
        self.state.walk.look_around(now);
        self.state.walk.queue.ways_changed();
        Ok(())
    }

    async fn warnings(&self, command: &Command, running: Option<&Running>, now: Now) -> Vec<String> {
        let Some(running) = running else { return Vec::new() };
        let mut warnings = Vec::new();
        if let Command::Bounds { client, .. } | Command::Prefer { client, .. } = command
            && command.is_on()
            && client != DEFAULT_CLIENT
            && !running.map.clients.contains_key(client)
            && self
                .state
                .core
                .store
                .clients()
                .list()
                .await
                .is_ok_and(|all| all.iter().all(|row| row.name != *client))
        {
            warnings.push(format!(
                "No app called {client} has a key yet. The rule holds for the app that gets one under this name: \
                 `switchyard client add {client}`."
            ));
        }
        if command.is_on() && *command != (Command::AllOff { on: true }) {
            warnings.extend(self.cold_warnings(running, now));
        }
        warnings
    }

    fn cold_warnings(&self, running: &Running, now: Now) -> Vec<String> {
        let cold = self.state.core.with_fleet(|fleet| fleet.cold_jobs(&running.map, now)).unwrap_or_default();
        let warn = |job: String| format!("The job {job} has nothing but Cold left: its requests are queued.");
        cold.into_iter().map(warn).collect()
    }

    /// Overrides that a new map has no use for are kept; people are told once.
    pub(super) fn tell_ignored(&self, before: Option<&Running>, running: &Running) {
        let ignored = self.state.core.with_fleet(|fleet| {
            let known = before.map_or_else(Vec::new, |before| fleet.overrides_without_effect(&before.map));
            let mut ignored = fleet.overrides_without_effect(&running.map);
            ignored.retain(|job| !known.contains(job));
            ignored
        });
        for job in ignored.unwrap_or_default() {
            let what = EventKind::OrderChanged {
                action: "override.ignored".to_owned(),
                target: format!("job {job}"),
                on: true,
                actor: "router".to_owned(),
                reason: None,
            };
            self.state.core.bus.emit(what, clock::now());
        }
    }

    /// Takes back what was overridden before the start, and the kill switches an earlier version kept.
    pub(super) async fn restore_overrides(&self) -> Result<(), Problem> {
        let (settings, now) = (self.state.core.store.settings(), clock::now());
        let mut kept = self.state.overrides.lock().await;
        *kept = self
            .setting::<Overrides>(OVERRIDES, "overrides (kill switches among them)")
            .await?
            .unwrap_or_default();
        let old = match settings.with_prefix::<bool>(OFF).await {
            Ok(old) => old,
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(%error, "an older version's kill switches can't be read, and are passed over");
                Vec::new()
            }
            Err(error) => return Err(error.problem()),
        };
        if old.is_empty() {
            return Ok(());
        }
        let order =
            Order { actor: "router".to_owned(), reason: None, at_ms: now.wall_ms, expires_at_ms: None };
        for (key, _) in old.iter().filter(|(_, off)| *off) {
            let scope = KillScope::Route(RouteId::from(key.trim_start_matches(OFF)));
            Patch::Kill { scope, set: Some(order.clone()) }.put(&mut kept);
        }
        kept.version += 1;
        settings.set(OVERRIDES, &*kept, now.wall_ms).await.map_err(|error| error.problem())?;
        for (key, _) in &old {
            settings.remove(key).await.map_err(|error| error.problem())?;
        }
        Ok(())
    }
}

/// Keeps what the fleet has let lapse since, and notes it.
pub(super) async fn keep_lapsed(state: &Arc<RouterState>, now: Now) {
    let Ok(mut kept) = state.overrides.try_lock() else { return };
    let version = state.core.with_fleet(|fleet| fleet.overrides().version);
    if version.is_some_and(|version| version > kept.version) {
        take_lapsed(state, &mut kept).await;
        state.walk.look_around(now);
        state.walk.queue.ways_changed();
    }
}

async fn take_lapsed(state: &Arc<RouterState>, kept: &mut Overrides) {
    let Some(fleet) = state.core.with_fleet(|fleet| fleet.overrides().clone()) else { return };
    if fleet.version <= kept.version {
        return;
    }
    let now = clock::now();
    if let Err(error) = state.core.store.settings().set(OVERRIDES, &fleet, now.wall_ms).await {
        // It lapses again after the next start.
        tracing::error!(code = error.code(), %error, "overrides whose time is over could not be kept so");
    }
    let lapsed = Patch::all(kept).into_iter().filter(|patch| patch.now_in(&fleet) != *patch);
    for patch in lapsed.filter(|patch| patch.order().is_some_and(|order| has_lapsed(order, now))) {
        let (target, cleared) = (patch.target(), patch.cleared());
        let reason = Some("its time is over".to_owned());
        let patches = (vec![patch.clone()], vec![cleared]);
        Router::note_overrides(&state.core, "router", patch.off_action(), &target, reason, patches).await;
    }
    *kept = fleet;
}

/// Who orders it, why and until when.
fn order_of(command: &Command, terms: &Terms, actor: &str, now: Now) -> Result<Order, Problem> {
    let reason = terms.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let holds =
        matches!(command, Command::Breaker { open: Some(_), .. } | Command::Breakers { open: Some(_), .. });
    if holds && reason.is_none() {
        let message = "Say why the breaker is held, in `reason`: whoever looks next needs it.";
        return Err(Problem::new("invalid_order", message));
    }
    let for_ms = terms.for_ms.or(holds.then_some(HOLD_MS));
    if for_ms.is_some_and(|ms| !FOR_MS.contains(&ms)) {
        let message =
            "`forMs` is between one second (1000) and one year (31536000000). Leave it out for no end.";
        return Err(Problem::new("invalid_order", message));
    }
    let expires_at_ms = for_ms.map(|ms| now.plus_ms(ms).wall_ms);
    let reason = reason.map(str::to_owned);
    Ok(Order { actor: actor.to_owned(), reason, at_ms: now.wall_ms, expires_at_ms })
}

fn told(command: &Command, changed: &Changed, order: &Order) -> EventKind {
    if let Command::Kill { scope: KillScope::Route(route), on } = command {
        return EventKind::RouteSwitched { route: route.clone(), in_service: !on };
    }
    EventKind::OrderChanged {
        action: command.action().to_owned(),
        target: changed.target.clone(),
        on: command.is_on(),
        actor: order.actor.clone(),
        reason: order.reason.clone(),
    }
}
