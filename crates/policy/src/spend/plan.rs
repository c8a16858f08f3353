//! The budgets of a map, what the disk knows of them, and windows that begin anew.

use std::collections::VecDeque;

use switchyard_domain::Now;
use switchyard_domain::budget::{BudgetState, Measure, Period};
use switchyard_domain::map::BudgetSettings;

use super::counter::{Counter, UNCAPPED};
use super::lease::Leases;
use super::{Budgets, Index, MOST_WAITING, Scopes};

impl Budgets {
    /// The budgets of a map. `mark_percent` is [`BudgetSettings::mark_percent`]; `persisted` is what the disk has of windows
    /// that are not over, of uncapped scopes too where the log knows what they cost. What a lease had left is unsettled: it
    /// may have been spent before a crash. After a clean stop nothing is.
    #[must_use]
    pub fn new(settings: &BudgetSettings, mark_percent: u8, persisted: &[BudgetState], now: Now) -> Self {
        let windows =
            [Period::Month, Period::Day].map(|period| (settings.zone.window(period, now.wall_ms), 0));
        let mut budgets = Self {
            index: Index::new(),
            counters: vec![Counter::uncapped(); Measure::ALL.len()],
            zone: settings.zone.clone(),
            windows,
            mark_percent,
            wait_ms: settings.wait_ms,
            waiting: VecDeque::with_capacity(MOST_WAITING),
            woken: Vec::with_capacity(MOST_WAITING),
            next_ticket: 0,
            leases: Leases::new(now),
            crossed: false,
        };
        budgets.set_caps(settings);
        for state in persisted {
            budgets.adopt(state, now);
        }
        budgets.look();
        budgets
    }

    /// Takes another map's budgets. What is spent, open and waiting stays as it is: a budget whose cap is now below that is
    /// reached. Another time zone ends the current windows when its own day and month end, none begins anew for it.
    ///
    /// A budget that was not capped before has no lease: commit [`Self::lease_wanted`] with the map, so that a crash can't
    /// undercount it.
    pub fn set_plan(&mut self, settings: &BudgetSettings, mark_percent: u8, now: Now) {
        self.roll(now);
        if self.zone != settings.zone {
            self.zone = settings.zone.clone();
            for (n, period) in [Period::Month, Period::Day].into_iter().enumerate() {
                self.windows[n].0 = self.zone.window(period, now.wall_ms);
            }
            // The rows on the disk have the old ends.
            self.counters.iter_mut().for_each(|counter| counter.unsaved = true);
        }
        (self.mark_percent, self.wait_ms) = (mark_percent, settings.wait_ms);
        self.set_caps(settings);
        self.look();
        self.leases.hurry();
        self.admit();
    }

    /// Whose budgets a try counts for. It allocates for a name that is new, and only then.
    pub fn scopes(&mut self, provider: &str, client: &str, job: &str) -> Scopes {
        if let Some(known) = self.index.all_known(provider, client, job) {
            return known;
        }
        let scopes = self.index.intern(provider, client, job);
        self.counters.resize(self.index.len() * Measure::ALL.len(), Counter::uncapped());
        scopes
    }

    /// Begins the windows anew that are over. A clock that was set back changes nothing.
    pub(super) fn roll(&mut self, now: Now) {
        for (n, period) in [Period::Month, Period::Day].into_iter().enumerate() {
            if now.wall_ms >= self.windows[n].0.until_ms {
                self.begin_anew(n, period, now);
            }
        }
    }

    fn begin_anew(&mut self, n: usize, period: Period, now: Now) {
        let (window, generation) = &mut self.windows[n];
        *window = self.zone.window(period, now.wall_ms);
        *generation = generation.wrapping_add(1);
        for (ix, counter) in self.counters.iter_mut().enumerate() {
            if Measure::ALL[ix % Measure::ALL.len()].period() == period {
                counter.begin_anew(self.mark_percent);
            }
        }
        self.look();
        self.leases.hurry();
        self.admit();
    }

    fn set_caps(&mut self, settings: &BudgetSettings) {
        let mut caps = vec![[UNCAPPED; Measure::ALL.len()]; self.index.len()];
        for (scope, written) in settings.scopes() {
            let Some(number) = self.index.insert(&scope, true) else { continue };
            caps.resize(caps.len().max(number + 1), [UNCAPPED; Measure::ALL.len()]);
            // One below what stands for no cap; a map can't hold as much.
            caps[number] = Measure::ALL.map(|m| written.of(m).map_or(UNCAPPED, |cap| cap.min(UNCAPPED - 1)));
        }
        self.counters.resize(self.index.len() * Measure::ALL.len(), Counter::uncapped());
        for (counter, cap) in self.counters.iter_mut().zip(caps.into_iter().flatten()) {
            counter.set_cap(cap, self.mark_percent);
        }
    }

    /// Takes what the disk has of one budget, if its window is not over. Of several rows of one budget (the clock was set
    /// back, or the time zone changed) the largest figures count.
    fn adopt(&mut self, state: &BudgetState, now: Now) {
        if state.window.until_ms <= now.wall_ms {
            return;
        }
        let Some(number) = self.index.insert(&state.id.scope, false) else { return };
        self.counters.resize(self.index.len() * Measure::ALL.len(), Counter::uncapped());
        let place = Measure::ALL.iter().position(|measure| *measure == state.id.measure).unwrap_or(0);
        let counter = &mut self.counters[number * Measure::ALL.len() + place];
        let figure = counter.spent().max(state.leased).max(state.settled);
        counter.settled = counter.settled.max(state.settled);
        counter.unsettled = figure - counter.settled;
        counter.allowance = counter.allowance.max(state.allowance);
        counter.mark_passed |= state.mark_passed;
        counter.set_mark(self.mark_percent);
        // The disk has leased as much.
        counter.leased = if counter.is_capped() { figure } else { UNCAPPED };
    }

    /// After budgets have changed: who is at a mark, and who needs a lease.
    fn look(&mut self) {
        self.crossed |= self.counters.iter().any(|counter| counter.standing() > counter.told);
        self.leases.due |= self.counters.iter().any(Counter::is_short);
    }
}
