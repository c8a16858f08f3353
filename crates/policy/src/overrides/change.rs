//! What a person wishes to change, checked against the map, as parts of the document; and the way back.

use std::collections::BTreeMap;

use switchyard_domain::map::{RoutingMap, canonical};
use switchyard_domain::operate::{ClientOverride, ForcedBreaker, JobOverride, KillScope, Order, Overrides};
use switchyard_domain::{Now, Problem, RouteId, did_you_mean};

use super::{Patch, has_lapsed};

/// What a person wishes to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Throw or reset a kill switch.
    Kill {
        /// Of what.
        scope: KillScope,
        /// True throws it.
        on: bool,
    },
    /// Hold a breaker open or closed; none lets go of it.
    Breaker {
        /// The route.
        route: RouteId,
        /// How.
        open: Option<bool>,
    },
    /// The same for every route of a provider.
    Breakers {
        /// The provider.
        provider: String,
        /// How.
        open: Option<bool>,
    },
    /// Jobs' models, only of the jobs named; none takes a job's override back.
    Jobs(BTreeMap<String, Option<Vec<String>>>),
    /// Leave a provider out everywhere, or use it again.
    Except {
        /// The provider.
        provider: String,
        /// True leaves it out.
        on: bool,
    },
    /// The only providers an app's requests may reach; none = as the map says.
    Bounds {
        /// The app.
        client: String,
        /// The providers.
        only: Option<Vec<String>>,
    },
    /// The provider an app's requests go to first; none = as the map says.
    Prefer {
        /// The app.
        client: String,
        /// The provider.
        provider: Option<String>,
    },
    /// Throw or reset the all-off switch.
    AllOff {
        /// True throws it.
        on: bool,
    },
}

impl Command {
    /// What it is called in the log.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Kill { scope: KillScope::Route(_), on: true } => "route.off",
            Self::Kill { scope: KillScope::Route(_), on: false } => "route.on",
            Self::Kill { on: true, .. } => "kill",
            Self::Kill { on: false, .. } => "unkill",
            Self::Breaker { open, .. } | Self::Breakers { open, .. } => match open {
                Some(true) => "breaker.open",
                Some(false) => "breaker.close",
                None => "breaker.auto",
            },
            Self::Jobs(jobs) if jobs.values().all(Option::is_none) => "override.clear",
            Self::Jobs(_) => "override.set",
            Self::Except { on: true, .. } => "except",
            Self::Except { on: false, .. } => "except.clear",
            Self::Bounds { .. } => "client.bounds",
            Self::Prefer { .. } => "client.prefer",
            Self::AllOff { on: true } => "ai.off",
            Self::AllOff { on: false } => "ai.on",
        }
    }

    /// Whether it overrides something, rather than taking an override back.
    #[must_use]
    pub fn is_on(&self) -> bool {
        match self {
            Self::Kill { on, .. } | Self::Except { on, .. } | Self::AllOff { on } => *on,
            Self::Breaker { open, .. } | Self::Breakers { open, .. } => open.is_some(),
            Self::Jobs(jobs) => jobs.values().any(Option::is_some),
            Self::Bounds { only, .. } => only.is_some(),
            Self::Prefer { provider, .. } => provider.is_some(),
        }
    }
}

/// A change that is fit to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The whole document after it.
    pub overrides: Overrides,
    /// What stood at the places it touches.
    pub before: Vec<Patch>,
    /// What stands there now.
    pub after: Vec<Patch>,
    /// The places, in words.
    pub target: String,
}

/// The document as a wish changes it; none when everything is so already.
///
/// # Errors
/// A problem that names what the map does not have, and what it has; `no_map` while there is none to check by.
pub fn change(
    overrides: &Overrides,
    map: Option<&RoutingMap>,
    command: &Command,
    order: &Order,
) -> Result<Option<Changed>, Problem> {
    let known = Known { map, overrides };
    let patches = match command {
        Command::Kill { scope, on } => {
            let scope = known.scope(scope, *on)?;
            vec![Patch::Kill { scope, set: on.then(|| order.clone()) }]
        }
        Command::Breaker { route, open } => vec![known.breaker(route, *open, order)?],
        Command::Breakers { provider, open } => {
            let provider = known.provider(provider)?;
            let routes = known.map()?.routes.iter().filter(|route| route.provider == provider);
            routes.map(|route| known.breaker(&route.id, *open, order)).collect::<Result<_, _>>()?
        }
        Command::Jobs(jobs) => jobs
            .iter()
            .map(|(job, models)| known.job(job, models.as_deref(), order))
            .collect::<Result<_, _>>()?,
        Command::Except { provider, on } => {
            let named = canonical(provider);
            let is_out = overrides.except.iter().any(|except| except.provider == named);
            let provider = if is_out { named } else { known.provider(provider)? };
            vec![Patch::Except { provider, set: on.then(|| order.clone()) }]
        }
        Command::Bounds { client, only } => vec![known.bounds(client, only.as_deref(), order)?],
        Command::Prefer { client, provider } => vec![known.prefer(client, provider.as_deref(), order)?],
        Command::AllOff { on } => vec![Patch::AllOff { set: on.then(|| order.clone()) }],
    };
    Ok(replaced(overrides, patches))
}

