//! A sequential model of budgets, and a long run of chance beside it: claims, top-ups, ends, waiting, leases that reach the
//! disk late, fail or are never told, crashes at every write, caps that change, windows that end, persons who let work go on.
//!
//! The model keeps each amount by the window it was taken in, and knows nothing of leases but what is on its disk.
//! `SWITCHYARD_SPEND_STEPS` sets the number of steps.

use std::collections::{BTreeMap, VecDeque};

use switchyard_domain::Now;
use switchyard_domain::budget::{BudgetId, BudgetState, Cost, Measure};
use switchyard_domain::map::BudgetSettings;

use super::super::counter::Counter;
use super::super::{
    Budgets, Claim, Collected, LeaseBatch, Reservation, Ticket, TopUp, Verdict, period, place,
};
use super::{MARK, NOON, settings};

const STEPS: u64 = 100_000;
/// What was open in this spell of the leases, the two before, and the one whose give-back is on its way to the disk may still
/// be leased.
const SPELLS: usize = 4;

/// A call under way: what it holds, by the window it was taken in, month and day apart.
struct Open {
    reservation: Reservation,
    scopes: Vec<usize>,
    taken: [Vec<(i64, Cost)>; 2],
}

impl Open {
    fn held(&self) -> Cost {
        self.taken[0].iter().fold(Cost::ZERO, |sum, (_, cost)| sum.plus(*cost))
    }

    /// What of an actual cost falls into which window: the first ones pay first.
    fn shares(&self, kind: usize, actual: Cost) -> Vec<(i64, Cost)> {
        let mut left = actual;
        self.taken[kind]
            .iter()
            .map(|(from, taken)| {
                let share = left.least(*taken);
                left = left.minus(share);
                (*from, share)
            })
            .collect()
    }
}

struct Model {
    /// The maps there are, and the one that is applied.
    plans: [BudgetSettings; 5],
    plan: usize,
    budgets: Budgets,
    now: Now,
    dice: u64,
    open: Vec<Open>,
    waiting: Vec<(Ticket, Claim)>,
    /// A batch under way: whether it is on the disk, and itself.
    batch: Option<(bool, LeaseBatch)>,
    /// One row for each budget, as the store keeps them.
    disk: BTreeMap<BudgetId, BudgetState>,
    /// What calls have cost in truth, by budget and window.
    truth: BTreeMap<(usize, i64), u64>,
    /// Unsettled before the last crash, by budget and window.
    unsettled: BTreeMap<(usize, i64), u64>,
    /// What was open or promised at most in each of the last spells of the leases.
    lately: VecDeque<Vec<u64>>,
    /// The last write failed, so that the disk knows what was leased before it.
    failing: bool,
    /// The largest cap each budget had, to bound a lease by.
    largest_cap: Vec<u64>,
    crashes: u64,
    grants: u64,
}

impl Model {
    fn new(dice: u64) -> Self {
        let plans = PLANS.map(settings);
        let budgets = Budgets::new(&plans[0], MARK, &[], NOON);
        Self {
            plans,
            plan: 0,
            budgets,
            now: NOON,
            dice,
            open: Vec::new(),
            waiting: Vec::new(),
            batch: None,
            disk: BTreeMap::new(),
            truth: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            lately: VecDeque::from([Vec::new()]),
            failing: false,
            largest_cap: Vec::new(),
            crashes: 0,
            grants: 0,
        }
    }

    /// SplitMix64.
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn part_of(&mut self, cost: Cost) -> Cost {
        let percent = [0, 3, 20, 60, 100][usize::try_from(self.roll(5)).unwrap()];
        Cost { nano_usd: cost.nano_usd * percent / 100, tokens: cost.tokens * percent / 100 }
    }

    fn from(&self, kind: usize) -> i64 {
        self.budgets.windows[kind].0.from_ms
    }

    fn claim(&mut self) -> Claim {
        let provider = ["openai", "anthropic"][usize::try_from(self.roll(2)).unwrap()];
        let client = ["crawler", "editor", "other"][usize::try_from(self.roll(3)).unwrap()];
        let job = ["mail", "default"][usize::try_from(self.roll(2)).unwrap()];
        let scopes = self.budgets.scopes(provider, client, job);
        let size = [1, 10, 100, 2_000][usize::try_from(self.roll(4)).unwrap()];
        let tokens = 1 + self.roll(size * 20);
        let worst = Cost { nano_usd: tokens * 15_000, tokens };
        if self.roll(2) == 0 {
            return Claim::whole(scopes, worst);
        }
        let first = self.part_of(worst);
        let usual = self.part_of(worst);
        Claim::stream(scopes, first, usual, worst)
    }

