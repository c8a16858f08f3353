use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use switchyard_domain::map::ShiftMode;
use switchyard_domain::operate::{KillScope, Order, Overrides, SetDistribution, StartShift};
use switchyard_domain::{RouteId, Tier};

use super::world::{A, B, C, D, World, four, needs, with};
use crate::overrides::{change, has_lapsed, roll_back};
use crate::{Change, Command, Exclusion, Inclusion, Needs, Patch, Plan, ShiftCommand, current_tier, plan};

/// The four routes, a job of its own, one that goes by the default's order, and an app with rules.
fn yard() -> World {
    World::new(&with(
        four(),
        json!({
            "jobs": { "summary": {}, "chat": { "hot": [C], "warm": [B] } },
            "clients": {
                "clinic": { "providers": ["anthropic"] },
                "shop": { "prefer": "openai" },
            },
        }),
    ))
}

fn kill(scope: KillScope, on: bool) -> Command {
    Command::Kill { scope, on }
}

fn model(name: &str) -> KillScope {
    KillScope::Model(name.to_owned())
}

fn provider(name: &str) -> KillScope {
    KillScope::Provider(name.to_owned())
}

fn jobs(of: &[(&str, Option<&[&str]>)]) -> Command {
    let owned = |models: &[&str]| models.iter().map(|&name| name.to_owned()).collect();
    Command::Jobs(of.iter().map(|(job, models)| ((*job).to_owned(), models.map(owned))).collect())
}

impl World {
    fn order(&self, for_ms: Option<i64>) -> Order {
        let at_ms = self.now.wall_ms;
        let expires_at_ms = for_ms.map(|ms| at_ms + ms);
        Order { actor: "cli".to_owned(), reason: Some("a test".to_owned()), at_ms, expires_at_ms }
    }

    fn wish_for(&mut self, command: &Command, for_ms: Option<i64>) {
        let order = self.order(for_ms);
        let changed =
            change(self.fleet.overrides(), Some(&self.map), command, &order).expect("a wish that is fit");
        self.fleet.set_overrides(changed.expect("a change").overrides);
    }

    fn command(&mut self, command: &Command) {
        self.wish_for(command, None);
    }

    fn refused(&self, command: &Command) -> (String, String) {
        let problem =
            change(self.fleet.overrides(), Some(&self.map), command, &self.order(None)).expect_err("refused");
        (problem.code, problem.message)
    }

    fn plan_of(&self, job: &str, client: &str) -> Plan {
        let needs = Needs { client: client.to_owned(), ..needs("auto") };
        let job = if job == "default" { &self.map.default_job } else { &self.map.jobs[job] };
        // Other dice at every moment: shares and weights fall out differently.
        let roll = self.now.mono_ms.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        plan(&self.map, job, &self.fleet, &needs, roll, self.now)
    }

    /// The routes a request would try, in order.
    fn tries(&self, job: &str, client: &str) -> Vec<&str> {
        let plan = self.plan_of(job, client);
        plan.candidates.iter().map(|candidate| self.map.route(candidate.route).id.as_str()).collect()
    }

    fn why_out(&self, id: &str) -> Option<Exclusion> {
        let ix = self.ix(id);
        self.plan_of("default", "").excluded.iter().find(|out| out.route == ix).map(|out| out.why)
    }
}

#[test]
fn a_kill_takes_a_route_a_model_or_a_provider_out_until_it_is_reset() {
    let cases = [
        (KillScope::Route(RouteId::from(A)), Exclusion::SwitchedOff, vec![B, C, D]),
        (model("haiku-4.5"), Exclusion::Killed, vec![A, C, D]),
        (provider("anthropic"), Exclusion::Killed, vec![C, D]),
        (provider("gemini"), Exclusion::Killed, vec![A, B, C]),
    ];
    for (scope, why, left) in cases {
        let mut world = yard();
        world.command(&kill(scope.clone(), true));
        assert_eq!(world.tries("default", ""), left, "{scope}");
        let out = [A, B, C, D].into_iter().find(|id| !left.contains(id)).expect("one is out");
        assert_eq!(world.why_out(out), Some(why), "{scope}");
        let shown = world.fleet.view(world.ix(out), world.now);
        assert!(!shown.in_service && !shown.serves, "{scope}");
        world.fleet.remap(&world.map);
        assert_eq!(world.tries("default", ""), left, "{scope}: a new map does not reset it");
        world.command(&kill(scope.clone(), false));
        assert_eq!(world.tries("default", ""), [A, B, C, D], "{scope}");
        let again =
            change(world.fleet.overrides(), Some(&world.map), &kill(scope, false), &world.order(None));
        assert_eq!(again, Ok(None), "it is reset already");
    }
}

