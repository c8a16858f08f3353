//! What the modules of the walk keep between requests.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use switchyard_policy::CurrentTier;
use switchyard_policy::client_retries::ClientRetries;
use switchyard_policy::shed::Shedding;
use tokio::sync::{Notify, watch};

use crate::core::Core;
use crate::core::process::Budget;
use crate::walk::LiveMap;
use crate::walk::admission::Admission;
use crate::walk::cold::Queue;
use crate::walk::counters::Counters;
use crate::walk::idempotency::IdempotencyKeys;
use crate::walk::local_keys::LocalKeys;
use crate::walk::losses::Losses;
use crate::walk::network_wait::NetworkWait;
use crate::walk::stale::Stale;
use crate::walk::traffic::Traffic;
use crate::walk::upstream::Egress;

/// The state of the walk.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) core: Arc<Core>,
    pub(crate) live: ArcSwapOption<LiveMap>,
    /// How connections leave this machine.
    pub(crate) egress: Egress,
    /// How many connections and requests this process's descriptors allow.
    pub(crate) budget: Budget,
    pub(crate) local_keys: LocalKeys,
    /// Requests of callers that have been let in.
    pub(crate) admission: Arc<Admission>,
    pub(crate) idempotency: Arc<IdempotencyKeys>,
    /// Requests being worked on, attempts of queued ones included.
    pub(crate) in_flight: AtomicU64,
    /// Accepted requests that a fault of ours has ended.
    pub(crate) lost: AtomicU64,
    /// Retries that apps make themselves.
    pub(crate) client_retries: Mutex<ClientRetries>,
    /// What gives way for now.
    pub(crate) shedding: Mutex<Shedding>,
    /// Requests that wait for this machine's network.
    pub(crate) network_wait: NetworkWait,
    /// Which losses in translation were told lately.
    pub(crate) losses: Mutex<Losses>,
    /// Answers to be given again when no route can answer.
    pub(crate) stale: Mutex<Stale>,
    pub(crate) queue: Queue,
    pub(crate) traffic: Mutex<Traffic>,
    pub(crate) counters: Counters,
    pub(crate) tier_since: Mutex<TierSince>,
    /// Says that the keychain has been read once.
    pub(crate) keys_ready: watch::Sender<bool>,
    /// Wakes the keeper of credentials.
    pub(crate) keys_doubted: Notify,
}

/// Where the next default request would be answered, and since when.
#[derive(Clone, Debug)]
pub(crate) struct TierSince {
    pub(crate) current_tier: CurrentTier,
    pub(crate) since_ms: i64,
}

impl Walk {
    /// Before the first request.
    pub(crate) fn new(core: Arc<Core>, traffic: Traffic, tier_since: TierSince) -> Self {
        Self {
            live: ArcSwapOption::empty(),
            egress: Egress::default(),
            budget: Budget::of_this_process(),
            local_keys: LocalKeys::new(&core.data_dir),
            admission: Arc::default(),
            idempotency: Arc::default(),
            in_flight: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            client_retries: Mutex::default(),
            shedding: Mutex::default(),
            network_wait: NetworkWait::default(),
            losses: Mutex::default(),
            stale: Mutex::default(),
            queue: Queue::default(),
            traffic: Mutex::new(traffic),
            counters: Counters::default(),
            tier_since: Mutex::new(tier_since),
            keys_ready: watch::Sender::new(false),
            keys_doubted: Notify::new(),
            core,
        }
    }
}
