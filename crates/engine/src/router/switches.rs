//! Pause, resume, and the kill switches. All outlive a restart.

use std::sync::atomic::Ordering;

use switchyard_domain::event::What;
use switchyard_domain::view::PauseView;
use switchyard_domain::{Problem, RouteId};

use super::Router;
use crate::clock;
use crate::shared::lock;

const PAUSE: &str = "pause";
const OFF: &str = "route_off/";

impl Router {
    /// Lets new work wait; what runs finishes.
    ///
    /// # Errors
    /// When the pause could not be kept for the next start; then nothing is paused.
    pub async fn pause(&self, reason: Option<String>, actor: &str) -> Result<(), Problem> {
        let now = clock::now();
        let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let view = PauseView { paused: true, reason: reason.clone(), since_ms: Some(now.wall_ms) };
        self.shared.store.settings().set(PAUSE, &view, now.wall_ms).await.map_err(|error| error.problem())?;
        *lock(&self.shared.pause) = view;
        self.shared.paused.store(true, Ordering::Relaxed);
        let words = reason.clone().unwrap_or_else(|| "by hand".to_owned());
        self.shared.bus.emit(What::Paused { reason: words }, now);
        self.note(actor, "pause", "router", reason).await;
        Ok(())
    }

    /// Takes new work again, and what waits in the queue.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn resume(&self, actor: &str) -> Result<(), Problem> {
        self.shared.store.settings().remove(PAUSE).await.map_err(|error| error.problem())?;
        *lock(&self.shared.pause) = PauseView { paused: false, reason: None, since_ms: None };
        if self.shared.paused.swap(false, Ordering::Relaxed) {
            self.shared.bus.emit(What::Resumed, clock::now());
            self.note(actor, "resume", "router", None).await;
        }
        self.shared.cold_work.notify_one();
        Ok(())
    }

    /// Throws or resets a route's kill switch.
    ///
    /// # Errors
    /// `not_found_route` with the ids there are.
    pub async fn switch_route(&self, route: &str, in_service: bool, actor: &str) -> Result<(), Problem> {
        let running = self.shared.running.load_full();
        let found = running.as_ref().and_then(|running| running.map.find(route));
        let Some(ix) = found else {
            let known: Vec<String> = running
                .iter()
                .flat_map(|running| &running.map.routes)
                .map(|route| route.id.to_string())
                .collect();
            let message = format!("The running map has no route {route}. Routes: {}.", known.join(", "));
            return Err(Problem::new("not_found_route", message));
        };
        let (settings, key, now) = (self.shared.store.settings(), format!("{OFF}{route}"), clock::now());
        let kept = if in_service {
            settings.remove(&key).await.map(drop)
        } else {
            settings.set(&key, &true, now.wall_ms).await
        };
        kept.map_err(|error| error.problem())?;
        let id = RouteId::from(route);
        self.shared.with_fleet(|fleet| {
            if let Some(place) = fleet.place(&id, ix) {
                fleet.set_in_service(place, in_service);
            }
        });
        self.shared.bus.emit(What::RouteSwitched { route: id, in_service }, now);
        self.note(actor, if in_service { "route.on" } else { "route.off" }, route, None).await;
        self.shared.look_around(now);
        self.shared.cold_work.notify_one();
        Ok(())
    }

    /// The routes whose kill switch is thrown.
    pub(super) async fn switched_off(&self) -> Vec<String> {
        let off = self.shared.store.settings().with_prefix::<bool>(OFF).await.unwrap_or_default();
        off.into_iter()
            .filter(|(_, off)| *off)
            .filter_map(|(key, _)| key.strip_prefix(OFF).map(str::to_owned))
            .collect()
    }

    pub(super) async fn restore_pause(&self) -> Result<(), Problem> {
        let kept =
            self.shared.store.settings().get::<PauseView>(PAUSE).await.map_err(|error| error.problem())?;
        if let Some(view) = kept {
            self.shared.paused.store(view.paused, Ordering::Relaxed);
            *lock(&self.shared.pause) = view;
        }
        Ok(())
    }
}
