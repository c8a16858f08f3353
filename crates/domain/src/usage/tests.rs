use super::*;

fn billed(reported: &ReportedUsage) -> BilledUsage {
    reported.billed().unwrap()
}

#[test]
fn each_dialects_overlaps_are_taken_apart() {
    let chat = ReportedUsage {
        input: Some(1_000),
        cache_read: Some(600),
        cache_write: Some(100),
        input_audio: Some(50),
        output: Some(200),
        reasoning: Some(120),
        output_audio: Some(30),
        total: Some(1_200),
        ..ReportedUsage::default()
    };
    assert_eq!(
        billed(&chat),
        BilledUsage {
            input: 250,
            input_audio: 50,
            cache_read: 600,
            cache_write_5m: 100,
            output: 50,
            reasoning: 120,
            output_audio: 30,
            ..BilledUsage::default()
        }
    );
    let messages = ReportedUsage {
        input: Some(10),
        cache_is_apart: true,
        cache_read: Some(5_000),
        cache_write: Some(700),
        cache_write_1h: Some(500),
        output: Some(42),
        web_searches: Some(2),
        tier: ServiceTier::Batch,
        geography: Geography::Regional,
        ..ReportedUsage::default()
    };
    assert_eq!(
        billed(&messages),
        BilledUsage {
            input: 10,
            cache_read: 5_000,
            cache_write_5m: 200,
            cache_write_1h: 500,
            output: 42,
            web_searches: 2,
            tier: ServiceTier::Batch,
            geography: Geography::Regional,
            ..BilledUsage::default()
        }
    );
    assert_eq!(billed(&messages).input_tokens(), 5_710);
}

#[test]
fn a_total_above_prompt_and_answer_is_answer() {
    let thoughts_in_the_total_alone =
        ReportedUsage { input: Some(10), output: Some(5), total: Some(115), ..ReportedUsage::default() };
    assert_eq!(billed(&thoughts_in_the_total_alone).output_tokens(), 105);

    let xai = ReportedUsage {
        input: Some(32),
        output: Some(9),
        reasoning: Some(300),
        total: Some(341),
        ..ReportedUsage::default()
    };
    let billed_xai = billed(&xai);
    assert_eq!((billed_xai.output, billed_xai.reasoning, billed_xai.odd_usage), (9, 300, false));
    let without_total = billed(&ReportedUsage { total: None, ..xai.clone() });
    assert_eq!((without_total.output, without_total.reasoning, without_total.odd_usage), (9, 300, true));
    let said = billed(&ReportedUsage { total: None, reasoning_is_apart: true, ..xai });
    assert_eq!((said.output, said.reasoning, said.odd_usage), (9, 300, false));

    let less = ReportedUsage { input: Some(10), output: Some(5), total: Some(0), ..ReportedUsage::default() };
    assert_eq!(billed(&less).output_tokens(), 5);
}

#[test]
fn zero_is_said_and_nothing_is_not() {
    assert_eq!(ReportedUsage::default().billed(), None);
    let zero = ReportedUsage { input: Some(0), output: Some(0), ..ReportedUsage::default() };
    assert_eq!(zero.billed(), Some(BilledUsage::default()));
    let free = ReportedUsage { cost_usd: Some(0.0), ..ReportedUsage::default() };
    assert_eq!(billed(&free).stated_cost, Some(Usd::ZERO));
}

#[test]
fn nonsense_is_marked_and_costs_rather_more() {
    let plain = ReportedUsage { input: Some(100), output: Some(10), ..ReportedUsage::default() };
    let cases = [
        ("negative", ReportedUsage { output: Some(-5), ..plain.clone() }, 100, 0),
        ("too many", ReportedUsage { output: Some(i64::MAX), ..plain.clone() }, 100, MOST),
        ("more cached than there is", ReportedUsage { cache_read: Some(400), ..plain.clone() }, 400, 10),
        ("more written than there is", ReportedUsage { cache_write: Some(400), ..plain.clone() }, 400, 10),
        ("more audio than prompt", ReportedUsage { input_audio: Some(150), ..plain.clone() }, 150, 10),
        ("more reasoning than answer", ReportedUsage { reasoning: Some(30), ..plain.clone() }, 100, 40),
        ("more audio than answer", ReportedUsage { output_audio: Some(30), ..plain.clone() }, 100, 30),
    ];
    for (name, reported, input, output) in cases {
        let billed = billed(&reported);
        assert!(billed.odd_usage, "{name}");
        assert_eq!((billed.input_tokens(), billed.output_tokens()), (input, output), "{name}");
    }
    assert!(!billed(&plain).odd_usage);
    for cost in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
        let billed = billed(&ReportedUsage { cost_usd: Some(cost), ..plain.clone() });
        assert_eq!((billed.stated_cost, billed.odd_usage), (None, true), "{cost}");
    }
}

