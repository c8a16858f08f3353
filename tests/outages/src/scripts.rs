//! The scripts. Each is a kind of outage; a seed draws its lengths, its depth, its victims and who calls meanwhile.

use switchyard_domain::FailureKind;

use crate::chance::Chance;
use crate::script::{Ailment, Client, Cut, Ill, Pace, Script, Span, Whom};
use crate::world::World;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// All is well for this long at first: the windows fill, and baselines mean something.
const LEAD_IN: u64 = 10 * MINUTE;
/// A failback takes 30 minutes of health and four steps of three; this long after the last ill all should be home.
const TAIL: u64 = 75 * MINUTE;

/// The ways a provider's calls fail while it is out.
const WAYS: [FailureKind; 6] = [
    FailureKind::ServerError,
    FailureKind::Overloaded,
    FailureKind::Reset,
    FailureKind::ConnectTimeout,
    FailureKind::FirstByteTimeout,
    FailureKind::Cut,
];

/// A kind of outage.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// Its name, for `--script`.
    pub name: &'static str,
    /// What happens.
    pub about: &'static str,
    write: fn(&mut Draft, &mut Chance),
}

/// Every kind, in the order of the table.
pub const ALL: [Named; 21] = [
    Named { name: "calm", about: "nothing is wrong", write: calm },
    Named { name: "blip", about: "three to eight blips of 1 to 20 s", write: blip },
    Named {
        name: "hiccup",
        about: "a provider is out for 1 to 8 min, less than the trigger takes",
        write: hiccup,
    },
    Named {
        name: "brownout",
        about: "10 to 60 % of a provider's calls fail for 15 to 60 min",
        write: brownout,
    },
    Named {
        name: "slowdown",
        about: "a provider's answers take 3 to 10 times as long for 10 to 40 min",
        write: slowdown,
    },
    Named {
        name: "flap",
        about: "a provider is out and back every 15 to 150 s for 30 to 60 min",
        write: flap,
    },
    Named { name: "regional", about: "one region of a vendor is out for 12 to 60 min", write: regional },
    Named { name: "total", about: "the home provider is out for 12 to 60 min", write: total },
    Named {
        name: "quiet",
        about: "the home provider is out for 20 to 60 min, with 12 to 60 requests an hour",
        write: quiet,
    },
    Named {
        name: "refused",
        about: "the home provider refuses good keys with 401 for 1 to 10 min",
        write: refused,
    },
    Named { name: "everyone", about: "every provider is out for 5 to 20 min", write: everyone },
    Named {
        name: "rate-limits",
        about: "70 to 100 % of the home provider's calls get 429 for 5 to 40 min",
        write: rate_limits,
    },
    Named {
        name: "poisoning",
        about: "latency and errors creep up over 40 to 90 min, then the provider is well",
        write: poisoning,
    },
    Named {
        name: "half-healed",
        about: "out for 15 to 35 min, well for 31 to 48, out again during the way home",
        write: half_healed,
    },
    Named {
        name: "offline",
        about: "this machine is offline two to five times, for 20 s to 15 min",
        write: offline,
    },
    Named { name: "no-names", about: "no resolver answers for 30 s to 15 min", write: no_names },
    Named { name: "portal", about: "a sign-in page answers for everyone for 30 s to 15 min", write: portal },
    Named {
        name: "sleep",
        about: "the laptop sleeps for 20 s to 6 h, and its network takes 0 to 20 s to come back",
        write: sleep,
    },
    Named {
        name: "slow-models",
        about: "nothing is wrong: models reason, answers take 35 s and first words 20 s, above the limit for `slow`",
        write: slow_models,
    },
    Named {
        name: "slow-hang",
        about: "the same, and the home provider is silent for 12 to 60 min",
        write: slow_hang,
    },
    Named { name: "mixed", about: "two to four of these at once", write: mixed },
];

/// The script of a kind and a seed.
#[must_use]
pub fn script(named: &Named, seed: u64) -> Script {
    let mut chance = Chance::of(seed, named.name);
    let mut draft = Draft::new(named.name, &mut chance);
    (named.write)(&mut draft, &mut chance);
    draft.done()
}

/// The kind of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Named> {
    ALL.iter().find(|named| named.name == name)
}

/// A script that is being written.
#[derive(Debug)]
struct Draft {
    script: Script,
}

impl Draft {
    fn new(name: &'static str, chance: &mut Chance) -> Self {
        let founder = Client { name: "founder", per_minute: 3.0, stream_percent: 70.0 };
        let busy = Client { name: "worker", per_minute: chance.within(10.0, 60.0), stream_percent: 10.0 };
        let clients = match chance.between(0, 3) {
            0 => vec![founder],
            1 => vec![busy],
            _ => vec![founder, busy],
        };
        let world = chance.one_of(&[World::Usual, World::Usual, World::Lean, World::Regions, World::Split]);
        let lasts_ms = LEAD_IN + TAIL;
        let script = Script {
            name,
            world,
            lasts_ms,
            ills: Vec::new(),
            cuts: Vec::new(),
            sleeps: Vec::new(),
            clients,
            pace: Pace::CHAT,
        };
        Self { script }
    }