    fn granted(&mut self, claim: &Claim, reservation: Reservation) {
        let taken = [0, 1].map(|kind| {
            // What waited over midnight was taken when it was granted, which its part remembers.
            let current = reservation.parts[kind].generation == self.budgets.windows[kind].1;
            vec![(if current { self.from(kind) } else { i64::MIN }, claim.hold)]
        });
        let scopes = claim.scopes.counters().map(|(ix, _)| ix).collect();
        self.open.push(Open { reservation, scopes, taken });
        self.grants += 1;
    }

    fn reserve(&mut self) {
        let claim = self.claim();
        let deadline = self.now.mono_ms + self.roll(3_000);
        // Nobody is passed who waits for the very same budgets.
        let asks_both = |claim: &Claim| {
            let ask = claim.hold.plus(claim.keep);
            ask.nano_usd > 0 && ask.tokens > 0
        };
        let same = asks_both(&claim)
            && self.waiting.iter().any(|(ticket, waits)| {
                waits.scopes == claim.scopes && asks_both(waits) && self.still_waits(ticket)
            });
        match self.budgets.reserve(claim, deadline, self.now) {
            Verdict::Granted(reservation) => {
                assert!(
                    !same || claim.hold.plus(claim.keep) == Cost::ZERO,
                    "passed one that waits for the same"
                );
                for (ix, measure) in claim.scopes.counters() {
                    let counter = &self.budgets.counters[ix];
                    let fits = counter.firm() <= counter.leased.min(counter.ceiling());
                    assert!(fits || claim.hold.of(measure) == 0, "granted beyond the cap");
                }
                self.granted(&claim, reservation);
            }
            Verdict::Wait { ticket, .. } => self.waiting.push((ticket, claim)),
            Verdict::Never(never) => {
                let ask = claim.hold.plus(claim.keep);
                assert!(ask.nano_usd > never.left.nano_usd || ask.tokens > never.left.tokens);
            }
            Verdict::Full { .. } => assert!(self.waiting.len() > 1_000),
        }
    }

    fn still_waits(&self, ticket: &Ticket) -> bool {
        self.budgets.waiting.iter().any(|waiter| waiter.id == ticket.id() && waiter.answer.is_none())
    }

    fn top_up(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let at = usize::try_from(self.roll(self.open.len() as u64)).unwrap();
        let tokens = self.roll(500);
        let more = Cost { nano_usd: tokens * 15_000, tokens };
        if self.budgets.top_up(&mut self.open[at].reservation, more, self.now) == TopUp::Held {
            for kind in 0..2 {
                let from = self.from(kind);
                self.open[at].taken[kind].push((from, more));
            }
        }
        assert_eq!(self.open[at].held(), self.open[at].reservation.held());
    }

    fn end(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let at = usize::try_from(self.roll(self.open.len() as u64)).unwrap();
        let open = self.open.swap_remove(at);
        let actual = self.part_of(open.held());
        self.bill(&open, actual);
        self.budgets.settle(open.reservation, actual, self.now);
    }

    fn bill(&mut self, open: &Open, actual: Cost) {
        for ix in &open.scopes {
            let measure = Measure::ALL[ix % 4];
            for (from, share) in open.shares(period(measure), actual) {
                *self.truth.entry((*ix, from)).or_default() += share.of(measure);
            }
        }
    }

    fn collect(&mut self) {
        self.budgets.woken().for_each(drop);
        let mut still = Vec::new();
        for (ticket, claim) in std::mem::take(&mut self.waiting) {
            if self.roll(40) == 0 {
                self.budgets.give_up(ticket, self.now);
                continue;
            }
            match self.budgets.collect(ticket, self.now) {
                Collected::Granted(reservation) => self.granted(&claim, reservation),
                Collected::Waiting(ticket) => still.push((ticket, claim)),
                Collected::Never(_) | Collected::Over => {}
            }
        }
        self.waiting = still;
    }

    /// Each write in turn: not begun, on the disk, told, failed before or behind the disk.
    fn write(&mut self) {
        match self.batch.take() {
            None => {
                let spell = self.budgets.leases.spell_mono_ms;
                self.batch = self.budgets.lease_wanted(self.now).map(|batch| (false, batch));
                if spell != self.budgets.leases.spell_mono_ms {
                    self.lately.push_front(Vec::new());
                    if !self.failing {
                        self.lately.truncate(SPELLS);
                    }
                }
            }
            Some((false, batch)) => {
                self.failing = self.roll(20) == 0;
                if self.failing {
                    self.budgets.lease_failed(batch);
                    return;
                }
                for state in batch.states() {
                    self.disk.insert(state.id.clone(), state.clone());
                }
                self.batch = Some((true, batch));
            }
            Some((true, batch)) if self.roll(20) == 0 => self.budgets.lease_failed(batch),
            Some((true, batch)) => self.budgets.lease_granted(batch, self.now),
        }
    }

