//! What a route can do decides whether it is asked.

use serde_json::json;
use switchyard_domain::{Dialect, Feature, FeatureSet, Operation};

use super::world::{A, B, C, D, World, four, needs, with};
use crate::{Check, Exclusion, Known, Needs, plan};

/// Why each route is out for a request, or "in".
fn outs(world: &World, needs: &Needs) -> Vec<(String, Option<Exclusion>)> {
    let made = plan(&world.map, &world.map.default_job, &world.fleet, needs, 1, world.now);
    [A, B, C, D]
        .into_iter()
        .map(|id| {
            let ix = world.ix(id);
            let out = made.excluded.iter().find(|excluded| excluded.route == ix).map(|excluded| excluded.why);
            assert_eq!(out.is_none(), made.candidates.iter().any(|c| c.route == ix), "in or out: {id}");
            (id.to_owned(), out)
        })
        .collect()
}

fn out_of(world: &World, needs: &Needs, id: &str) -> Option<Exclusion> {
    outs(world, needs).into_iter().find(|(known, _)| known == id).expect("a route of the map").1
}

fn asking(features: &[Feature]) -> Needs {
    Needs { features: FeatureSet::of(features), ..needs("auto") }
}

#[test]
fn what_is_known_keeps_a_route_out_and_the_map_has_the_last_word() {
    let warm = json!([
        { "provider": "openai", "model": "gpt-4o-mini", "features": { "vision": true } },
        { "provider": "google", "model": "gemini-3-flash", "features": { "tools": false } }
    ]);
    let mut world = World::new(&with(four(), json!({ "warm": warm })));
    let blind = Known { lacks: FeatureSet::of(&[Feature::Vision]), ..Known::default() };
    for id in [B, C] {
        world.fleet.set_known(world.ix(id), blind);
    }
    let seeing = asking(&[Feature::Vision, Feature::Stream]);
    assert_eq!(out_of(&world, &seeing, A), None);
    assert_eq!(out_of(&world, &seeing, B), Some(Exclusion::Lacks(Feature::Vision)));
    assert_eq!(out_of(&world, &seeing, C), None, "the map says that it can");
    assert_eq!(out_of(&world, &asking(&[Feature::Tools]), D), Some(Exclusion::Lacks(Feature::Tools)));
    assert!(outs(&world, &asking(&[])).iter().all(|(_, out)| out.is_none()));
}

#[test]
fn what_no_translation_carries_stays_with_routes_of_the_callers_dialect() {
    let world = World::new(&four());
    let bound = FeatureSet::of(&[Feature::State]);
    let chat = Needs { bound, ..asking(&[Feature::State]) };
    assert_eq!(out_of(&world, &chat, A), Some(Exclusion::Lacks(Feature::State)), "anthropic");
    assert_eq!(out_of(&world, &chat, C), None, "openai");
    let messages = Needs { dialect: Dialect::AnthropicMessages, ..chat };
    assert_eq!(out_of(&world, &messages, A), None);
    assert_eq!(out_of(&world, &messages, C), Some(Exclusion::Lacks(Feature::State)));
}

#[test]
fn a_prompt_goes_only_where_it_fits() {
    let hot = json!([
        { "provider": "anthropic", "model": "sonnet-4.6", "contextWindow": 1000 },
        { "provider": "anthropic", "model": "haiku-4.5" }
    ]);
    let mut world = World::new(&with(four(), json!({ "hot": hot })));
    let wide = Known { context_window: Some(2_000), ..Known::default() };
    for id in [A, B] {
        world.fleet.set_known(world.ix(id), wide);
    }
    let long = |tokens| Needs { tokens, ..needs("auto") };
    assert_eq!(out_of(&world, &long(1_000), A), None);
    assert_eq!(
        out_of(&world, &long(1_001), A),
        Some(Exclusion::WindowTooSmall { window: 1_000 }),
        "the map's word"
    );
    assert_eq!(out_of(&world, &long(2_001), B), Some(Exclusion::WindowTooSmall { window: 2_000 }));
    assert_eq!(out_of(&world, &long(1_000_000), C), None, "of what is not known nothing is held against it");
}

#[test]
fn vectors_come_from_the_model_asked_for_and_from_no_other() {
    let world = World::new(&four());
    let embed = Needs { operation: Operation::Embed, ..needs("gpt-4o-mini") };
    assert_eq!(out_of(&world, &embed, C), None);
    assert_eq!(out_of(&world, &embed, D), Some(Exclusion::OtherModel));
    assert_eq!(out_of(&world, &embed, A), Some(Exclusion::NoOperation(Operation::Embed)));
}

#[test]
fn a_gated_warm_route_waits_for_its_check() {
    let mut world = World::new(&with(four(), json!({ "flags": { "gate_warm_routes": true } })));
    let passed = |check| Known { check, ..Known::default() };
    assert_eq!(out_of(&world, &needs("auto"), A), None, "Hot is not gated");
    assert_eq!(out_of(&world, &needs("auto"), C), Some(Exclusion::NotChecked));
    world.fleet.set_known(world.ix(C), passed(Check::Passed));
    world.fleet.set_known(world.ix(D), passed(Check::Failed));
    assert_eq!(out_of(&world, &needs("auto"), C), None);
    assert_eq!(out_of(&world, &needs("auto"), D), Some(Exclusion::NotChecked));
}

#[test]
fn a_route_whose_stream_broke_off_is_asked_last() {
    let world = World::new(&four());
    let needs = Needs { avoid: vec![world.ix(A)], ..needs("sonnet-4.6") };
    let made = plan(&world.map, &world.map.default_job, &world.fleet, &needs, 1, world.now);
    let order: Vec<_> = made.candidates.iter().map(|c| c.route).collect();
    assert_eq!(order, [world.ix(B), world.ix(C), world.ix(D), world.ix(A)]);
}

#[test]
fn what_a_check_found_missing_is_missing_unless_the_map_says_otherwise() {
    let warm = json!([
        { "provider": "openai", "model": "gpt-4o-mini" },
        { "provider": "google", "model": "gemini-3-flash", "features": { "vision": true } }
    ]);
    let mut world = World::new(&with(four(), json!({ "warm": warm })));
    let blind = Known { lacks: FeatureSet::of(&[Feature::Vision]), ..Known::default() };
    world.fleet.set_known(world.ix(C), blind);
    world.fleet.set_known(world.ix(D), blind);
    assert_eq!(out_of(&world, &asking(&[Feature::Vision]), C), Some(Exclusion::Lacks(Feature::Vision)));
    assert_eq!(out_of(&world, &asking(&[Feature::Vision]), D), None);
}
