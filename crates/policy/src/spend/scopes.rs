//! Scopes by number, so that claims hold no names.

use std::collections::HashMap;

use switchyard_domain::budget::{Measure, Scope};

/// Scopes without a cap that are counted apart: more apps than anybody has. What comes beyond counts in the total alone.
const MOST_SCOPES: usize = 4_096;
/// A name that is not counted apart.
const NONE: u16 = u16::MAX;

/// Whose budgets a claim counts for: everything, its provider, its client, its job. Stays good for as long as the
/// [`super::Budgets`] it came from, whatever maps are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes([u16; 4]);

impl Scopes {
    /// The places of all its budgets.
    pub(super) fn counters(self) -> impl Iterator<Item = (usize, Measure)> {
        self.0.into_iter().filter(|scope| *scope != NONE).flat_map(|scope| {
            let first = usize::from(scope) * Measure::ALL.len();
            Measure::ALL.into_iter().enumerate().map(move |(n, measure)| (first + n, measure))
        })
    }
}

/// Every scope's number; everything together is 0.
#[derive(Debug)]
pub(super) struct Index {
    scopes: Vec<Scope>,
    providers: HashMap<String, u16>,
    clients: HashMap<String, u16>,
    jobs: HashMap<String, u16>,
}

impl Index {
    pub(super) fn new() -> Self {
        let scopes = vec![Scope::Total];
        Self { scopes, providers: HashMap::new(), clients: HashMap::new(), jobs: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.scopes.len()
    }

    pub(super) fn scope(&self, number: usize) -> Scope {
        self.scopes.get(number).cloned().unwrap_or(Scope::Total)
    }

    /// A scope's number, where it has one.
    pub(super) fn find(&self, scope: &Scope) -> Option<usize> {
        match scope {
            Scope::Total => Some(0),
            Scope::Provider(name) => self.providers.get(name).map(|n| usize::from(*n)),
            Scope::Client(name) => self.clients.get(name).map(|n| usize::from(*n)),
            Scope::Job(name) => self.jobs.get(name).map(|n| usize::from(*n)),
        }
    }

    /// A scope's number; a new one where it had none. `None` beyond the most there may be.
    pub(super) fn insert(&mut self, scope: &Scope, capped: bool) -> Option<usize> {
        if let Some(known) = self.find(scope) {
            return Some(known);
        }
        // A budget of the map always counts.
        let most = if capped { usize::from(NONE) } else { MOST_SCOPES };
        let number = u16::try_from(self.scopes.len()).ok().filter(|number| usize::from(*number) < most)?;
        match scope {
            Scope::Total => return Some(0),
            Scope::Provider(name) => self.providers.insert(name.clone(), number),
            Scope::Client(name) => self.clients.insert(name.clone(), number),
            Scope::Job(name) => self.jobs.insert(name.clone(), number),
        };
        self.scopes.push(scope.clone());
        Some(usize::from(number))
    }

    /// The scopes of a claim, where all of them have numbers: three look-ups, no allocation.
    pub(super) fn all_known(&self, provider: &str, client: &str, job: &str) -> Option<Scopes> {
        Some(Scopes([0, *self.providers.get(provider)?, *self.clients.get(client)?, *self.jobs.get(job)?]))
    }

    /// The scopes of a claim, new ones included.
    pub(super) fn intern(&mut self, provider: &str, client: &str, job: &str) -> Scopes {
        let mut number = |scope: Scope| {
            self.insert(&scope, false).and_then(|number| u16::try_from(number).ok()).unwrap_or(NONE)
        };
        Scopes([
            0,
            number(Scope::Provider(provider.to_owned())),
            number(Scope::Client(client.to_owned())),
            number(Scope::Job(job.to_owned())),
        ])
    }
}
