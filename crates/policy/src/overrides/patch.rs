//! One place of the document of orders, with what stands there. Changes, the audit log and its rollback all speak of
//! parts: a change touches its own and no other.

use serde::{Deserialize, Serialize};
use switchyard_domain::RouteId;
use switchyard_domain::operate::{
    ClientOverride, Except, ForcedBreaker, JobOverride, Kill, KillScope, Order, Overrides,
};

/// One place of the document of orders, with what stands there; `set` is absent where nothing does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "camelCase")]
pub enum Patch {
    /// A kill switch.
    Kill {
        /// What it takes out of service.
        scope: KillScope,
        /// Thrown by whom.
        set: Option<Order>,
    },
    /// A breaker held by hand.
    Breaker {
        /// The route.
        route: RouteId,
        /// How it is held.
        set: Option<ForcedBreaker>,
    },
    /// A job's models.
    Job {
        /// The job.
        job: String,
        /// Its models.
        set: Option<JobOverride>,
    },
    /// A provider left out everywhere.
    Except {
        /// The provider.
        provider: String,
        /// Left out by whom.
        set: Option<Order>,
    },
    /// An app's rules.
    Client {
        /// The app.
        client: String,
        /// Its rules.
        set: Option<ClientOverride>,
    },
    /// The all-off switch.
    AllOff {
        /// Thrown by whom.
        set: Option<Order>,
    },
}

impl Patch {
    /// Every place where something stands.
    #[must_use]
    pub fn all(overrides: &Overrides) -> Vec<Self> {
        let kills =
            overrides.kills.iter().map(|k| Self::Kill { scope: k.scope.clone(), set: Some(k.order.clone()) });
        let forced =
            overrides.forced.iter().map(|f| Self::Breaker { route: f.route.clone(), set: Some(f.clone()) });
        let jobs =
            overrides.jobs.iter().map(|(job, set)| Self::Job { job: job.clone(), set: Some(set.clone()) });
        let except = overrides
            .except
            .iter()
            .map(|e| Self::Except { provider: e.provider.clone(), set: Some(e.order.clone()) });
        let clients = overrides
            .clients
            .iter()
            .map(|(client, set)| Self::Client { client: client.clone(), set: Some(set.clone()) });
        let all_off = overrides.all_off.iter().map(|order| Self::AllOff { set: Some(order.clone()) });
        kills.chain(forced).chain(jobs).chain(except).chain(clients).chain(all_off).collect()
    }

    /// The same place with what stands there in `overrides`.
    #[must_use]
    pub fn now_in(&self, overrides: &Overrides) -> Self {
        match self {
            Self::Kill { scope, .. } => {
                let kill = overrides.kills.iter().find(|kill| kill.scope == *scope);
                Self::Kill { scope: scope.clone(), set: kill.map(|kill| kill.order.clone()) }
            }
            Self::Breaker { route, .. } => {
                let forced = overrides.forced.iter().find(|forced| forced.route == *route);
                Self::Breaker { route: route.clone(), set: forced.cloned() }
            }
            Self::Job { job, .. } => Self::Job { job: job.clone(), set: overrides.jobs.get(job).cloned() },
            Self::Except { provider, .. } => {
                let except = overrides.except.iter().find(|except| except.provider == *provider);
                Self::Except { provider: provider.clone(), set: except.map(|except| except.order.clone()) }
            }
            Self::Client { client, .. } => {
                Self::Client { client: client.clone(), set: overrides.clients.get(client).cloned() }
            }
            Self::AllOff { .. } => Self::AllOff { set: overrides.all_off.clone() },
        }
    }

    /// Makes `overrides` hold at this place what this part holds.
    pub fn put(self, overrides: &mut Overrides) {
        match self {
            Self::Kill { scope, set } => {
                overrides.kills.retain(|kill| kill.scope != scope);
                overrides.kills.extend(set.map(|order| Kill { scope, order }));
                overrides.kills.sort_by(|a, b| a.scope.cmp(&b.scope));
            }
            Self::Breaker { route, set } => {
                overrides.forced.retain(|forced| forced.route != route);
                overrides.forced.extend(set);
                overrides.forced.sort_by(|a, b| a.route.cmp(&b.route));
            }
            Self::Job { job, set } => replace(&mut overrides.jobs, job, set),
            Self::Except { provider, set } => {
                overrides.except.retain(|except| except.provider != provider);
                overrides.except.extend(set.map(|order| Except { provider, order }));
                overrides.except.sort_by(|a, b| a.provider.cmp(&b.provider));
            }
            Self::Client { client, set } => replace(&mut overrides.clients, client, set),
            Self::AllOff { set } => overrides.all_off = set,
        }
    }

    /// The same place with nothing there.
    #[must_use]
    pub fn cleared(&self) -> Self {
        self.now_in(&Overrides::default())
    }

    /// Who ordered it, when, why and until when.
    #[must_use]
    pub const fn order(&self) -> Option<&Order> {
        match self {
            Self::Kill { set, .. } | Self::Except { set, .. } | Self::AllOff { set } => set.as_ref(),
            Self::Breaker { set: Some(forced), .. } => Some(&forced.order),
            Self::Job { set: Some(job), .. } => Some(&job.order),
            Self::Client { set: Some(rule), .. } => Some(&rule.order),
            Self::Breaker { set: None, .. }
            | Self::Job { set: None, .. }
            | Self::Client { set: None, .. } => None,
        }
    }

    /// The place, in words.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Kill { scope, .. } => scope.to_string(),
            Self::Breaker { route, .. } => route.to_string(),
            Self::Job { job, .. } => format!("job {job}"),
            Self::Except { provider, .. } => provider.clone(),
            Self::Client { client, .. } => format!("client {client}"),
            Self::AllOff { .. } => "all requests".to_owned(),
        }
    }

    /// What taking it back is called in the log.
    #[must_use]
    pub const fn off_action(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "unkill",
            Self::Breaker { .. } => "breaker.auto",
            Self::Job { .. } => "override.clear",
            Self::Except { .. } => "except.clear",
            Self::Client { .. } => "client.clear",
            Self::AllOff { .. } => "ai.on",
        }
    }
}

fn replace<T>(place: &mut std::collections::BTreeMap<String, T>, key: String, set: Option<T>) {
    match set {
        Some(value) => {
            place.insert(key, value);
        }
        None => {
            place.remove(&key);
        }
    }
}
