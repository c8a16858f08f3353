//! What the request log says of an incident, added up row by row. Each row is read once, however long an incident
//! lasts.

use std::collections::{BTreeMap, HashMap};

use switchyard_domain::RouteId;
use switchyard_domain::incident::ClientImpact;
use switchyard_domain::view::Outcome;
use switchyard_store::CourseRow;

/// Answer times that are kept for the 95th percentile; later ones no longer move it much.
const KEPT_TIMES: usize = 50_000;
/// With fewer answers a percentile says nothing.
const LEAST_ANSWERS: usize = 5;
/// A try's start is its request's arrival by the wall clock and a span by the other one, each in whole milliseconds: it
/// may lie this much before an event of the same moment, milliseconds.
const ROUNDING_MS: i64 = 5;

/// What counts for an incident, and from when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// The provider's routes.
    pub(super) routes: &'a [RouteId],
    /// The jobs that go to one of these routes first while all is well.
    pub(super) jobs: &'a [String],
    /// The first bad attempt, UTC epoch milliseconds.
    pub(super) began_at_ms: i64,
    /// When the incident was opened, UTC epoch milliseconds.
    pub(super) opened_at_ms: i64,
    /// When traffic was told to move, UTC epoch milliseconds.
    pub(super) decided_at_ms: Option<i64>,
    /// Calls after the failover that are held against the baseline.
    pub(super) validated: usize,
}

impl Frame<'_> {
    /// Whether a moment is not before the decision.
    fn is_decided(&self, at_ms: i64) -> bool {
        self.decided_at_ms.is_some_and(|decided| at_ms + ROUNDING_MS >= decided)
    }

    /// When a request was sent elsewhere for the incident's sake. Before the decision, a request that failed at the
    /// provider and then went on is not: the next one goes there again.
    fn rerouted_at(&self, row: &CourseRow) -> Option<i64> {
        let at_ms = row.elsewhere_at_ms?;
        let is_moved = if row.asked {
            self.is_decided(at_ms)
        } else {
            let would_ask = row.degraded || self.jobs.contains(&row.job);
            would_ask && at_ms + ROUNDING_MS >= self.decided_at_ms.unwrap_or(self.opened_at_ms)
        };
        is_moved.then_some(at_ms)
    }
}

/// How a request ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Got {
    /// An answer.
    Answer,
    /// Word that its request is queued, taken as such: 202, or a canned completion.
    Receipt,
    /// An error, whether its request is queued besides or not.
    Error,
}

impl Got {
    /// None for what says nothing of how the provider fares: the caller's own doing, or what this router did by itself.
    fn of(row: &CourseRow) -> Option<Self> {
        if row.from_queue || row.client == crate::core::ids::OWN_CLIENT {
            return None;
        }
        match row.outcome {
            Outcome::Answered => Some(Self::Answer),
            Outcome::Queued if row.status < 400 => Some(Self::Receipt),
            Outcome::Queued | Outcome::Failed | Outcome::Broken => Some(Self::Error),
            Outcome::Refused | Outcome::Aborted => None,
        }
    }
}

/// Prompt, cached and answer tokens, by the answering route and the job.
pub(super) type Elsewhere = HashMap<(RouteId, String), [u64; 3]>;

/// The sums.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) kept: u64,
    pub(super) queued: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    /// The first request that was sent elsewhere for the incident's sake, UTC epoch milliseconds.
    pub(super) rerouted_at_ms: Option<i64>,
    /// When the first caller asked who, after the decision, was answered by the other side or not at all, UTC epoch
    /// milliseconds.
    pub(super) asked_at_ms: Option<i64>,
    /// The first answer of the other side after the decision, UTC epoch milliseconds.
    pub(super) answered_elsewhere_at_ms: Option<i64>,
    /// Tokens of touched requests that another provider answered, by its route and the job.
    pub(super) elsewhere: Elsewhere,
    /// The first calls after the decision: whether each was answered, and its time, milliseconds.
    pub(super) after: Vec<(bool, u32)>,
    clients: BTreeMap<String, ClientImpact>,
    /// When the first touched request of each app had ended, UTC epoch milliseconds.
    touched_ms: BTreeMap<String, i64>,
    answer_ms: Vec<u32>,
    /// Since when callers go without an answer, UTC epoch milliseconds.
    unanswered_since_ms: Option<i64>,
    /// When the last of them asked: the log has a long stream behind requests that came after its first word.
    unanswered_last_ms: i64,
    longest_ms: u64,
    is_begun: bool,
}