    fn home(&self) -> Whom {
        Whom::Provider(self.script.world.home())
    }

    /// Mostly the home provider, since it is the one that is noticed.
    fn victim(&self, chance: &mut Chance) -> Whom {
        if chance.percent(70.0) {
            self.home()
        } else {
            Whom::Provider(chance.one_of(self.script.world.providers()))
        }
    }

    fn ill(&mut self, from_ms: u64, length_ms: u64, whom: Whom, what: Ailment) {
        self.script.ills.push(Ill { span: Span::new(from_ms, length_ms), whom, what });
    }

    fn out(&mut self, from_ms: u64, length_ms: u64, whom: Whom, chance: &mut Chance) {
        let what = Ailment::Failing { percent: 100.0, with: chance.one_of(&WAYS) };
        self.ill(from_ms, length_ms, whom, what);
    }

    fn done(mut self) -> Script {
        let ills = self.script.ills.iter().map(|ill| ill.span.to_ms);
        let cuts = self.script.cuts.iter().map(|(span, _)| span.to_ms);
        let sleeps = self.script.sleeps.iter().map(|span| span.to_ms);
        let last = ills.chain(cuts).chain(sleeps).max().unwrap_or(0);
        self.script.lasts_ms = self.script.lasts_ms.max(last + TAIL);
        self.script
    }
}

fn calm(_: &mut Draft, _: &mut Chance) {}

fn blip(draft: &mut Draft, chance: &mut Chance) {
    let mut at = LEAD_IN;
    for _ in 0..chance.between(3, 8) {
        let length = chance.between(SECOND, 20 * SECOND);
        let whom = draft.victim(chance);
        draft.out(at, length, whom, chance);
        at += length + chance.between(3 * MINUTE, 10 * MINUTE);
    }
}

fn hiccup(draft: &mut Draft, chance: &mut Chance) {
    let whom = draft.victim(chance);
    draft.out(LEAD_IN, chance.between(MINUTE, 8 * MINUTE), whom, chance);
}

fn brownout(draft: &mut Draft, chance: &mut Chance) {
    let with = chance.one_of(&[FailureKind::ServerError, FailureKind::Overloaded, FailureKind::Reset]);
    let what = Ailment::Failing { percent: chance.within(10.0, 60.0), with };
    let whom = draft.victim(chance);
    draft.ill(LEAD_IN, chance.between(15 * MINUTE, HOUR), whom, what);
}

fn slowdown(draft: &mut Draft, chance: &mut Chance) {
    let what = Ailment::Slow { factor: chance.within(3.0, 10.0) };
    let whom = draft.victim(chance);
    draft.ill(LEAD_IN, chance.between(10 * MINUTE, 40 * MINUTE), whom, what);
}

fn flap(draft: &mut Draft, chance: &mut Chance) {
    let end = LEAD_IN + chance.between(30 * MINUTE, HOUR);
    let with = chance.one_of(&WAYS);
    let home = draft.home();
    let mut at = LEAD_IN;
    while at < end {
        let length = chance.between(15 * SECOND, 150 * SECOND);
        draft.ill(at, length, home, Ailment::Failing { percent: 100.0, with });
        at += length + chance.between(15 * SECOND, 150 * SECOND);
    }
}

fn regional(draft: &mut Draft, chance: &mut Chance) {
    draft.script.world = World::Regions;
    draft.out(LEAD_IN, chance.between(12 * MINUTE, HOUR), Whom::Provider("east"), chance);
}

fn total(draft: &mut Draft, chance: &mut Chance) {
    let home = draft.home();
    draft.out(LEAD_IN, chance.between(12 * MINUTE, HOUR), home, chance);
}

fn quiet(draft: &mut Draft, chance: &mut Chance) {
    let client = Client { name: "night", per_minute: chance.within(0.2, 1.0), stream_percent: 50.0 };
    draft.script.clients = vec![client];
    let home = draft.home();
    let length = chance.between(20 * MINUTE, HOUR);
    draft.out(LEAD_IN, length, home, chance);
    // With a request each five minutes ten good ones take most of an hour.
    draft.script.lasts_ms = LEAD_IN + length + 4 * HOUR;
}

fn refused(draft: &mut Draft, chance: &mut Chance) {
    let what = Ailment::Failing { percent: 100.0, with: FailureKind::KeyRejected };
    let home = draft.home();
    draft.ill(LEAD_IN, chance.between(MINUTE, 10 * MINUTE), home, what);
}

