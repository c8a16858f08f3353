//! What every floor stands on. The fleet's lock is held for microseconds, never across an await.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use switchyard_domain::budget::{Pause, PauseCause};
use switchyard_domain::view::PauseView;
use switchyard_domain::{Failure, FailureKind, Now};
use switchyard_policy::Fleet;
use switchyard_policy::spend::Work;
use switchyard_store::{Store, WriterHandle};
use tokio_util::sync::CancellationToken;

use super::bus::Bus;
use super::lock;
use super::purse::{self, Purse};
use super::running::Running;
use super::vault::Vault;

/// New work of no app and no job in particular.
const ALL_WORK: Work<'static> = Work { provider: None, client: "", job: "" };

/// What every floor needs.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) data_dir: PathBuf,
    pub(crate) store: Store,
    pub(crate) writer: WriterHandle,
    pub(crate) bus: Bus,
    pub(crate) vault: Arc<Vault>,
    pub(crate) running: ArcSwapOption<Running>,
    /// Why the stored map can't run, where it can't.
    pub(crate) map_problem: Mutex<Option<String>>,
    pub(crate) fleet: Mutex<Option<Fleet>>,
    pub(crate) paused: AtomicBool,
    /// A person's own pause; what money pauses is the purse's.
    pub(crate) pause: Mutex<PauseView>,
    pub(crate) purse: Arc<Purse>,
    /// Cancelled when the grace of a shutdown is over: what is under way then ends with a word to its caller.
    pub(crate) grace_over: CancellationToken,
    pub(crate) started: Now,
    pub(crate) proxy_url: Mutex<String>,
    pub(crate) control_url: Mutex<Option<String>>,
}

impl Core {
    /// Uses the fleet, where a map runs.
    pub(crate) fn with_fleet<T>(&self, act: impl FnOnce(&mut Fleet) -> T) -> Option<T> {
        lock(&self.fleet).as_mut().map(act)
    }

    /// Whether all new work waits, by a person's word or for money.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed) || self.purse.blocks(ALL_WORK).is_some()
    }

    /// Why all new work waits, where it does.
    pub(crate) fn holds_all(&self) -> Option<Failure> {
        self.holds(ALL_WORK)
    }

    /// Why this work waits, where it does: by a person's word, or for money.
    pub(crate) fn holds(&self, work: Work<'_>) -> Option<Failure> {
        if self.paused.load(Ordering::Relaxed) {
            let reason = lock(&self.pause).reason.clone();
            let why = reason.map_or_else(
                || "New work is paused.".to_owned(),
                |why| format!("New work is paused: {why}."),
            );
            return Some(Failure::new(FailureKind::Paused, why));
        }
        self.purse.blocks(work).map(|(pause, whose)| purse::paused(&pause, &whose))
    }

    /// Every pause there is, as it is shown: a person's own first.
    pub(crate) fn pause_view(&self) -> PauseView {
        let mut view = lock(&self.pause).clone();
        let own = view.paused.then(|| Pause {
            cause: PauseCause::Manual,
            since_ms: view.since_ms.unwrap_or_default(),
            by: String::new(),
            reason: view.reason.clone().unwrap_or_default(),
        });
        view.causes = own.into_iter().chain(self.purse.pauses()).collect();
        if !view.paused
            && let Some((pause, _)) = self.purse.blocks(ALL_WORK)
        {
            (view.paused, view.reason, view.since_ms) = (true, Some(pause.reason), Some(pause.since_ms));
        }
        view
    }

    /// Why every request is refused at once, where the all-off switch is thrown.
    pub(crate) fn all_off(&self, running: &Running) -> Option<String> {
        self.with_fleet(|fleet| fleet.all_off(&running.map)).flatten()
    }
}