impl Tally {
    /// Adds a row of the log. `slo_ms` is its job's.
    pub(super) fn add(&mut self, row: &CourseRow, frame: Frame<'_>, slo_ms: u64) {
        let Some(got) = Got::of(row).filter(|_| row.end_ms >= frame.began_at_ms) else { return };
        if !self.is_begun {
            self.is_begun = true;
            self.unanswered_since_ms = Some(frame.began_at_ms);
        }
        self.requests += 1;
        self.failed += u64::from(got == Got::Error);
        self.stretch(row, got);
        if self.after.len() < frame.validated
            && frame.decided_at_ms.is_some_and(|decided| row.at_ms >= decided)
        {
            self.after.push((got == Got::Answer, row.answer_ms));
        }
        self.rerouted_at_ms = earlier(self.rerouted_at_ms, frame.rerouted_at(row));
        let is_elsewhere = row.route.as_ref().is_some_and(|route| !frame.routes.contains(route));
        if got != Got::Answer || row.hurt || (row.degraded && is_elsewhere) {
            self.touched(row, got, frame, is_elsewhere, slo_ms);
        }
    }

    fn stretch(&mut self, row: &CourseRow, got: Got) {
        if got != Got::Answer {
            self.unanswered_since_ms.get_or_insert(row.at_ms);
            self.unanswered_last_ms = self.unanswered_last_ms.max(row.at_ms);
            return;
        }
        let answered_ms = answered_at(row);
        if let Some(since) = self.unanswered_since_ms.filter(|since| answered_ms >= *since) {
            self.longest_ms = self.longest_ms.max(span(since, answered_ms));
            self.unanswered_since_ms = Some(self.unanswered_last_ms).filter(|last| *last > answered_ms);
        }
    }

    fn touched(&mut self, row: &CourseRow, got: Got, frame: Frame<'_>, is_elsewhere: bool, slo_ms: u64) {
        let client = self
            .clients
            .entry(row.client.clone())
            .or_insert_with(|| ClientImpact { client: row.client.clone(), ..ClientImpact::default() });
        client.requests += 1;
        self.touched_ms
            .entry(row.client.clone())
            .and_modify(|first| *first = (*first).min(row.end_ms))
            .or_insert(row.end_ms);
        match got {
            Got::Answer => {
                self.kept += 1;
                client.kept += 1;
                client.slowest_ms = client.slowest_ms.max(row.answer_ms);
                client.late += u64::from(u64::from(row.answer_ms) > slo_ms);
                if self.answer_ms.len() < KEPT_TIMES {
                    self.answer_ms.push(row.answer_ms);
                }
            }
            Got::Receipt => {
                self.queued += 1;
                client.queued += 1;
            }
            Got::Error => {
                client.failed += 1;
                // Only a fault of the router itself ends so: every other failure tells its caller why.
                self.lost += u64::from(row.outcome == Outcome::Failed && row.status == 500);
            }
        }
        // A stream goes on behind its answer's first word.
        let told_at_ms = if got == Got::Answer { answered_at(row) } else { row.end_ms };
        let is_decided = frame.is_decided(told_at_ms);
        // Whom the provider itself still answers does not wait for the other side.
        let waits = is_decided && (got != Got::Answer || is_elsewhere);
        self.asked_at_ms = earlier(self.asked_at_ms, waits.then_some(row.at_ms));
        if got == Got::Answer && is_elsewhere {
            self.answered_elsewhere_at_ms =
                earlier(self.answered_elsewhere_at_ms, is_decided.then_some(told_at_ms));
            if let (Some(route), Some(tokens)) = (&row.route, row.tokens) {
                let sum = self.elsewhere.entry((route.clone(), row.job.clone())).or_default();
                for (sum, tokens) in sum.iter_mut().zip(tokens) {
                    *sum = sum.saturating_add(tokens);
                }
            }
        }
    }

    /// The apps it touched, the most touched first.
    pub(super) fn clients(&self) -> Vec<ClientImpact> {
        let mut clients: Vec<ClientImpact> = self.clients.values().cloned().collect();
        clients.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.client.cmp(&b.client)));
        clients
    }

    /// The apps it touched, and when the first touched request of each had ended, UTC epoch milliseconds.
    pub(super) const fn touched_ms(&self) -> &BTreeMap<String, i64> {
        &self.touched_ms
    }

    /// The longest stretch in which callers went without an answer, milliseconds; none while they still do, or when
    /// nobody called.
    pub(super) fn restoration_ms(&self) -> Option<u64> {
        (self.is_begun && self.unanswered_since_ms.is_none()).then_some(self.longest_ms)
    }

    /// The 95th percentile of the touched requests' answer times, milliseconds.
    pub(super) fn p95_ms(&self) -> Option<u32> {
        p95(self.answer_ms.clone())
    }
}

/// The 95th percentile of times; none of too few.
pub(super) fn p95(mut times: Vec<u32>) -> Option<u32> {
    if times.len() < LEAST_ANSWERS {
        return None;
    }
    times.sort_unstable();
    times.get((times.len() * 95).div_ceil(100) - 1).copied()
}