#[test]
fn a_model_is_killed_by_any_name_its_route_is_asked_for_by() {
    for name in ["sonnet-4.6", "claude-sonnet", "best", A] {
        let hot = json!([
            { "provider": "anthropic", "model": "sonnet-4.6", "upstreamModel": "claude-sonnet", "aliases": ["best"] },
        ]);
        let mut world = World::new(&with(four(), json!({ "hot": hot })));
        world.command(&kill(model(name), true));
        assert_eq!(
            (world.tries("default", ""), world.why_out(A)),
            (vec![C, D], Some(Exclusion::Killed)),
            "{name}"
        );
        let route = world.map.route(world.ix(A));
        assert_eq!(world.fleet.kill_of(route).map(|kill| &kill.scope), Some(&model(name)), "{name}");
    }
}

#[test]
fn what_the_map_does_not_have_is_refused_with_what_it_has() {
    let world = yard();
    let cases = [
        (kill(KillScope::Route(RouteId::from("a/b")), true), "not_found_route", "openai/gpt-4o-mini"),
        (kill(model("gpt-9"), true), "not_found_model", "haiku-4.5"),
        (kill(provider("acme"), true), "not_found_provider", "anthropic, openai, google"),
        (Command::Except { provider: "acme".to_owned(), on: true }, "not_found_provider", "anthropic"),
        (jobs(&[("sumary", Some(&[A]))]), "not_found_job", "default, chat, summary"),
        (jobs(&[("chat", Some(&["gpt-9"]))]), "not_found_model", "gpt-9"),
        (jobs(&[("chat", Some(&[]))]), "invalid_override", "null"),
        (Command::Breaker { route: RouteId::from("a/b"), open: Some(true) }, "not_found_route", A),
        (Command::Bounds { client: "clinic".to_owned(), only: Some(Vec::new()) }, "invalid_bounds", "only"),
        (
            Command::Prefer { client: "clinic".to_owned(), provider: Some("openai".to_owned()) },
            "invalid_bounds",
            "anthropic",
        ),
    ];
    for (command, code, names) in cases {
        let (told, message) = world.refused(&command);
        assert!(told == code && message.contains(names), "{command:?}: {told} {message}");
    }
    let without = change(&Overrides::default(), None, &kill(model("x"), true), &world.order(None));
    assert_eq!(without.expect_err("no map").code, "no_map");
}

#[test]
fn an_override_is_tried_in_its_own_order_and_only_by_its_jobs() {
    let mut world = yard();
    world.command(&jobs(&[("chat", Some(&["gemini-3-flash", A, "gpt-4o-mini"]))]));
    assert_eq!(world.tries("chat", ""), [D, A, C]);
    let plan = world.plan_of("chat", "");
    let tiers: Vec<_> = plan.candidates.iter().map(|candidate| candidate.tier).collect();
    assert_eq!(tiers, [Tier::Hot, Tier::Warm, Tier::Warm], "the first one's provider is Hot");
    assert!(plan.candidates.iter().all(|candidate| candidate.why == Inclusion::Ordered));
    for job in ["default", "summary"] {
        assert_eq!(world.tries(job, ""), [A, B, C, D], "{job}");
    }
    world.command(&jobs(&[("default", Some(&[C]))]));
    assert_eq!(world.tries("summary", ""), [C], "a job without an order of its own goes by the default's");
    assert_eq!(current_tier(&world.map, &world.fleet, world.now).route, Some(world.ix(C)));
    assert_eq!(world.tries("chat", ""), [D, A, C]);
    world.command(&jobs(&[("chat", None), ("default", None)]));
    assert_eq!(world.tries("chat", ""), [C, B]);
    assert_eq!(world.tries("default", ""), [A, B, C, D]);
}

#[test]
fn an_override_of_what_a_later_map_no_longer_has_is_kept_and_changes_nothing() {
    let mut world = yard();
    world.command(&jobs(&[("chat", Some(&[D]))]));
    let smaller = super::world::map(&json!({
        "hot": [{ "provider": "anthropic", "model": "sonnet-4.6" }], "warm": [],
        "jobs": { "chat": {} },
    }));
    world.fleet.remap(&smaller);
    let line = world.fleet.line(&smaller, &smaller.jobs["chat"]).into_owned();
    assert_eq!(line, smaller.line);
    assert_eq!(world.fleet.overrides_without_effect(&smaller), ["chat"]);
    world.fleet.remap(&world.map);
    world.keys(D, &["google"]);
    assert_eq!(world.tries("chat", ""), [D], "it comes back with the map");
}

