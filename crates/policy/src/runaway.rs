//! Spending as it never is: found within minutes, and the app that does it named.
//!
//! **What it decides.** Whether the last ten minutes look like a loop rather than like work, judged against each dollar
//! budget of everything and of single apps:
//! - *far above usual*: ten times the 95th percentile of the ten-minute spends of the trailing week, and at least 2 % of the
//!   cap; or
//! - *cap soon*: a pace that ends the cap within two hours, and before it begins anew.
//!
//! **Why so.** Ten-minute spans in which nothing was spent are left out of the percentile: after a quiet night every call
//! would be far above usual. It counts from twenty spans on, some hours of use; before that only the pace speaks. Where
//! the week is known, a pace within it is no alarm either: the last dollars of a budget are spent at the usual pace too, and
//! the pause mark is for that.
//!
//! **Who.** An app that made four fifths of the spending is held alone ([`Alarm::client`]). Where none did, the alarm is
//! told and holds nobody: the caps still do.
//!
//! **How it ends.** By a person's word: [`Runaway::forgive`] lets the app begin at zero, so that what it spent before the
//! word doesn't hold it again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use switchyard_domain::budget::{BudgetId, BudgetView, Scope};
use switchyard_domain::{Now, Usd};

const MINUTE_MS: i64 = 60_000;
/// The span that is judged, minutes.
const SPAN: i64 = 10;
/// What it is judged against: so many spans, a week.
const WEEK_SPANS: i64 = 7 * 24 * 6;
/// Spans with spending that must be known before any is usual: more than three hours of use.
const LEAST_SPANS: usize = 20;
/// Far above usual is so many times the 95th percentile.
const TIMES_USUAL: u64 = 10;
/// Less than this part of a cap is never far above usual, percent.
const LEAST_CAP_PERCENT: u64 = 2;
/// A cap that ends within this is an alarm, minutes.
const CAP_SOON_MINUTES: i64 = 120;
/// The part of the spending that makes one app the cause, percent.
const ONE_CLIENT_PERCENT: u64 = 80;
/// Apps that are watched apart; what others spend counts in the total alone.
const MOST_CLIENTS: usize = 256;
/// Calls of an app that are looked through for what repeats.
const MOST_CALLS: usize = 512;

/// One ended call that cost something.
#[derive(Clone, Debug)]
pub struct Spent<'a> {
    /// Its app.
    pub client: &'a str,
    /// Its job.
    pub job: &'a Arc<str>,
    /// The model asked for.
    pub model: &'a Arc<str>,
    /// A hash of the prompt's first part, the same for requests that repeat one another.
    pub prompt: u64,
    /// What it cost.
    pub cost: Usd,
}

/// Why an alarm was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Far more than in any ten minutes of the week but few.
    FarAboveUsual {
        /// The 95th percentile of the week's ten-minute spends.
        usual: Usd,
    },
    /// The budget would be at its end soon.
    CapSoon {
        /// How soon, minutes.
        in_minutes: u32,
    },
}

/// What an app does again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// The job most of its calls are of.
    pub job: Arc<str>,
    /// The model they ask for.
    pub model: Arc<str>,
    /// Calls of that job and model in the last ten minutes.
    pub calls: u32,
    /// The most of them that have one and the same prompt.
    pub same_prompt: u32,
}

/// Spending that looks like a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The budget it was judged by.
    pub budget: BudgetId,
    /// The app that is to be held; `None` where no single one is the cause.
    pub client: Option<String>,
    /// Spent in the last ten minutes, by that app or by all.
    pub spent: Usd,
    /// That app's part of the spending, percent; 100 without an app.
    pub percent: u32,
    /// Why.
    pub why: Why,
    /// What that app repeats, where it made at least two calls.
    pub repeats: Option<Repeats>,
}

/// The spending of the trailing week, of all and of each app.
#[derive(Debug, Default)]
pub struct Runaway {
    total: Spends,
    clients: BTreeMap<String, Client>,
    told: BTreeSet<(BudgetId, Option<String>)>,
}

impl Runaway {
    /// Takes what a call of the past cost, from the log at start.
    pub fn learn(&mut self, client: &str, cost: Usd, at_ms: i64) {
        let nanos = nanos(cost);
        self.total.add(nanos, at_ms);
        if let Some(client) = self.client(client) {
            client.spends.add(nanos, at_ms);
        }
    }

