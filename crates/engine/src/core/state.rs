//! What every floor stands on. The fleet's lock is held for microseconds, never across an await.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use switchyard_domain::Now;
use switchyard_domain::view::PauseView;
use switchyard_policy::Fleet;
use switchyard_store::{Store, WriterHandle};
use tokio_util::sync::CancellationToken;

use super::bus::Bus;
use super::lock;
use super::running::Running;
use super::vault::Vault;

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
    pub(crate) pause: Mutex<PauseView>,
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

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Why every request is refused at once, where the all-off switch is thrown.
    pub(crate) fn all_off(&self, running: &Running) -> Option<String> {
        self.with_fleet(|fleet| fleet.all_off(&running.map)).flatten()
    }
}
