//! What a person with a budget would notice, and a model of it that no sequence of events may leave.

mod model;
mod pauses;
mod rules;
mod time;
mod waiting;

use switchyard_domain::budget::{BudgetId, BudgetView, Cost};
use switchyard_domain::map::{BudgetSettings, Format, NoVariables, read};
use switchyard_domain::{Now, Usd};

use super::{Budgets, Claim, Collected, Reservation, Scopes, Verdict};

/// 30 November 2026, 12:00 UTC.
const NOON: Now = Now { mono_ms: 1_000_000, wall_ms: 1_796_040_000_000 };
const MARK: u8 = 80;
const NEVER_MS: u64 = u64::MAX;

fn settings(budget: &str) -> BudgetSettings {
    let map = format!(
        r#"{{ "hot": [{{ "provider": "openai", "model": "m" }}], "warm": [{{ "provider": "anthropic", "model": "c" }}],
             "clients": {{ "crawler": {{}}, "editor": {{}} }}, "jobs": {{ "mail": {{}} }}, "budget": {budget} }}"#
    );
    read(&map, Format::Json, &NoVariables).unwrap_or_else(|faults| panic!("{faults:#?}")).budget
}

fn usd(dollars: f64) -> Cost {
    Cost::new(Usd::from_dollars(dollars).unwrap(), 0)
}

/// Budgets whose leases are on the disk as soon as they are wanted.
struct World {
    budgets: Budgets,
    now: Now,
}

impl World {
    fn new(budget: &str) -> Self {
        let mut world = Self { budgets: Budgets::new(&settings(budget), MARK, &[], NOON), now: NOON };
        world.lease();
        world
    }

    fn lease(&mut self) {
        self.now = self.now.plus_ms(500);
        if let Some(batch) = self.budgets.lease_wanted(self.now) {
            self.budgets.lease_granted(batch, self.now);
        }
    }

    fn scopes(&mut self, client: &str) -> Scopes {
        self.budgets.scopes("openai", client, "mail")
    }

    fn ask(&mut self, client: &str, dollars: f64) -> Verdict {
        let scopes = self.scopes(client);
        self.budgets.reserve(Claim::whole(scopes, usd(dollars)), NEVER_MS, self.now)
    }

    /// Asks, and waits for a lease where only that is missing.
    fn hold(&mut self, client: &str, dollars: f64) -> Reservation {
        let ticket = match self.ask(client, dollars) {
            Verdict::Granted(reservation) => return reservation,
            Verdict::Wait { ticket, for_lease: true, .. } => ticket,
            refused @ (Verdict::Wait { .. } | Verdict::Never(_) | Verdict::Full { .. }) => {
                panic!("{refused:?}")
            }
        };
        self.lease();
        self.budgets.woken().for_each(drop);
        let collected = self.budgets.collect(ticket, self.now);
        let Collected::Granted(reservation) = collected else { panic!("{collected:?}") };
        reservation
    }

    fn spend(&mut self, client: &str, dollars: f64) {
        let reservation = self.hold(client, dollars);
        self.budgets.settle(reservation, usd(dollars), self.now);
    }

    fn view(&self, id: &str) -> BudgetView {
        let id: BudgetId = id.parse().unwrap();
        self.budgets.snapshot().into_iter().find(|view| view.id == id).unwrap()
    }
}