fn everyone(draft: &mut Draft, chance: &mut Chance) {
    // An answer came in each case: this machine's network is not to blame.
    let with = chance.one_of(&[FailureKind::ServerError, FailureKind::Overloaded]);
    let what = Ailment::Failing { percent: 100.0, with };
    draft.ill(LEAD_IN, chance.between(5 * MINUTE, 20 * MINUTE), Whom::Everyone, what);
}

fn rate_limits(draft: &mut Draft, chance: &mut Chance) {
    let retry_after_ms = chance.percent(80.0).then(|| chance.between(5, 120) * SECOND);
    let what = Ailment::Limited { percent: chance.within(70.0, 100.0), retry_after_ms };
    let home = draft.home();
    draft.ill(LEAD_IN, chance.between(5 * MINUTE, 40 * MINUTE), home, what);
}

fn poisoning(draft: &mut Draft, chance: &mut Chance) {
    let what = Ailment::Creeping { factor: chance.within(2.0, 8.0), percent: chance.within(20.0, 80.0) };
    let home = draft.home();
    draft.ill(LEAD_IN, chance.between(40 * MINUTE, 90 * MINUTE), home, what);
}

fn half_healed(draft: &mut Draft, chance: &mut Chance) {
    let home = draft.home();
    let first = chance.between(15 * MINUTE, 35 * MINUTE);
    draft.out(LEAD_IN, first, home, chance);
    let again = LEAD_IN + first + chance.between(31 * MINUTE, 48 * MINUTE);
    draft.out(again, chance.between(2 * MINUTE, 25 * MINUTE), home, chance);
}

fn cuts(draft: &mut Draft, chance: &mut Chance, times: u64, least_ms: u64, cut: Cut) {
    let mut at = LEAD_IN;
    for _ in 0..times {
        let length = chance.between(least_ms, 15 * MINUTE);
        draft.script.cuts.push((Span::new(at, length), cut));
        at += length + chance.between(2 * MINUTE, 10 * MINUTE);
    }
}

fn offline(draft: &mut Draft, chance: &mut Chance) {
    let times = chance.between(2, 5);
    cuts(draft, chance, times, 20 * SECOND, Cut::Offline);
}

fn no_names(draft: &mut Draft, chance: &mut Chance) {
    cuts(draft, chance, 1, 30 * SECOND, Cut::NoNames);
}

fn portal(draft: &mut Draft, chance: &mut Chance) {
    cuts(draft, chance, 1, 30 * SECOND, Cut::Portal);
}

fn sleep(draft: &mut Draft, chance: &mut Chance) {
    let mut at = LEAD_IN;
    for _ in 0..chance.between(1, 3) {
        let length = chance.one_of(&[20 * SECOND, 5 * MINUTE, HOUR, 6 * HOUR]);
        draft.script.sleeps.push(Span::new(at, length));
        let back = chance.between(0, 20) * SECOND;
        if back > 0 {
            draft.script.cuts.push((Span::new(at + length, back), Cut::Offline));
        }
        at += length + back + chance.between(5 * MINUTE, 20 * MINUTE);
    }
}

/// Every number is at its default here as well: the `slow` triggers fire, since answers do take longer than
/// `triggers.p95Ms`, and lower weights. No circuit may open for it, no traffic leave and no request fail.
fn slow_models(draft: &mut Draft, _: &mut Chance) {
    draft.script.pace = Pace::REASONING;
}

fn slow_hang(draft: &mut Draft, chance: &mut Chance) {
    draft.script.pace = Pace::REASONING;
    let home = draft.home();
    let what = Ailment::Failing { percent: 100.0, with: FailureKind::FirstByteTimeout };
    draft.ill(LEAD_IN, chance.between(12 * MINUTE, HOUR), home, what);
}

fn mixed(draft: &mut Draft, chance: &mut Chance) {
    const ANY_WORLD: [fn(&mut Draft, &mut Chance); 12] = [
        blip,
        hiccup,
        brownout,
        slowdown,
        flap,
        total,
        rate_limits,
        poisoning,
        half_healed,
        offline,
        no_names,
        sleep,
    ];
    for _ in 0..chance.between(2, 4) {
        let before = (draft.script.ills.len(), draft.script.cuts.len(), draft.script.sleeps.len());
        chance.one_of(&ANY_WORLD)(draft, chance);
        let later = chance.between(0, 40) * MINUTE;
        let put_off = |span: &mut Span| *span = Span::new(span.from_ms + later, span.length_ms());
        draft.script.ills[before.0..].iter_mut().for_each(|ill| put_off(&mut ill.span));
        draft.script.cuts[before.1..].iter_mut().for_each(|(span, _)| put_off(span));
        draft.script.sleeps[before.2..].iter_mut().for_each(put_off);
    }
}