    /// Takes a call that just ended.
    pub fn spent(&mut self, call: &Spent<'_>, now: Now) {
        self.learn(call.client, call.cost, now.wall_ms);
        if let Some(client) = self.client(call.client) {
            if client.calls.len() == MOST_CALLS {
                client.calls.pop_front();
            }
            let (job, model) = (Arc::clone(call.job), Arc::clone(call.model));
            client.calls.push_back(Call { at_ms: now.wall_ms, job, model, prompt: call.prompt });
        }
    }

    /// The alarms that are new. Call it each few seconds with [`crate::spend::Budgets::snapshot`]; one alarm is told once
    /// for as long as it lasts.
    pub fn judge(&mut self, budgets: &[BudgetView], now: Now) -> Vec<Alarm> {
        let at_ms = now.wall_ms;
        self.total.forget(at_ms);
        self.clients.values_mut().for_each(|client| client.forget(at_ms));
        self.clients.retain(|_, client| !client.spends.spans.is_empty());
        let raised: Vec<Alarm> = budgets.iter().filter_map(|budget| self.alarm(budget, at_ms)).collect();
        let holding: BTreeSet<(BudgetId, Option<String>)> =
            raised.iter().map(|alarm| (alarm.budget.clone(), alarm.client.clone())).collect();
        let new = raised.into_iter().filter(|alarm| {
            !self.told.iter().any(|(budget, client)| (budget, client) == (&alarm.budget, &alarm.client))
        });
        let new = new.collect();
        self.told = holding;
        new
    }

    /// A person let an app go on: what it spent until now is not held against it. A week's usual spends stay known.
    pub fn forgive(&mut self, client: &str) {
        if let Some(known) = self.clients.get_mut(client) {
            for (minute, nanos) in std::mem::take(&mut known.spends.minutes) {
                if let Some((_, total)) = self.total.minutes.iter_mut().find(|(at, _)| *at == minute) {
                    *total = total.saturating_sub(nanos);
                }
            }
            known.calls.clear();
        }
        self.told.retain(|(_, told)| told.as_deref() != Some(client));
    }

    fn client(&mut self, name: &str) -> Option<&mut Client> {
        if !self.clients.contains_key(name) {
            if self.clients.len() >= MOST_CLIENTS {
                return None;
            }
            self.clients.insert(name.to_owned(), Client::default());
        }
        self.clients.get_mut(name)
    }

    fn alarm(&self, budget: &BudgetView, at_ms: i64) -> Option<Alarm> {
        if !budget.measure.is_usd() {
            return None;
        }
        let spends = match &budget.id.scope {
            Scope::Total => &self.total,
            Scope::Client(name) => &self.clients.get(name)?.spends,
            Scope::Provider(_) | Scope::Job(_) => return None,
        };
        let spent = spends.lately(at_ms);
        let why = judge(budget, spent, spends.usual(at_ms), at_ms)?;
        let (client, share) = match &budget.id.scope {
            Scope::Client(name) => (Some(name.clone()), spent),
            Scope::Total | Scope::Provider(_) | Scope::Job(_) => {
                let shares = self.clients.iter().map(|(name, client)| (name, client.spends.lately(at_ms)));
                let largest = shares.max_by_key(|(_, share)| *share);
                let alone = largest.filter(|(_, share)| {
                    u128::from(*share) * 100 >= u128::from(spent) * u128::from(ONE_CLIENT_PERCENT)
                });
                alone.map_or((None, spent), |(name, share)| (Some(name.clone()), share))
            }
        };
        let repeats = client.as_ref().and_then(|name| self.clients.get(name)?.repeats(at_ms));
        let percent = u32::try_from(u128::from(share) * 100 / u128::from(spent.max(1))).unwrap_or(100);
        Some(Alarm { budget: budget.id.clone(), client, spent: usd(share), percent, why, repeats })
    }
}

/// The two rules. `usual` is `None` while too little is known.
fn judge(budget: &BudgetView, spent: u64, usual: Option<u64>, at_ms: i64) -> Option<Why> {
    let of_cap = u128::from(spent) * 100 >= u128::from(budget.cap) * u128::from(LEAST_CAP_PERCENT);
    if let Some(usual) = usual
        && spent > 0
        && of_cap
        && spent >= usual.saturating_mul(TIMES_USUAL)
    {
        return Some(Why::FarAboveUsual { usual: usd(usual) });
    }
    let left = budget.cap.saturating_sub(budget.spent).saturating_sub(budget.unsettled);
    if spent == 0 || left == 0 || usual.is_some_and(|usual| spent <= usual) {
        return None;
    }
    let minutes = i64::try_from(u128::from(left) * 10 / u128::from(spent)).unwrap_or(i64::MAX);
    let before_reset = minutes < (budget.resets_at_ms - at_ms) / MINUTE_MS;
    (minutes <= CAP_SOON_MINUTES && before_reset)
        .then(|| Why::CapSoon { in_minutes: u32::try_from(minutes).unwrap_or(u32::MAX) })
}