    /// The power goes: calls under way are billed in part, and the last settlements are lost.
    fn crash(&mut self, exempt: bool) {
        self.crashes += 1;
        self.batch = None;
        self.waiting.clear();
        for open in std::mem::take(&mut self.open) {
            let actual = self.part_of(open.held());
            self.bill(&open, actual);
        }
        let mut persisted: Vec<BudgetState> = self.disk.values().cloned().collect();
        for state in &mut persisted {
            let settled = self.place_of(&state.id).and_then(|ix| self.truth.get(&(ix, state.window.from_ms)));
            let lost = settled.copied().unwrap_or(0).saturating_sub(state.settled);
            // The log may have more than the lease's row, or have lost what came since.
            let known = self.roll(3);
            state.settled += lost.min(state.leased - state.settled) * known / 2;
        }
        let started = self.start(&persisted);
        let before = std::mem::replace(&mut self.budgets, started);
        for (ix, was) in before.counters.iter().enumerate() {
            let id = before.id(place(ix));
            let window = before.windows[period(id.measure)].0;
            let Some(new) = self.place_of(&id) else { continue };
            if exempt || !was.is_capped() || !window.holds(self.now.wall_ms) {
                continue;
            }
            let figure = self.budgets.counters[new].spent();
            let truth = self.truth.get(&(ix, window.from_ms)).copied().unwrap_or(0);
            let earlier = self.unsettled.get(&(ix, window.from_ms)).copied().unwrap_or(0);
            assert!(figure >= truth, "{id}: {figure} of {truth} after a crash");
            let open = self.lately.iter().filter_map(|spell| spell.get(ix)).max().copied().unwrap_or(0);
            let lease = (self.largest_cap[ix] / 10).max(1);
            assert!(
                figure <= was.settled + earlier + open + lease,
                "{id}: {figure} after a crash, {open} open, {lease} a lease, {earlier} unsettled, {was:?}",
            );
        }
        self.begin();
    }

    /// Everything ends, leases are given back, and the router starts again: nothing is unsettled but what was.
    fn stop(&mut self) {
        for (ticket, _) in std::mem::take(&mut self.waiting) {
            self.budgets.give_up(ticket, self.now);
        }
        while !self.open.is_empty() {
            self.end();
        }
        if let Some((_, batch)) = self.batch.take() {
            self.budgets.lease_granted(batch, self.now);
        }
        let batch = self.budgets.close(self.now);
        self.disk.extend(batch.states().iter().map(|state| (state.id.clone(), state.clone())));
        let persisted: Vec<BudgetState> = self.disk.values().cloned().collect();
        let started = self.start(&persisted);
        let before = std::mem::replace(&mut self.budgets, started);
        for (ix, was) in before.counters.iter().enumerate().filter(|(_, was)| was.is_capped()) {
            let new = self.place_of(&before.id(place(ix))).unwrap();
            let now = &self.budgets.counters[new];
            assert_eq!((now.settled, now.unsettled), (was.settled, was.unsettled), "after a clean stop");
        }
        self.begin();
    }

    fn start(&self, persisted: &[BudgetState]) -> Budgets {
        Budgets::new(&self.plans[self.plan], MARK, persisted, self.now)
    }

    fn place_of(&self, id: &BudgetId) -> Option<usize> {
        let measure = Measure::ALL.iter().position(|measure| *measure == id.measure)?;
        Some(self.budgets.index.find(&id.scope)? * 4 + measure)
    }

    /// After a start budgets have other places, and what is settled or unsettled is what the disk says.
    fn begin(&mut self) {
        self.truth.clear();
        self.unsettled.clear();
        for (ix, counter) in self.budgets.counters.iter().enumerate() {
            let from = self.from(period(Measure::ALL[ix % 4]));
            self.truth.insert((ix, from), counter.settled);
            self.unsettled.insert((ix, from), counter.unsettled);
        }
        self.largest_cap = self.budgets.counters.iter().map(cap_of).collect();
        self.lately = VecDeque::from([Vec::new()]);
    }

    /// Takes other caps. Another time zone moves the edges of the windows, and what is in them stays in them.
    fn set_plan(&mut self, plan: usize) {
        self.plan = plan;
        self.budgets.tick(self.now);
        let old = [self.from(0), self.from(1)];
        self.budgets.set_plan(&self.plans[plan], MARK, self.now);
        for kind in 0..2 {
            let (old, new) = (old[kind], self.from(kind));
            let of_kind = |ix: usize| period(Measure::ALL[ix % 4]) == kind;
            for kept in [&mut self.truth, &mut self.unsettled] {
                let moved = std::mem::take(kept).into_iter();
                *kept = moved
                    .map(|((ix, from), sum)| ((ix, if of_kind(ix) && from == old { new } else { from }), sum))
                    .collect();
            }
            for (from, _) in self.open.iter_mut().flat_map(|open| &mut open.taken[kind]) {
                *from = if *from == old { new } else { *from };
            }
        }
    }