/// The document with what a change touched set back, and nothing else.
///
/// # Errors
/// `conflict_audit` when something else stands there by now, or when everything is as it was already.
pub fn roll_back(
    overrides: &Overrides,
    before: &[Patch],
    after: &[Patch],
    now: Now,
) -> Result<Changed, Problem> {
    let alive = |patch: &Patch| {
        if patch.order().is_some_and(|o| has_lapsed(o, now)) { patch.cleared() } else { patch.clone() }
    };
    let mut back = Vec::new();
    for (before, after) in before.iter().zip(after) {
        let (before, after, stands) = (alive(before), alive(after), alive(&after.now_in(overrides)));
        if stands == before {
            continue;
        }
        if stands != after {
            let message = format!(
                "{} was changed again since. Roll back the later change first, or set it anew.",
                after.target()
            );
            return Err(Problem::new("conflict_audit", message));
        }
        back.push(before);
    }
    replaced(overrides, back).ok_or_else(|| {
        Problem::new("conflict_audit", "Nothing to roll back: everything is as it was before that change.")
    })
}

fn replaced(overrides: &Overrides, patches: Vec<Patch>) -> Option<Changed> {
    let mut next = overrides.clone();
    let (mut before, mut after, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for patch in patches {
        let stood = patch.now_in(&next);
        if stood == patch {
            continue;
        }
        patch.clone().put(&mut next);
        targets.push(patch.target());
        before.push(stood);
        after.push(patch);
    }
    next.version += 1;
    (!after.is_empty()).then(|| Changed { overrides: next, before, after, target: targets.join(", ") })
}

/// What there is to name.
struct Known<'a> {
    map: Option<&'a RoutingMap>,
    overrides: &'a Overrides,
}