const MOST: u64 = 100_000_000;

#[test]
fn audio_that_does_not_fit_into_what_is_fresh_was_cached() {
    let overlapping = ReportedUsage {
        input: Some(100),
        cache_read: Some(90),
        input_audio: Some(50),
        ..ReportedUsage::default()
    };
    let billed = billed(&overlapping);
    assert_eq!((billed.input, billed.input_audio), (0, 10));
    assert_eq!((billed.cache_read, billed.cache_read_audio, billed.odd_usage), (50, 40, false));
}

#[test]
fn sums_saturate_and_half_a_bill_is_none() {
    let most = BilledUsage { input: u64::MAX, output: 3, ..BilledUsage::default() };
    assert_eq!((most.plus(&most).input, most.plus(&most).output), (u64::MAX, 6));

    let stated = BilledUsage { stated_cost: Some(Usd::from_nanos(5)), output: 1, ..BilledUsage::default() };
    assert_eq!(stated.plus(&stated).stated_cost, Some(Usd::from_nanos(10)));
    assert_eq!(stated.plus(&most).stated_cost, None);
    for sum in [stated.plus(&BilledUsage::default()), BilledUsage::default().plus(&stated)] {
        assert_eq!(sum, stated);
    }
    let flex = BilledUsage { tier: ServiceTier::Flex, odd_usage: true, output: 1, ..BilledUsage::default() };
    let sum = most.plus(&flex);
    assert_eq!((sum.tier, sum.odd_usage), (ServiceTier::Flex, true));
}

#[test]
fn tiers_are_read_as_answers_name_them() {
    for (name, tier) in [
        ("default", Some(ServiceTier::Standard)),
        ("standard", Some(ServiceTier::Standard)),
        ("ON_DEMAND_PRIORITY", Some(ServiceTier::Priority)),
        ("flex", Some(ServiceTier::Flex)),
        ("batch", Some(ServiceTier::Batch)),
        ("fast", Some(ServiceTier::Fast)),
        ("tomorrow", None),
    ] {
        assert_eq!(ServiceTier::named(name), tier, "{name}");
    }
    for (index, tier) in ServiceTier::ALL.into_iter().enumerate() {
        assert_eq!(tier.index(), index);
    }
}

mod every_report {
    use proptest::prelude::*;

    use super::*;

    fn count() -> impl Strategy<Value = Option<i64>> {
        prop_oneof![2 => Just(None), 6 => (0_i64..2_000).prop_map(Some), 1 => any::<i64>().prop_map(Some)]
    }

    proptest! {
        /// Nothing that was reported goes missing: the bill has at least every count that was said.
        #[test]
        fn is_billed_in_full(
            counts in proptest::collection::vec(count(), 13),
            cache_is_apart in any::<bool>(),
            reasoning_is_apart in any::<bool>(),
        ) {
            let reported = ReportedUsage {
                input: counts[0],
                cache_is_apart,
                cache_read: counts[1],
                cache_write: counts[2],
                cache_write_1h: counts[3],
                input_audio: counts[4],
                input_image: counts[5],
                input_video: counts[6],
                cache_read_audio: counts[7],
                cache_read_image: counts[8],
                output: counts[9],
                reasoning: counts[10],
                reasoning_is_apart,
                output_audio: counts[11],
                total: counts[12],
                ..ReportedUsage::default()
            };
            let Some(billed) = reported.billed() else { return Ok(()) };
            let said = |count: Option<i64>| u64::try_from(count.unwrap_or(0)).unwrap_or(0).min(MOST);
            prop_assert!(billed.input_tokens() >= said(reported.input));
            prop_assert!(billed.input_tokens() >= said(reported.cache_read) + said(reported.cache_write));
            prop_assert!(billed.input_tokens() >= said(reported.input_audio));
            prop_assert!(billed.output_tokens() >= said(reported.output).max(said(reported.reasoning)));
            prop_assert!(billed.input_tokens() + billed.output_tokens() >= said(reported.total));
            prop_assert!(billed.cache_write_1h == said(reported.cache_write_1h));
            if !billed.odd_usage && !cache_is_apart && reported.input.is_some() {
                prop_assert_eq!(billed.input_tokens(), said(reported.input));
            }
        }
    }
}
