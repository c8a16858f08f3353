//! What the modules of this floor keep.

use std::sync::{Arc, Mutex};

use switchyard_domain::operate::CauseView;

use crate::core::Core;
use crate::walk::Walk;
use crate::watch::compat::Checks;
use crate::watch::incidents::IncidentBoard;
use crate::watch::network::NetworkMonitor;

/// The state of those who watch.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) core: Arc<Core>,
    pub(crate) walk: Arc<Walk>,
    pub(crate) network: Arc<NetworkMonitor>,
    /// What checks of routes and the price list have said.
    pub(crate) checks: Arc<Checks>,
    /// The incidents that are not closed.
    pub(crate) incidents: Arc<IncidentBoard>,
    /// Likely causes of present trouble.
    pub(crate) causes: Mutex<Vec<CauseView>>,
}

impl Watch {
    /// Before anything is seen. `last_event` of the log was heard by an earlier run; `desktop`: notices are shown there.
    pub(crate) fn new(walk: Arc<Walk>, last_event: i64, desktop: bool) -> Self {
        let core = Arc::clone(&walk.core);
        Self {
            network: Arc::new(NetworkMonitor::new(Arc::clone(&walk))),
            checks: Arc::new(Checks::new(Arc::clone(&core))),
            incidents: Arc::new(IncidentBoard::new(Arc::clone(&walk), last_event, desktop)),
            causes: Mutex::default(),
            core,
            walk,
        }
    }
}
