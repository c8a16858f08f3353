//! A script played in virtual time: an agenda of what happens next, and the router's parts around it.

mod agenda;
mod call;
mod network;
mod queue;
mod wire;

use std::collections::HashMap;

use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::{Dialect, Failure, FailureKind, Now};
use switchyard_policy::{Change, Fleet, Inclusion, KeyChoice, KeyId, Needs, plan};

use crate::chance::Chance;
use crate::kpi::{Kpis, Observer, View};
use crate::script::Script;
use agenda::{Agenda, Event};
use call::Call;
use network::Looks;
use queue::Queue;

/// The clocks' readings when a script begins.
const START: Now = Now { mono_ms: 1_000_000, wall_ms: 1_700_000_000_000 };
const BEAT_MS: u64 = 1_000;
/// How often the traffic's place is looked at.
const LOOK_EVERY_MS: u64 = 5_000;
/// After its callers went silent the router has this long to finish and to work its queue off.
const DRAIN_MS: u64 = 20 * 60_000;

/// Plays a script: what it came to. The same script and seed give the same.
#[must_use]
pub fn play(script: &Script, seed: u64) -> Kpis {
    let mut run = Run::new(script, seed);
    run.play_out();
    run.finish()
}

/// Plays a script, and keeps what the router told meanwhile, a line each.
#[must_use]
pub fn tell(script: &Script, seed: u64) -> Vec<String> {
    let mut run = Run::new(script, seed);
    run.observer.keep_journal();
    run.play_out();
    run.observer.take_journal()
}

/// A run under way.
#[derive(Debug)]
struct Run<'a> {
    script: &'a Script,
    map: RoutingMap,
    fleet: Fleet,
    now: Now,
    chance: Chance,
    agenda: Agenda,
    calls: HashMap<u64, Call>,
    next_call: u64,
    queue: Queue,
    looks: Looks,
    observer: Observer<'a>,
    beat_ms: u64,
}

impl<'a> Run<'a> {
    fn new(script: &'a Script, seed: u64) -> Self {
        let map = script.world.map();
        let mut fleet = Fleet::new(&map);
        for (at, route) in map.routes.iter().enumerate() {
            fleet.set_keys(RouteIx(at), vec![KeyId::from(route.provider.as_str())]);
        }
        let mut run = Self {
            script,
            fleet,
            now: START,
            chance: Chance::of(seed, "run"),
            agenda: Agenda::default(),
            calls: HashMap::new(),
            next_call: 0,
            queue: Queue::default(),
            looks: Looks::default(),
            observer: Observer::new(script, &map),
            beat_ms: 0,
            map,
        };
        run.agenda.at(BEAT_MS, Event::Beat);
        for client in 0..script.clients.len() {
            run.expect_from(client, 0);
        }
        for route in 0..run.map.routes.len() {
            run.agenda.at(BEAT_MS + 1_000 * route as u64, Event::Probe(RouteIx(route)));
        }
        run
    }

    fn play_out(&mut self) {
        while let Some((at_ms, event)) = self.agenda.next() {
            if at_ms > self.script.lasts_ms + DRAIN_MS {
                return;
            }
            match self.script.sleep(at_ms) {
                Some(sleep) => self.agenda.at(sleep.to_ms, event),
                None => self.happen(at_ms, event),
            }
        }
    }

    /// Milliseconds since the script's beginning.
    const fn at_ms(&self) -> u64 {
        self.now.mono_ms - START.mono_ms
    }

    fn happen(&mut self, at_ms: u64, event: Event) {
        self.now = START.plus_ms(at_ms);
        match event {
            Event::Arrives { client, wanted_ms } => self.arrive(client, wanted_ms),
            Event::FirstWords { call, attempt } => self.first_words(call, attempt),
            Event::Ends { call, attempt, end } => self.ends(call, attempt, end),
            Event::Wakes { call } => self.wakes(call),
            Event::Beat => self.beat(),
            Event::Probe(route) => self.probe(route),
            Event::Looked { begun_ms } => self.looked(begun_ms),
        }
    }

