//! Where budgets stand: for the gauge, for who is told, and for a person who lets work go on.

use switchyard_domain::budget::{BudgetId, BudgetView, Cost, Measure, Scope, Standing};

use super::counter::Counter;
use super::{Budgets, period, place};

/// What came of a person's word that work go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Budgets that were at their mark or cap, and are open until their cap.
    pub opened: Vec<BudgetId>,
    /// Budgets of which nothing is left all the same: a larger allowance or cap is needed, or patience.
    pub still_reached: Vec<BudgetId>,
}

impl Budgets {
    /// Every capped budget as it stands.
    #[must_use]
    pub fn snapshot(&self) -> Vec<BudgetView> {
        self.capped().map(|(ix, counter)| self.view(ix, counter)).collect()
    }

    /// Where a budget stands; open where it isn't capped.
    #[must_use]
    pub fn standing(&self, id: &BudgetId) -> Standing {
        let measure = Measure::ALL.iter().position(|measure| *measure == id.measure);
        let ix = self.index.find(&id.scope).zip(measure).map(|(scope, n)| scope * Measure::ALL.len() + n);
        ix.and_then(|ix| self.counters.get(ix)).map_or(Standing::Open, Counter::standing)
    }

    /// Whether [`Self::crossings`] has something to tell. Cheap: ask after each settle.
    #[must_use]
    pub const fn has_crossings(&self) -> bool {
        self.crossed
    }

    /// Budgets that came to their mark or their cap since this was last asked, each told once in a window.
    pub fn crossings(&mut self) -> Vec<BudgetView> {
        self.crossed = false;
        let mut crossed = Vec::new();
        for ix in 0..self.counters.len() {
            let counter = &mut self.counters[ix];
            let standing = counter.standing();
            if standing > counter.told {
                counter.told = standing;
                crossed.push(self.view(ix, &self.counters[ix]));
            }
        }
        crossed
    }

    /// A person lets work go on until the cap, for this window: in the budgets of one scope, or in all. `over` is added to
    /// the cap of each that is reached. A second word adds to the first.
    pub fn resume(&mut self, only: Option<&Scope>, over: Cost) -> Resumed {
        let mut resumed = Resumed::default();
        for ix in 0..self.counters.len() {
            let id = self.id(place(ix));
            let counter = &mut self.counters[ix];
            let standing = counter.standing();
            if standing == Standing::Open || only.is_some_and(|only| *only != id.scope) {
                continue;
            }
            counter.mark_passed = true;
            if standing == Standing::Reached {
                counter.allowance = counter.allowance.saturating_add(over.of(id.measure));
                counter.set_mark(self.mark_percent);
            }
            counter.unsaved = true;
            let now_standing = counter.standing();
            counter.told = counter.told.min(now_standing);
            let list = if now_standing == Standing::Reached {
                &mut resumed.still_reached
            } else {
                &mut resumed.opened
            };
            list.push(id);
        }
        self.leases.hurry();
        self.admit();
        resumed
    }

    fn capped(&self) -> impl Iterator<Item = (usize, &Counter)> {
        self.counters.iter().enumerate().filter(|(_, counter)| counter.is_capped())
    }

    fn view(&self, ix: usize, counter: &Counter) -> BudgetView {
        let id = self.id(place(ix));
        let (window, _) = self.windows[period(id.measure)];
        let percent = match counter.ceiling() {
            0 => 100,
            cap => u32::try_from(u128::from(counter.spent()) * 100 / u128::from(cap)).unwrap_or(u32::MAX),
        };
        BudgetView {
            measure: id.measure,
            id,
            cap: counter.ceiling(),
            allowance: counter.allowance,
            spent: counter.settled,
            reserved: counter.reserved,
            unsettled: counter.unsettled,
            percent,
            mark_percent: self.mark_percent,
            since_ms: window.from_ms,
            resets_at_ms: window.until_ms,
            standing: counter.standing(),
        }
    }
}
