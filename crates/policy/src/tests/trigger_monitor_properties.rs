//! What no sequence of calls, beats and naps may bring a trigger to.

use proptest::prelude::*;
use serde_json::json;
use switchyard_domain::RouteId;

use super::trigger_monitor::{Post, bad, good};
use super::world::{A, B, C};

/// A step: a pause, then calls of one route.
#[derive(Clone, Debug)]
struct Step {
    seconds: u64,
    slept: bool,
    route: usize,
    calls: u64,
    /// Out of 100 calls, so many fail.
    ill: u64,
}

fn step() -> impl Strategy<Value = Step> {
    (
        0_u64..90,
        prop::bool::weighted(0.05),
        0_usize..3,
        0_u64..12,
        prop_oneof![Just(0_u64), Just(100), 0_u64..100],
    )
        .prop_map(|(seconds, slept, route, calls, ill)| Step { seconds, slept, route, calls, ill })
}

/// Plays the steps; `n`-th calls are spread evenly, so that a share is met without dice.
fn play(post: &mut Post, steps: &[Step], mut seen: impl FnMut(&Post, &str, bool)) {
    let mut n = 0_u64;
    for step in steps {
        if step.slept {
            post.now = post.now.plus_ms(step.seconds * 60_000);
        } else {
            (0..step.seconds).for_each(|_| post.beat());
        }
        for _ in 0..step.calls {
            n += 37;
            let ill = n % 100 < step.ill;
            let route = [A, B, C][step.route];
            post.call(route, &if ill { bad(500) } else { good(100) });
            seen(post, route, ill);
        }
        post.beat();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_always_tell_the_same(steps in prop::collection::vec(step(), 1..80)) {
        let run = || {
            let mut post = Post::new(&json!({}));
            play(&mut post, &steps, |_, _, _| {});
            (post.told, post.reasons, post.watch.fired())
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn fired_and_cleared_take_turns_and_what_is_shown_is_what_was_told(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut post = Post::new(&json!({}));
        play(&mut post, &steps, |_, _, _| {});
        let mut on = std::collections::BTreeSet::new();
        for (at, what, target) in &post.told {
            let (sign, kind) = what.split_at(1);
            let changed = if sign == "+" { on.insert((kind, target)) } else { on.remove(&(kind, target)) };
            prop_assert!(changed, "{at}: {what} {target} twice: {:?}", post.told);
        }
        prop_assert_eq!(post.watch.fired().len(), on.len());
        for (_, target) in &on {
            prop_assert!(
                post.watch.fired().iter().any(|view| {
                    view.route.as_ref().map_or(view.provider.as_str(), RouteId::as_str) == target.as_str()
                }),
                "{target}"
            );
        }
    }

    #[test]
    fn too_few_calls_never_fire_anything(steps in prop::collection::vec(step(), 1..120)) {
        // No more calls in all than one trigger asks for.
        let mut left = 19;
        let few: Vec<Step> = steps
            .into_iter()
            .map(|step| {
                let calls = step.calls.min(left);
                left -= calls;
                Step { calls, ..step }
            })
            .collect();
        let mut post = Post::new(&json!({ "triggers": { "errorSustainedMs": 0, "p95SustainedMs": 0 } }));
        play(&mut post, &few, |_, _, _| {});
        prop_assert_eq!(post.told, vec![]);
    }

    /// Whatever the traffic before, between and after: failures that span less than the trigger's time move nothing.
    #[test]
    fn a_blip_shorter_than_the_trigger_never_makes_traffic_leave(
        before in 0_u64..400,
        blip in 1_u64..600,
        after in 0_u64..900,
        per_second in 1_u64..6,
        every in 1_u64..30,
    ) {
        let mut post = Post::new(&json!({}));
        for second in 0..before + blip + after {
            let ill = (before..before + blip).contains(&second);
            if second % every == 0 {
                for _ in 0..per_second {
                    post.call(C, &if ill { bad(500) } else { good(100) });
                }
            }
            post.beat();
            prop_assert!(post.watch.to_leave().is_empty(), "second {second}");
        }
    }

    /// A share that stands still at either side of the limit fires at most once and never goes to and fro.
    #[test]
    fn a_share_that_stands_still_does_not_flap(one_in in 2_u64..60, every in 1_u64..6, per_beat in 1_u64..8) {
        let mut post = Post::new(&json!({}));
        let mut n = 0_u64;
        for second in (0..3_600_u64).step_by(2) {
            if second % (2 * every) == 0 {
                for _ in 0..per_beat {
                    n += 1;
                    post.call(C, &if n.is_multiple_of(one_in) { bad(500) } else { good(100) });
                }
            }
            post.beat_after(2_000);
        }
        let of = |what: &str| post.told.iter().filter(|told| told.1 == what).count();
        prop_assert!(of("+errors") <= 1, "{:?}", post.told);
        prop_assert!(of("-errors") == 0 || one_in > 3, "{:?}", post.told);
        // A window begins anywhere and is up to a step longer: it holds a bad call more or less than its share.
        let calls = |seconds: u64| per_beat * seconds / (2 * every);
        let (fewest, most) = (calls(300), calls(310) + per_beat);
        let (least_bad, most_bad) = (fewest / one_in, most.div_ceil(one_in));
        let (always, sometimes) = (least_bad * 100 > 5 * most, most_bad * 100 > 5 * fewest);
        let never_well = least_bad * 1_000 >= 25 * most;
        let fired = of("+server_errors");
        prop_assert!(!always || fired == 1, "1 in {} of {}: {:?}", one_in, fewest, &post.told);
        prop_assert!(sometimes || fired == 0, "1 in {} of {}: {:?}", one_in, most, &post.told);
        prop_assert!(!never_well || fired <= 1, "1 in {} of {}: {:?}", one_in, most, &post.told);
    }
}