    fn expect_from(&mut self, client: usize, after_ms: u64) {
        let mean_ms = 60_000.0 / self.script.clients[client].per_minute;
        let wanted_ms = after_ms + self.chance.pause_ms(mean_ms);
        if wanted_ms < self.script.lasts_ms {
            self.agenda.at(wanted_ms, Event::Arrives { client, wanted_ms });
        }
    }

    fn arrive(&mut self, client: usize, wanted_ms: u64) {
        let at_ms = self.at_ms();
        self.expect_from(client, at_ms);
        // A caller on this machine sleeps with it.
        if wanted_ms == at_ms {
            let stream = self.chance.percent(self.script.clients[client].stream_percent);
            self.begin(Call::new(client, stream, self.now));
        }
    }

    /// What the engine's supervisor does once a second.
    fn beat(&mut self) {
        let at_ms = self.at_ms();
        self.agenda.at(at_ms + BEAT_MS, Event::Beat);
        self.notice_gap(at_ms.saturating_sub(self.beat_ms));
        self.beat_ms = at_ms;
        let changes = self.fleet.tick(&self.map, self.now);
        self.told(&changes);
        self.look_after_network();
        self.work_queue();
        if at_ms % LOOK_EVERY_MS < BEAT_MS && at_ms < self.script.lasts_ms {
            let first = self.first();
            let view = View { map: &self.map, fleet: &self.fleet, first, now: self.now, at_ms };
            self.observer.look(&view, LOOK_EVERY_MS);
        }
    }

    fn probe(&mut self, route: RouteIx) {
        self.agenda.at(self.at_ms() + self.map.probe_every_ms, Event::Probe(route));
        if !self.network_is_down() {
            self.probe_now(route);
        }
    }

    fn probe_now(&mut self, route: RouteIx) {
        for key in self.fleet.rejected_keys(route) {
            if self.ask_for_models(route).is_ok() {
                self.fleet.key_accepted(&key);
            }
        }
        match self.fleet.key_to_probe(route, self.now) {
            KeyChoice::Key(_) | KeyChoice::NotNeeded => {}
            KeyChoice::AllCoolingUntil(_) | KeyChoice::None => return,
        }
        let result = self.ask_for_models(route);
        let changes = self.fleet.probe_result(route, result, self.now.mono_ms, self.now);
        self.told(&changes);
    }

    fn ask_for_models(&mut self, route: RouteIx) -> Result<(), Failure> {
        let at_ms = self.at_ms();
        if let Some((_, cut)) = self.script.cut(at_ms) {
            return Err(wire::cut_off(cut, &mut self.chance));
        }
        let condition = self.condition(route);
        match condition.failing.filter(|(percent, _)| self.chance.percent(*percent)) {
            // A probe asks for a list: an answer that breaks off in the middle is no matter of it.
            Some((_, FailureKind::Cut)) | None => Ok(()),
            Some((_, kind)) => Err(wire::failure(kind)),
        }
    }

    fn condition(&self, route: RouteIx) -> crate::script::Condition {
        let route = self.map.route(route);
        self.script.condition(&route.provider, route.id.as_str(), self.at_ms())
    }

    /// Where the next request would go that is no test of a route.
    fn first(&mut self) -> Option<RouteIx> {
        let needs = Needs::plain("auto", Dialect::OpenAiChat);
        let roll = self.chance.bits();
        let plan = plan(&self.map, &self.map.default_job, &self.fleet, &needs, roll, self.now);
        let is_test = |why: Inclusion| matches!(why, Inclusion::TestCall | Inclusion::Trial);
        plan.candidates.iter().find(|candidate| !is_test(candidate.why)).map(|candidate| candidate.route)
    }

    fn told(&mut self, changes: &[Change]) {
        for change in changes {
            self.observer.change(change, self.at_ms());
        }
    }

    fn finish(mut self) -> Kpis {
        let under_way = self.calls.values().filter(|call| call.job.is_none()).count();
        self.observer.kpis.lost += under_way as u64;
        self.observer.kpis.waiting += self.queue.waiting() + (self.calls.len() - under_way) as u64;
        self.observer.finish()
    }
}