#[test]
fn an_excepted_provider_is_left_out_everywhere_and_overrides_stay() {
    let mut world = yard();
    world.command(&jobs(&[("chat", Some(&[A, C]))]));
    world.command(&Command::Except { provider: "anthropic".to_owned(), on: true });
    assert_eq!(world.tries("chat", ""), [C]);
    assert_eq!(world.tries("default", "shop"), [C, D]);
    assert_eq!(world.why_out(A), Some(Exclusion::Excepted));
    assert_eq!(current_tier(&world.map, &world.fleet, world.now).tier, Tier::Warm);
    assert!(world.fleet.cold_jobs(&world.map, world.now).is_empty());
    world.command(&Command::Except { provider: "openai".to_owned(), on: true });
    assert_eq!(world.fleet.cold_jobs(&world.map, world.now), ["chat"]);
    for provider in ["anthropic", "openai"] {
        world.command(&Command::Except { provider: provider.to_owned(), on: false });
    }
    assert_eq!(world.tries("chat", ""), [A, C]);
}

#[test]
fn an_app_stays_inside_its_bounds_and_prefers_its_provider() {
    let mut world = yard();
    assert_eq!(world.tries("default", "clinic"), [A, B]);
    assert_eq!(world.tries("default", "shop"), [C, A, B, D]);
    world.command(&Command::Bounds { client: "shop".to_owned(), only: Some(vec!["gemini".to_owned()]) });
    assert_eq!(world.tries("default", "shop"), [D], "the map's preference is of no use outside its bounds");
    world.command(&Command::Bounds { client: "shop".to_owned(), only: None });
    world.command(&Command::Prefer { client: "shop".to_owned(), provider: Some("google".to_owned()) });
    assert_eq!(world.tries("default", "shop"), [D, A, B, C]);
    world.command(&kill(provider("anthropic"), true));
    let plan = world.plan_of("default", "clinic");
    assert!(plan.candidates.is_empty(), "{plan:?}");
    assert!(plan.excluded.iter().any(|out| out.why == Exclusion::OutOfBounds));
}

#[test]
fn what_was_ordered_for_a_time_ends_by_itself_and_says_so() {
    let mut world = yard();
    world.command(&kill(model("haiku-4.5"), true));
    world.wish_for(&kill(provider("openai"), true), Some(60_000));
    let version = world.fleet.overrides().version;
    world.pass(59_999);
    assert!(world.fleet.tick(&world.map, world.now).is_empty());
    assert_eq!(world.tries("default", ""), [A, D]);
    world.pass(1);
    let told = world.fleet.tick(&world.map, world.now);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(matches!(&told[0], Change::Told(what) if what.sentence().contains("openai")), "{told:?}");
    assert_eq!(world.tries("default", ""), [A, C, D]);
    assert_eq!(world.fleet.overrides().version, version + 1);
    assert!(world.fleet.tick(&world.map, world.now).is_empty());
}

#[test]
fn a_rollback_sets_back_its_own_part_and_refuses_what_changed_since() {
    let mut world = yard();
    let order = world.order(None);
    let none = Overrides::default();
    let first = change(&none, Some(&world.map), &jobs(&[("chat", Some(&[A]))]), &order).unwrap().unwrap();
    let other =
        change(&first.overrides, Some(&world.map), &kill(model("haiku-4.5"), true), &order).unwrap().unwrap();
    let back = roll_back(&other.overrides, &first.before, &first.after, world.now).unwrap();
    assert_eq!((back.overrides.jobs.len(), back.overrides.kills.len()), (0, 1), "the kill is not its own");
    let done = roll_back(&back.overrides, &first.before, &first.after, world.now).unwrap_err();
    assert!(done.message.contains("Nothing to roll back"), "{}", done.message);
    let later =
        change(&other.overrides, Some(&world.map), &jobs(&[("chat", Some(&[B]))]), &order).unwrap().unwrap();
    let conflict = roll_back(&later.overrides, &first.before, &first.after, world.now).unwrap_err();
    assert!(
        conflict.code == "conflict_audit" && conflict.message.contains("job chat"),
        "{}",
        conflict.message
    );
    world.pass(1_000);
    let mut short = order.clone();
    short.expires_at_ms = Some(world.now.wall_ms);
    let lapsed = change(&none, Some(&world.map), &kill(model("haiku-4.5"), true), &short).unwrap().unwrap();
    let reset = change(&lapsed.overrides, Some(&world.map), &kill(model("haiku-4.5"), false), &order)
        .unwrap()
        .unwrap();
    let nothing = roll_back(&reset.overrides, &reset.before, &reset.after, world.now).unwrap_err();
    assert_eq!(nothing.code, "conflict_audit", "what is over by now does not come back");
}