/// Spends over time, nano-dollars.
#[derive(Debug, Default)]
struct Spends {
    /// Minutes since the epoch, of the last span, oldest first.
    minutes: VecDeque<(i64, u64)>,
    /// Spans since the epoch in which something was spent, of the trailing week.
    spans: BTreeMap<i64, u64>,
}

impl Spends {
    fn add(&mut self, nanos: u64, at_ms: i64) {
        if nanos == 0 {
            return;
        }
        let minute = at_ms.div_euclid(MINUTE_MS);
        match self.minutes.iter_mut().find(|(at, _)| *at == minute) {
            Some((_, sum)) => *sum = sum.saturating_add(nanos),
            None => self.minutes.push_back((minute, nanos)),
        }
        // The log comes in any order and is a week long.
        let newest = self.minutes.iter().map(|(at, _)| *at).max().unwrap_or(minute);
        self.minutes.retain(|(at, _)| *at > newest - SPAN);
        let span = self.spans.entry(minute.div_euclid(SPAN)).or_default();
        *span = span.saturating_add(nanos);
    }

    fn forget(&mut self, at_ms: i64) {
        let minute = at_ms.div_euclid(MINUTE_MS);
        self.minutes.retain(|(at, _)| *at > minute - SPAN);
        self.spans = self.spans.split_off(&(minute.div_euclid(SPAN) - WEEK_SPANS));
    }

    /// Spent in the ten minutes that end now.
    fn lately(&self, at_ms: i64) -> u64 {
        let minute = at_ms.div_euclid(MINUTE_MS);
        self.minutes
            .iter()
            .filter(|(at, _)| *at > minute - SPAN)
            .map(|(_, nanos)| *nanos)
            .fold(0, u64::saturating_add)
    }

    /// The 95th percentile of the week's spans with spending, those left out that reach into the last ten minutes.
    fn usual(&self, at_ms: i64) -> Option<u64> {
        let minute = at_ms.div_euclid(MINUTE_MS);
        let ended = (minute - SPAN + 1).div_euclid(SPAN);
        let mut spans: Vec<u64> =
            self.spans.range(ended - WEEK_SPANS..ended).map(|(_, nanos)| *nanos).collect();
        if spans.len() < LEAST_SPANS {
            return None;
        }
        spans.sort_unstable();
        spans.get((spans.len() * 95).div_ceil(100).saturating_sub(1)).copied()
    }
}

/// One app.
#[derive(Debug, Default)]
struct Client {
    spends: Spends,
    calls: VecDeque<Call>,
}

#[derive(Debug)]
struct Call {
    at_ms: i64,
    job: Arc<str>,
    model: Arc<str>,
    prompt: u64,
}

impl Client {
    fn forget(&mut self, at_ms: i64) {
        self.spends.forget(at_ms);
        self.calls.retain(|call| call.at_ms > at_ms - SPAN * MINUTE_MS);
    }

    fn repeats(&self, at_ms: i64) -> Option<Repeats> {
        let recent = || self.calls.iter().filter(|call| call.at_ms > at_ms - SPAN * MINUTE_MS);
        let mut kinds: BTreeMap<(&Arc<str>, &Arc<str>), u32> = BTreeMap::new();
        for call in recent() {
            *kinds.entry((&call.job, &call.model)).or_default() += 1;
        }
        let ((job, model), calls) = kinds.into_iter().max_by_key(|(_, calls)| *calls)?;
        let mut prompts: BTreeMap<u64, u32> = BTreeMap::new();
        for call in recent().filter(|call| (&call.job, &call.model) == (job, model)) {
            *prompts.entry(call.prompt).or_default() += 1;
        }
        let same_prompt = prompts.into_values().max().unwrap_or(0);
        (calls >= 2).then(|| Repeats { job: Arc::clone(job), model: Arc::clone(model), calls, same_prompt })
    }
}

fn nanos(usd: Usd) -> u64 {
    u64::try_from(usd.nanos()).unwrap_or(0)
}

fn usd(nanos: u64) -> Usd {
    Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