impl<'a> Known<'a> {
    fn map(&self) -> Result<&'a RoutingMap, Problem> {
        let message = "No routing map runs. Apply one first: `switchyard map apply FILE`.";
        self.map.ok_or_else(|| Problem::new("no_map", message))
    }

    fn provider(&self, name: &str) -> Result<String, Problem> {
        let (map, canonical) = (self.map()?, canonical(name));
        if map.routes.iter().any(|route| route.provider == canonical) {
            return Ok(canonical);
        }
        let names = || map.routes.iter().map(|route| route.provider.as_str());
        let (meant, known) = (did_you_mean(name, names()), list(names()));
        let message = format!("The running map has no provider `{name}`.{meant} Providers: {known}.");
        Err(Problem::new("not_found_provider", message))
    }

    fn route(&self, id: &RouteId) -> Result<RouteId, Problem> {
        let map = self.map()?;
        if map.find(id.as_str()).is_some() {
            return Ok(id.clone());
        }
        let names = || map.routes.iter().map(|route| route.id.as_str());
        let (meant, known) = (did_you_mean(id.as_str(), names()), list(names()));
        let message = format!("The running map has no route `{id}`.{meant} Routes: {known}.");
        Err(Problem::new("not_found_route", message))
    }

    /// A kill switch's scope. One that is thrown can be reset whatever the map has by now.
    fn scope(&self, scope: &KillScope, on: bool) -> Result<KillScope, Problem> {
        let named = match scope {
            KillScope::Provider(name) => KillScope::Provider(canonical(name)),
            KillScope::Route(_) | KillScope::Model(_) => scope.clone(),
        };
        if !on && self.overrides.kills.iter().any(|kill| kill.scope == named) {
            return Ok(named);
        }
        match &named {
            KillScope::Route(id) => self.route(id).map(KillScope::Route),
            KillScope::Provider(name) => self.provider(name).map(KillScope::Provider),
            KillScope::Model(name) => {
                let map = self.map()?;
                if map.routes.iter().any(|route| route.serves(name)) {
                    return Ok(named);
                }
                let names = || map.routes.iter().map(|route| route.model.as_str());
                let (meant, known) = (did_you_mean(name, names()), list(names()));
                let message =
                    format!("No route of the running map serves a model `{name}`.{meant} Models: {known}.");
                Err(Problem::new("not_found_model", message))
            }
        }
    }

    fn breaker(&self, route: &RouteId, open: Option<bool>, order: &Order) -> Result<Patch, Problem> {
        let is_held = self.overrides.forced.iter().any(|forced| forced.route == *route);
        let route = if is_held { route.clone() } else { self.route(route)? };
        let set = open.map(|open| ForcedBreaker { route: route.clone(), open, order: order.clone() });
        Ok(Patch::Breaker { route, set })
    }

    fn job(&self, job: &str, models: Option<&[String]>, order: &Order) -> Result<Patch, Problem> {
        let Some(models) = models else {
            if !self.overrides.jobs.contains_key(job) {
                self.job_name(job)?;
            }
            return Ok(Patch::Job { job: job.to_owned(), set: None });
        };
        self.job_name(job)?;
        let map = self.map()?;
        if models.is_empty() {
            let message = format!(
                "The override of {job} names no model. Name one, or take the override back with null."
            );
            return Err(Problem::new("invalid_override", message));
        }
        if let Some(unknown) =
            models.iter().find(|name| super::routes_named(map, std::slice::from_ref(name)).is_empty())
        {
            let names = || map.routes.iter().flat_map(|route| [route.id.as_str(), route.model.as_str()]);
            let message = format!(
                "The override of {job} names `{unknown}`, which no route of the running map serves.{} Routes and \
                 models: {}.",
                did_you_mean(unknown, names()),
                list(names())
            );
            return Err(Problem::new("not_found_model", message));
        }
        let set = JobOverride { models: models.to_vec(), order: order.clone() };
        Ok(Patch::Job { job: job.to_owned(), set: Some(set) })
    }

    fn job_name(&self, job: &str) -> Result<(), Problem> {
        let map = self.map()?;
        if job == map.default_job.name || map.jobs.contains_key(job) {
            return Ok(());
        }
        let names =
            || std::iter::once(map.default_job.name.as_str()).chain(map.jobs.keys().map(String::as_str));
        let (meant, known) = (did_you_mean(job, names()), list(names()));
        Err(Problem::new(
            "not_found_job",
            format!("The running map has no job `{job}`.{meant} Jobs: {known}."),
        ))
    }

    fn bounds(&self, client: &str, only: Option<&[String]>, order: &Order) -> Result<Patch, Problem> {
        let only = match only {
            Some([]) => {
                let message =
                    format!("Nothing could answer {client}. Name a provider in `only`, or leave it out.");
                return Err(Problem::new("invalid_bounds", message));
            }
            Some(names) => Some(names.iter().map(|name| self.provider(name)).collect::<Result<Vec<_>, _>>()?),
            None => None,
        };
        let prefer = self.overrides.clients.get(client).and_then(|rule| rule.prefer.clone());
        self.rule(client, only, prefer, order)
    }

    fn prefer(&self, client: &str, provider: Option<&str>, order: &Order) -> Result<Patch, Problem> {
        let prefer = provider.map(|name| self.provider(name)).transpose()?;
        let only = self.overrides.clients.get(client).and_then(|rule| rule.providers.clone());
        self.rule(client, only, prefer, order)
    }

    fn rule(
        &self,
        client: &str,
        providers: Option<Vec<String>>,
        prefer: Option<String>,
        order: &Order,
    ) -> Result<Patch, Problem> {
        if client.trim().is_empty() {
            return Err(Problem::new("invalid_client_name", "Name the app in `client`."));
        }
        let of_map = || self.map?.clients.get(client)?.providers.as_ref();
        if let (Some(only), Some(prefer)) = (providers.as_ref().or_else(of_map), &prefer)
            && !only.contains(prefer)
        {
            let message = format!(
                "{client} may only reach {}, so it can't prefer {prefer}. Change one of the two first.",
                only.join(", ")
            );
            return Err(Problem::new("invalid_bounds", message));
        }
        let is_set = providers.is_some() || prefer.is_some();
        let set = is_set.then(|| ClientOverride { providers, prefer, order: order.clone() });
        Ok(Patch::Client { client: client.to_owned(), set })
    }
}

/// Names, each once, in order.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known.join(", ")
}
