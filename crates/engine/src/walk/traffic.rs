//! The last hour's traffic, minute by minute, in memory. The log in the database is written elsewhere.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use switchyard_domain::view::{ClientView, Outcome, RequestView, TrafficView};

const MINUTES: usize = 60;
const RECENT: i64 = 5;
const SHOWN: usize = 20;
/// Answer times kept per minute; beyond it each further one replaces a kept one in turn.
const SAMPLES: usize = 128;

/// Counts of one minute.
#[derive(Debug, Default)]
struct Minute {
    requests: u32,
    tiers: [u32; 3],
    clients: HashMap<String, u32>,
    durations: Vec<u32>,
}

/// The last hour.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    minutes: VecDeque<(i64, Minute)>,
    shown: VecDeque<Arc<RequestView>>,
    /// Requests answered or queued since the tier last changed.
    kept: u64,
}

impl Traffic {
    /// Takes a request that has ended.
    pub(crate) fn ended(&mut self, request: &Arc<RequestView>, now_ms: i64) {
        let minute = self.minute(now_ms.div_euclid(60_000));
        minute.requests += 1;
        if let Some(count) = minute.clients.get_mut(&request.client) {
            *count += 1;
        } else {
            minute.clients.insert(request.client.clone(), 1);
        }
        if let Some(tier) = request.tier {
            minute.tiers[tier as usize] += 1;
        }
        if request.outcome == Outcome::Answered {
            if minute.durations.len() < SAMPLES {
                minute.durations.push(request.duration_ms);
            } else {
                let at = minute.requests as usize % SAMPLES;
                minute.durations[at] = request.duration_ms;
            }
        }
        if matches!(request.outcome, Outcome::Answered | Outcome::Queued) {
            self.kept += 1;
        }
        self.shown.push_front(Arc::clone(request));
        self.shown.truncate(SHOWN);
    }

    /// Starts counting kept requests anew.
    pub(crate) fn tier_changed(&mut self) {
        self.kept = 0;
    }

    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    pub(crate) fn shown(&self) -> Vec<RequestView> {
        self.shown.iter().map(|request| RequestView::clone(request)).collect()
    }

    /// Fills the list shown after a restart.
    pub(crate) fn restore(&mut self, newest_first: Vec<RequestView>) {
        self.shown = newest_first.into_iter().map(Arc::new).collect();
    }

    pub(crate) fn view(&self, now_ms: i64, in_flight: u64) -> TrafficView {
        let this = now_ms.div_euclid(60_000);
        let first = this - (MINUTES as i64 - 1);
        let mut view = TrafficView { in_flight, ..TrafficView::default() };
        for at in first..=this {
            let minute = self.minutes.iter().find(|(when, _)| *when == at).map(|(_, minute)| minute);
            view.requests.push(minute.map_or(0, |minute| minute.requests));
            let mut durations = minute.map(|minute| minute.durations.clone()).unwrap_or_default();
            durations.sort_unstable();
            view.p50_ms.push(quantile(&durations, 50));
            view.p95_ms.push(quantile(&durations, 95));
        }
        view.per_minute = per_minute(self.recent(this).map(|minute| minute.requests).sum());
        view
    }

    /// Share of each tier in the answers of the last five minutes, percent.
    pub(crate) fn shares(&self, now_ms: i64) -> [Option<f64>; 3] {
        let mut counts = [0_u32; 3];
        for minute in self.recent(now_ms.div_euclid(60_000)) {
            for (count, tier) in counts.iter_mut().zip(minute.tiers) {
                *count += tier;
            }
        }
        let total: u32 = counts.iter().sum();
        counts.map(|count| (total > 0).then(|| round(f64::from(count) * 100.0 / f64::from(total))))
    }