/// When a caller had its answer: a stream's first meaningful byte, anything else's end; UTC epoch milliseconds.
fn answered_at(row: &CourseRow) -> i64 {
    row.at_ms + i64::from(row.answer_ms)
}

/// Milliseconds from one moment to a later one; 0 when it is not later.
pub(super) fn span(from_ms: i64, to_ms: i64) -> u64 {
    u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0)
}

fn earlier(known: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (known, other) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (known, other) => known.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at_ms: i64, took_ms: u32, outcome: Outcome, route: &str) -> CourseRow {
        CourseRow {
            seq: at_ms,
            at_ms,
            end_ms: at_ms + i64::from(took_ms),
            answer_ms: took_ms,
            client: "editor".to_owned(),
            job: "default".to_owned(),
            outcome,
            status: if outcome == Outcome::Answered { 200 } else { 503 },
            route: (outcome == Outcome::Answered).then(|| RouteId::from(route)),
            degraded: route != "a/x",
            asked: route == "a/x",
            hurt: false,
            elsewhere_at_ms: (route != "a/x").then_some(at_ms),
            from_queue: false,
            tokens: None,
        }
    }

    fn tally(rows: &[CourseRow]) -> Tally {
        tally_of(rows, Some(2_000))
    }

    /// An incident that began at 1,000 and was opened at 2,000.
    fn tally_of(rows: &[CourseRow], decided_at_ms: Option<i64>) -> Tally {
        let routes = [RouteId::from("a/x")];
        let jobs = ["default".to_owned()];
        let frame = Frame {
            routes: &routes,
            jobs: &jobs,
            began_at_ms: 1_000,
            opened_at_ms: 2_000,
            decided_at_ms,
            validated: 100,
        };
        let mut tally = Tally::default();
        rows.iter().for_each(|row| tally.add(row, frame, 500));
        tally
    }

    /// It failed at the provider first, and went elsewhere so much later.
    fn fell_back(after_ms: i64, row: CourseRow) -> CourseRow {
        CourseRow { asked: true, hurt: true, elsewhere_at_ms: Some(row.at_ms + after_ms), ..row }
    }

    #[test]
    fn only_what_the_incident_touched_counts_as_kept_or_queued() {
        let hurt = |row: CourseRow| fell_back(40, row);
        let tally = tally(&[
            row(500, 100, Outcome::Answered, "b/y"),
            hurt(row(990, 600, Outcome::Answered, "b/y")),
            row(1_200, 10, Outcome::Answered, "a/x"),
            row(1_900, 10, Outcome::Refused, "b/y"),
            hurt(row(1_990, 100, Outcome::Answered, "b/y")),
            CourseRow { client: "n8n".into(), status: 202, ..row(2_100, 9, Outcome::Queued, "b/y") },
            row(2_200, 9, Outcome::Broken, "b/y"),
            CourseRow { status: 500, ..row(2_300, 9, Outcome::Failed, "b/y") },
            row(2_400, 9, Outcome::Aborted, "b/y"),
        ]);
        assert_eq!((tally.requests, tally.kept, tally.queued, tally.failed, tally.lost), (6, 2, 1, 2, 1));
        assert_eq!(tally.rerouted_at_ms, Some(2_030), "before the decision each request goes there first");
        assert_eq!(tally.answered_elsewhere_at_ms, Some(2_090));
        assert_eq!(tally.asked_at_ms, Some(1_990), "it waited when the decision was made");
        let clients = tally.clients();
        assert_eq!((clients[0].client.as_str(), clients[0].requests, clients[0].late), ("editor", 4, 1));
        assert_eq!((clients[0].slowest_ms, clients[1].queued), (600, 1));
    }

    #[test]
    fn a_caller_that_got_an_error_is_no_queued_one_though_its_job_waits() {
        let queued = |at, status| CourseRow { status, ..row(at, 9, Outcome::Queued, "b/y") };
        let tally = tally(&[
            queued(2_000, 202),
            queued(2_100, 503),
            queued(2_200, 503),
            // A canned completion.
            queued(2_300, 200),
        ]);
        assert_eq!((tally.requests, tally.queued, tally.failed, tally.lost), (4, 2, 2, 0));
        let client = &tally.clients()[0];
        assert_eq!((client.requests, client.queued, client.failed), (4, 2, 2));
        assert!(tally.after.iter().all(|(ok, _)| !ok) && tally.restoration_ms().is_none());
    }

    #[test]
    fn what_the_router_asks_by_itself_is_no_callers_request() {
        let checked =
            |row: CourseRow| CourseRow { client: crate::core::ids::OWN_CLIENT.to_owned(), hurt: true, ..row };
        let from_queue = |row: CourseRow| CourseRow { from_queue: true, ..row };
        let tally = tally(&[
            row(2_000, 10, Outcome::Failed, "b/y"),
            checked(row(2_100, 10, Outcome::Failed, "a/x")),
            from_queue(row(2_200, 10, Outcome::Answered, "b/y")),
        ]);
        assert_eq!((tally.requests, tally.failed, tally.kept), (1, 1, 0));
        assert_eq!(tally.restoration_ms(), None, "the caller itself was not answered");
    }

    #[test]
    fn traffic_has_moved_once_requests_are_sent_elsewhere_and_not_when_one_of_them_goes_on() {
        let direct = |at| row(at, 10, Outcome::Answered, "b/y");
        let retried = |at| fell_back(85, row(at, 100, Outcome::Answered, "b/y"));
        let others = |at| CourseRow { degraded: false, job: "vectors".into(), ..direct(at) };
        // Another Hot provider: nothing is degraded, and yet they would have gone here.
        let beside = |at| CourseRow { degraded: false, ..direct(at) };
        for (what, rows, decided, expected) in [
            ("each goes there first", vec![retried(1_000), retried(1_500)], Some(9_000), None),
            ("the one that decides it", vec![retried(1_000), retried(8_915)], Some(9_000), Some(9_000)),
            ("the next one", vec![retried(1_000), direct(9_400)], Some(9_000), Some(9_400)),
            ("a millisecond is rounding", vec![retried(8_914)], Some(9_000), Some(8_999)),
            (
                "a silent one that decides it",
                vec![fell_back(75_000, direct(1_000))],
                Some(76_000),
                Some(76_000),
            ),
            ("it was elsewhere before", vec![direct(1_990), direct(9_400)], Some(9_000), Some(9_400)),
            ("another job's route", vec![others(9_100), direct(9_400)], Some(9_000), Some(9_400)),
            ("a second Hot provider", vec![beside(9_100)], Some(9_000), Some(9_100)),
            ("a lowered weight", vec![retried(2_100), beside(2_200)], None, Some(2_200)),
            (
                "queued ones went nowhere",
                vec![CourseRow { elsewhere_at_ms: None, ..direct(9_100) }],
                Some(9_000),
                None,
            ),
        ] {
            assert_eq!(tally_of(&rows, decided).rerouted_at_ms, expected, "{what}");
        }
    }

    #[test]
    fn a_stream_answers_with_its_first_word_and_not_with_its_last() {
        let stream = |at: i64, first_ms: u32, end_ms: i64| CourseRow {
            end_ms,
            answer_ms: first_ms,
            ..row(at, 0, Outcome::Answered, "b/y")
        };
        let talked = tally(&[stream(2_000, 300, 190_000)]);
        assert_eq!((talked.asked_at_ms, talked.answered_elsewhere_at_ms), (Some(2_000), Some(2_300)));
        assert_eq!(talked.restoration_ms(), Some(1_300));
        // The log has it behind what failed later.
        let later = tally(&[row(50_000, 10, Outcome::Failed, "b/y"), stream(2_000, 300, 190_000)]);
        assert_eq!(later.restoration_ms(), None, "whoever asked behind it still waits");
        let still = tally(&[
            stream(2_000, 300, 9_000),
            row(50_000, 10, Outcome::Failed, "b/y"),
            stream(3_000, 300, 190_000),
        ]);
        assert_eq!(still.restoration_ms(), None, "an answer of before ends no stretch");
    }

    #[test]
    fn whoever_is_served_as_ever_does_not_wait_for_the_failover() {
        let tally = tally(&[
            row(1_500, 600, Outcome::Answered, "a/x"),
            CourseRow { degraded: false, ..row(2_050, 10, Outcome::Answered, "b/y") },
            row(9_000, 40, Outcome::Answered, "b/y"),
        ]);
        assert_eq!((tally.asked_at_ms, tally.answered_elsewhere_at_ms), (Some(9_000), Some(9_040)));
    }

    #[test]
    fn restoration_is_the_longest_stretch_without_an_answer() {
        let answered = |at| row(at, 10, Outcome::Answered, "b/y");
        let queued = |at| row(at, 10, Outcome::Queued, "b/y");
        for (rows, expected) in [
            (vec![], None),
            (vec![answered(1_040)], Some(50)),
            (vec![queued(1_000)], None),
            (vec![answered(1_040), queued(2_000), queued(2_500), answered(3_000)], Some(1_010)),
            (vec![answered(1_040), queued(2_000)], None),
        ] {
            assert_eq!(tally(&rows).restoration_ms(), expected, "{rows:?}");
        }
    }

    #[test]
    fn a_percentile_needs_answers() {
        assert_eq!(p95(vec![1, 2, 3, 4]), None);
        assert_eq!(p95((1..=100).rev().collect()), Some(95));
        assert_eq!(p95(vec![7; 5]), Some(7));
    }
}