fn wishes() -> impl Strategy<Value = Command> {
    let route = || prop::sample::select(vec![A, B, C, D]);
    let names = || prop::sample::select(vec!["anthropic", "openai", "google"]);
    let scope = prop_oneof![
        route().prop_map(|id| KillScope::Route(RouteId::from(id))),
        prop::sample::select(vec!["sonnet-4.6", "haiku-4.5", "gpt-4o-mini", "gemini-3-flash"])
            .prop_map(model),
        names().prop_map(provider),
    ];
    let models = || option::of(vec(route().prop_map(str::to_owned), 1..4));
    let job = prop::sample::select(vec!["default", "summary", "chat"]).prop_map(str::to_owned);
    let client = || prop::sample::select(vec!["clinic", "shop", "other"]).prop_map(str::to_owned);
    prop_oneof![
        (scope, any::<bool>()).prop_map(|(scope, on)| Command::Kill { scope, on }),
        (route(), any::<Option<bool>>())
            .prop_map(|(id, open)| Command::Breaker { route: RouteId::from(id), open }),
        btree_map(job, models(), 1..3).prop_map(Command::Jobs),
        (names(), any::<bool>()).prop_map(|(name, on)| Command::Except { provider: name.to_owned(), on }),
        (client(), option::of(vec(names().prop_map(str::to_owned), 1..3)))
            .prop_map(|(client, only)| Command::Bounds { client, only }),
        (client(), option::of(names().prop_map(str::to_owned)))
            .prop_map(|(client, provider)| Command::Prefer { client, provider }),
        any::<bool>().prop_map(|on| Command::AllOff { on }),
    ]
}

/// What is done to the line: an order, or a word on shifts and weights.
#[derive(Clone, Debug)]
enum Deed {
    Order(Command, Option<i64>),
    Shift(ShiftCommand),
}

fn moves() -> impl Strategy<Value = ShiftCommand> {
    let targets = ["hot", "warm", "anthropic", "openai", "google", A, B, C, D, "haiku-4.5"];
    let target = || prop::sample::select(targets.to_vec()).prop_map(str::to_owned);
    let mode = prop::sample::select(vec![ShiftMode::Immediate, ShiftMode::Gradual, ShiftMode::Canary]);
    let start = (target(), option::of(target()), mode, 1..=100_u32).prop_map(|(from, to, mode, percent)| {
        StartShift { from, to, mode: Some(mode), percent: Some(percent), reason: None }
    });
    let named = prop::sample::select(targets[2..].to_vec()).prop_map(str::to_owned);
    let weights = btree_map(named, 0..100_u32, 0..4);
    prop_oneof![
        4 => start.prop_map(ShiftCommand::Start),
        1 => any::<bool>().prop_map(|at_once| ShiftCommand::Failback { shift: None, at_once }),
        1 => any::<bool>().prop_map(|held| ShiftCommand::Hold { shift: None, held }),
        3 => (weights, option::of(0..60_000_u64)).prop_map(|(weights, transition_ms)| {
            ShiftCommand::Distribute(SetDistribution { weights, transition_ms, reason: None })
        }),
    ]
}

