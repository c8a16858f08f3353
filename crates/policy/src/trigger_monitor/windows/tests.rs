//! The windows against a list of everything that happened.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
struct Happened {
    at_ms: u64,
    call: Call,
    slow: bool,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        (0_u32..100_000).prop_map(|ms| Call {
            failed: false,
            server_error: false,
            rate_limited: false,
            took_ms: Some(ms),
            shut: false,
        }),
        (any::<bool>(), any::<bool>()).prop_map(|(server_error, rate_limited)| Call {
            failed: true,
            server_error,
            rate_limited,
            took_ms: None,
            shut: false
        }),
    ]
}

/// What a list says of everything since a moment.
fn listed(all: &[Happened], from_ms: u64) -> (Counts, Vec<u32>) {
    let (mut counts, mut times) = (Counts::default(), Vec::new());
    for one in all.iter().filter(|one| one.at_ms >= from_ms) {
        counts.add(&Counts {
            calls: 1,
            failed: u64::from(one.call.failed),
            server_errors: u64::from(one.call.server_error),
            rate_limited: u64::from(one.call.rate_limited),
            slow: u64::from(one.slow),
        });
        times.extend(one.call.took_ms);
    }
    times.sort_unstable();
    (counts, times)
}

const SPANS: [Spans; 3] = [
    Spans { window_ms: 300_000, cell_ms: 10_000, longest_ms: 1_800_000, long_cell_ms: 30_000 },
    Spans { window_ms: 1_000, cell_ms: 100, longest_ms: 1_000, long_cell_ms: 100 },
    Spans { window_ms: 7_000, cell_ms: 233, longest_ms: 100_001, long_cell_ms: 1_666 },
];

proptest! {
    #[test]
    fn windows_say_what_a_list_of_all_calls_says(
        which in 0..SPANS.len(),
        happened in prop::collection::vec((0_u64..40_000, call(), any::<bool>()), 1..200),
        parts in prop::collection::vec(1_u64..=100, 1..6),
    ) {
        let spans = SPANS[which];
        let (mut windows, mut list) = (Windows::new(spans), Vec::new());
        let mut now = Now { mono_ms: 5_000_000, wall_ms: 0 };
        for (pause_ms, call, slow) in happened {
            // Busy seconds, quiet minutes.
            now = now.plus_ms(if pause_ms % 3 == 0 { pause_ms } else { pause_ms % 50 });
            windows.record(&call, slow, now);
            list.push(Happened { at_ms: now.mono_ms, call, slow });
        }
        for part in parts {
            let span_ms = spans.longest_ms * part / 100;
            let cell_ms = if span_ms > spans.window_ms { spans.long_cell_ms } else { spans.cell_ms };
            let from_ms = (now.mono_ms - span_ms) / cell_ms * cell_ms;
            prop_assert!(now.mono_ms - span_ms - from_ms < cell_ms, "at most a cell more than asked");
            let (counts, times) = listed(&list, from_ms);
            prop_assert_eq!(windows.counts(span_ms, now), counts);
            let exact = (!times.is_empty()).then(|| times[(times.len() * 95).div_ceil(100).max(1) - 1]);
            let found = windows.p95(span_ms, now);
            prop_assert_eq!(found.is_some(), exact.is_some());
            if let (Some(found), Some(exact)) = (found, exact) {
                prop_assert!(found.abs_diff(exact) <= exact / 8 + 1, "{found} for {exact}");
            }
        }
    }

    #[test]
    fn every_time_has_a_bin_that_holds_it(ms in any::<u32>()) {
        let (low, width) = range_of(bin_of(ms));
        let inside = (low..low + width).contains(&u64::from(ms));
        prop_assert!(inside || bin_of(ms) == BINS - 1 && u64::from(ms) >= low);
    }
}

#[test]
fn windows_take_no_more_room_for_more_calls() {
    let mut windows = Windows::new(SPANS[0]);
    let cells =
        |windows: &Windows| windows.fine.cells.len() + windows.long.as_ref().map_or(0, |r| r.cells.len());
    let before = cells(&windows);
    let good =
        Call { failed: false, server_error: false, rate_limited: false, took_ms: Some(20), shut: false };
    for at in 0..100_000 {
        windows.record(&good, false, Now { mono_ms: at * 50, wall_ms: 0 });
    }
    assert_eq!(cells(&windows), before);
    assert!(before * std::mem::size_of::<Cell>() < 100_000, "some 60 KB a route");
}