    pub(crate) fn clients(&self, now_ms: i64) -> Vec<ClientView> {
        let this = now_ms.div_euclid(60_000);
        let mut counts: HashMap<&str, (u32, u32)> = HashMap::new();
        for (when, minute) in &self.minutes {
            for (name, count) in &minute.clients {
                let entry = counts.entry(name).or_default();
                entry.0 += count;
                if this - when < RECENT {
                    entry.1 += count;
                }
            }
        }
        let mut clients: Vec<(u32, ClientView)> = counts
            .into_iter()
            .map(|(name, (all, recent))| {
                (all, ClientView { name: name.to_owned(), per_minute: per_minute(recent) })
            })
            .collect();
        clients.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
        clients.into_iter().map(|(_, client)| client).collect()
    }

    /// The apps that called in the last two minutes.
    pub(crate) fn callers(&self, now_ms: i64) -> Vec<String> {
        let this = now_ms.div_euclid(60_000);
        let mut names: Vec<String> = self
            .minutes
            .iter()
            .filter(|(when, _)| this - when < 2)
            .flat_map(|(_, minute)| minute.clients.keys().cloned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn recent(&self, this: i64) -> impl Iterator<Item = &Minute> {
        self.minutes.iter().filter(move |(when, _)| this - when < RECENT).map(|(_, minute)| minute)
    }

    fn minute(&mut self, at: i64) -> &mut Minute {
        // After the clock went back, requests count into the newest minute.
        let newest = self.minutes.back().map(|(when, _)| *when);
        if newest.is_none_or(|newest| newest < at) {
            self.minutes.push_back((at, Minute::default()));
            while self.minutes.len() > MINUTES
                || self.minutes.front().is_some_and(|(when, _)| at - when >= MINUTES as i64)
            {
                self.minutes.pop_front();
            }
        }
        let last = self.minutes.len() - 1;
        &mut self.minutes[last].1
    }
}

/// Where in the last five minutes the service is younger, the rate is still over five.
fn per_minute(count: u32) -> f64 {
    round(f64::from(count) / 5.0)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn quantile(sorted: &[u32], percent: usize) -> Option<u32> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * percent).div_ceil(100).min(last)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_domain::{Dialect, RequestId, Tier};

    fn request(client: &str, tier: Tier, duration_ms: u32) -> Arc<RequestView> {
        Arc::new(RequestView {
            id: RequestId::from("req_1"),
            at_ms: 0,
            client: client.to_owned(),
            job: "default".to_owned(),
            dialect: Dialect::OpenAiChat,
            model: "auto".to_owned(),
            stream: false,
            outcome: Outcome::Answered,
            status: 200,
            route: None,
            tier: Some(tier),
            degraded: false,
            duration_ms,
            first_token_ms: None,
            input_tokens: None,
            cached_tokens: None,
            output_tokens: None,
            degradations: Vec::new(),
            cost_nano_usd: None,
            rescues: 0,
            attempts: Vec::new(),
        })
    }

    #[test]
    fn an_hour_is_kept_and_the_rates_are_of_the_last_five_minutes() {
        let mut traffic = Traffic::default();
        let minute = |n: i64| n * 60_000;
        for n in 0..70 {
            traffic.ended(&request("app", if n < 68 { Tier::Hot } else { Tier::Warm }, 100), minute(n));
        }
        traffic.ended(&request("other", Tier::Warm, 900), minute(69));
        let view = traffic.view(minute(69), 0);
        assert_eq!(view.requests.len(), 60);
        assert_eq!((view.requests[0], view.requests[59]), (1, 2));
        assert_eq!((view.p50_ms[59], view.p95_ms[59]), (Some(900), Some(900)));
        assert!((view.per_minute - 1.2).abs() < 0.01);
        assert_eq!(traffic.shares(minute(69)), [Some(50.0), Some(50.0), Some(0.0)]);
        assert_eq!(traffic.clients(minute(69))[0].name, "app");
        assert_eq!(traffic.kept(), 71);
        assert_eq!(
            traffic.view(minute(200), 0).requests.iter().sum::<u32>(),
            0,
            "old minutes fall out by themselves"
        );
    }
}