fn deeds() -> impl Strategy<Value = Deed> {
    prop_oneof![
        2 => (wishes(), option::of(1..50_000_i64)).prop_map(|(command, for_ms)| Deed::Order(command, for_ms)),
        1 => moves().prop_map(Deed::Shift),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is ordered, moved and split, no plan leaves its app's bounds, and nothing ordered out is tried.
    #[test]
    fn no_plan_leaves_its_apps_bounds(steps in vec((deeds(), 0..30_000_u64), 1..40)) {
        let mut world = yard();
        for (deed, pass_ms) in steps {
            match deed {
                Deed::Order(command, for_ms) => {
                    let order = world.order(for_ms);
                    if let Ok(Some(changed)) = change(world.fleet.overrides(), Some(&world.map), &command, &order) {
                        world.fleet.set_overrides(changed.overrides);
                    }
                }
                // A word that makes no sense now is refused, and changes nothing.
                Deed::Shift(command) => {
                    let _ = world.fleet.command_shift(&world.map, command, "cli", None, world.now);
                }
            }
            world.pass(pass_ms);
            world.fleet.tick(&world.map, world.now);
            let overrides = world.fleet.overrides();
            let lapsed = |patch: &Patch| patch.order().is_some_and(|order| has_lapsed(order, world.now));
            prop_assert!(!Patch::all(overrides).iter().any(lapsed));
            for client in ["clinic", "shop", "other"] {
                let bounds = world.fleet.bounds(&world.map, client);
                for job in ["default", "summary", "chat"] {
                    let plan = world.plan_of(job, client);
                    for candidate in &plan.candidates {
                        let route = world.map.route(candidate.route);
                        prop_assert!(bounds.is_none_or(|only| only.contains(&route.provider)));
                        prop_assert!(!overrides.except.iter().any(|except| except.provider == route.provider));
                        let held_open = overrides.forced.iter().any(|held| held.open && held.route == route.id);
                        prop_assert!(!held_open);
                        let killed = overrides.kills.iter().any(|kill| match &kill.scope {
                            KillScope::Route(id) => *id == route.id,
                            KillScope::Model(name) => *name == route.model,
                            KillScope::Provider(name) => *name == route.provider,
                        });
                        prop_assert!(!killed);
                    }
                    let mut seen: Vec<_> = plan.candidates.iter().map(|c| c.route).collect();
                    seen.extend(plan.excluded.iter().map(|out| out.route));
                    let all = seen.len();
                    seen.sort_unstable();
                    seen.dedup();
                    prop_assert_eq!(seen.len(), all, "a route stands in a plan once");
                }
            }
        }
    }

    /// An override changes the order of tries of the jobs it names and of those that go by theirs; no other's.
    #[test]
    fn an_override_touches_only_its_jobs(before in vec(wishes(), 0..10), job in 0..3_usize, models in vec(0..4_usize, 1..4)) {
        let mut world = yard();
        for command in before {
            if let Ok(Some(changed)) = change(world.fleet.overrides(), Some(&world.map), &command, &world.order(None)) {
                world.fleet.set_overrides(changed.overrides);
            }
        }
        let names = ["default", "summary", "chat"];
        let lines = |world: &World| -> BTreeMap<&str, _> {
            let job = |name: &str| if name == "default" { &world.map.default_job } else { &world.map.jobs[name] };
            names.iter().map(|name| (*name, world.fleet.line(&world.map, job(name)).into_owned())).collect()
        };
        let old = lines(&world);
        let models: Vec<&str> = models.into_iter().map(|n| [A, B, C, D][n]).collect();
        let command = jobs(&[(names[job], Some(&models))]);
        if let Some(changed) = change(world.fleet.overrides(), Some(&world.map), &command, &world.order(None)).unwrap() {
            world.fleet.set_overrides(changed.overrides);
        }
        for (name, line) in lines(&world) {
            let follows = names[job] == "default" && name == "summary";
            if name != names[job] && !follows {
                prop_assert_eq!(&line, &old[name], "{} was not named", name);
            }
        }
    }

    /// A change rolled back leaves the document as it was, but for its version.
    #[test]
    fn a_change_and_its_rollback_cancel_out(before in vec(wishes(), 0..12), command in wishes()) {
        let world = yard();
        let mut overrides = Overrides::default();
        for command in before {
            if let Ok(Some(changed)) = change(&overrides, Some(&world.map), &command, &world.order(None)) {
                overrides = changed.overrides;
            }
        }
        let order = Order { reason: Some("another".to_owned()), ..world.order(None) };
        if let Ok(Some(changed)) = change(&overrides, Some(&world.map), &command, &order) {
            prop_assert!(changed.overrides.version > overrides.version);
            let back = roll_back(&changed.overrides, &changed.before, &changed.after, world.now).unwrap();
            prop_assert_eq!(&back.before, &changed.after);
            prop_assert_eq!(Overrides { version: overrides.version, ..back.overrides }, overrides);
            let written = serde_json::to_string(&changed.after).unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<Patch>>(&written).unwrap(), changed.after);
        }
    }
}