    fn check(&mut self, exempt: bool) {
        let budgets = &self.budgets;
        self.largest_cap.resize(budgets.counters.len(), 0);
        let look = &mut self.lately[0];
        look.resize(budgets.counters.len(), 0);
        let mut reserved = vec![0; budgets.counters.len()];
        for open in &self.open {
            for ix in &open.scopes {
                let measure = Measure::ALL[ix % 4];
                let from = budgets.windows[period(measure)].0.from_ms;
                let current = open.taken[period(measure)].iter().filter(|(at, _)| *at == from);
                reserved[*ix] += current.map(|(_, cost)| cost.of(measure)).sum::<u64>();
            }
        }
        for (ix, counter) in budgets.counters.iter().enumerate() {
            let from = budgets.windows[period(Measure::ALL[ix % 4])].0.from_ms;
            let id = || budgets.id(place(ix));
            assert_eq!(counter.settled, self.truth.get(&(ix, from)).copied().unwrap_or(0), "{}", id());
            // Claims that were granted and not yet collected are reserved too.
            assert!(counter.reserved >= reserved[ix], "{}", id());
            if self.waiting.is_empty() {
                assert_eq!(counter.reserved, reserved[ix], "{}", id());
            }
            let unsettled = self.unsettled.get(&(ix, from)).copied().unwrap_or(0);
            assert_eq!(counter.unsettled, unsettled, "{}", id());
            if counter.is_capped() {
                assert!(exempt || counter.firm() <= counter.leased, "{}: {counter:?}", id());
                assert!(counter.leased <= counter.ceiling().max(counter.firm()), "{}: {counter:?}", id());
                let row = self.disk.get(&id()).filter(|state| state.window.from_ms == from);
                let on_disk = row.map_or(0, |state| state.leased.max(state.settled));
                let known = on_disk.max(counter.settled + unsettled);
                assert!(counter.leased <= known || exempt, "{}: {on_disk} on the disk, {counter:?}", id());
            }
            look[ix] = look[ix].max(counter.reserved + counter.kept + counter.promised);
            self.largest_cap[ix] = self.largest_cap[ix].max(cap_of(counter));
        }
    }
}

fn cap_of(counter: &Counter) -> u64 {
    if counter.is_capped() { counter.ceiling() } else { 0 }
}

/// Caps raised and lowered, taken away and brought back.
const PLANS: [&str; 5] = [
    r#"{ "monthUsd": 40, "dayUsd": 4, "dayTokens": 300000, "providers": { "openai": { "dayUsd": 3 } },
         "clients": { "crawler": { "dayUsd": 1 }, "editor": { "monthTokens": 900000 } } }"#,
    r#"{ "monthUsd": 80, "dayUsd": 8, "dayTokens": 600000, "clients": { "crawler": { "dayUsd": 2 } } }"#,
    r#"{ "monthUsd": 20, "dayUsd": 1, "dayTokens": 50000, "providers": { "openai": { "dayUsd": 0.5 } },
         "clients": { "crawler": { "dayUsd": 0.1 } }, "jobs": { "mail": { "dayUsd": 0.7 } } }"#,
    r#"{ "dayUsd": 2, "timeZone": "America/Santiago" }"#,
    r#"{ "dayUsd": 6, "waitMs": 0, "clients": { "crawler": { "dayUsd": 0 } } }"#,
];

#[test]
fn no_sequence_of_events_spends_more_than_is_leased_or_leases_more_than_is_capped() {
    let steps =
        std::env::var("SWITCHYARD_SPEND_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(STEPS);
    let mut model = Model::new(20_261_130);
    let mut exempt_until = 0;
    for step in 0..steps {
        let jump = match model.roll(2_000) {
            0 => 9_000_000 + model.roll(90_000_000),
            1..=40 => model.roll(20_000),
            _ => model.roll(150),
        };
        model.now = model.now.plus_ms(jump);
        match model.roll(1_000) {
            0..=299 => model.reserve(),
            300..=599 => model.end(),
            600..=699 => model.top_up(),
            700..=979 => model.collect(),
            980..=984 => model.budgets.tick(model.now),
            985..=988 => {
                model.collect();
                model.crash(step < exempt_until);
            }
            989..=991 => {
                let plan = usize::try_from(model.roll(5)).unwrap();
                model.set_plan(plan);
                exempt_until = step + 100;
            }
            992 => {
                let over = model.roll(3) * 1_000_000_000;
                let _ = model.budgets.resume(None, Cost { nano_usd: over, tokens: over / 20_000 });
            }
            993 => model.stop(),
            _ => {}
        }
        model.write();
        model.check(step < exempt_until);
    }
    assert!(model.crashes > steps / 1_000 && model.grants > steps / 20, "{} {}", model.crashes, model.grants);
}
