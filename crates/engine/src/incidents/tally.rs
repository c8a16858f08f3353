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

/// What counts for an incident, and from when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// The provider's routes.
    pub(super) routes: &'a [RouteId],
    /// The first bad attempt, UTC epoch milliseconds.
    pub(super) began_at_ms: i64,
    /// When the trigger's condition was first true, UTC epoch milliseconds.
    pub(super) condition_at_ms: i64,
    /// When traffic was told to move, UTC epoch milliseconds.
    pub(super) decided_at_ms: Option<i64>,
    /// Calls after the failover that are held against the baseline.
    pub(super) validated: usize,
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
    /// The first request that went elsewhere once the condition was true, UTC epoch milliseconds.
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
    answer_ms: Vec<u32>,
    /// Since when callers go without an answer, UTC epoch milliseconds.
    unanswered_since_ms: Option<i64>,
    longest_ms: u64,
    is_begun: bool,
}

impl Tally {
    /// Adds a row of the log. `slo_ms` is its job's.
    pub(super) fn add(&mut self, row: &CourseRow, frame: Frame<'_>, slo_ms: u64) {
        let is_answer = match row.outcome {
            Outcome::Answered => true,
            Outcome::Queued | Outcome::Failed | Outcome::Broken => false,
            // The caller's own doing, or a pause: no sign of how the provider fares.
            Outcome::Refused | Outcome::Aborted => return,
        };
        if row.end_ms < frame.began_at_ms {
            return;
        }
        if !self.is_begun {
            self.is_begun = true;
            self.unanswered_since_ms = Some(frame.began_at_ms);
        }
        self.requests += 1;
        self.stretch(row, is_answer);
        if self.after.len() < frame.validated
            && frame.decided_at_ms.is_some_and(|decided| row.at_ms >= decided)
        {
            self.after.push((is_answer, row.answer_ms));
        }
        let is_elsewhere = row.route.as_ref().is_some_and(|route| !frame.routes.contains(route));
        if !is_answer || row.hurt || (row.degraded && is_elsewhere) {
            self.touched(row, frame, is_elsewhere, slo_ms);
        }
    }

    fn stretch(&mut self, row: &CourseRow, is_answer: bool) {
        if !is_answer {
            self.unanswered_since_ms.get_or_insert(row.at_ms);
        } else if let Some(since) = self.unanswered_since_ms.take() {
            self.longest_ms = self.longest_ms.max(span(since, row.end_ms));
        }
    }

    fn touched(&mut self, row: &CourseRow, frame: Frame<'_>, is_elsewhere: bool, slo_ms: u64) {
        let client = self
            .clients
            .entry(row.client.clone())
            .or_insert_with(|| ClientImpact { client: row.client.clone(), ..ClientImpact::default() });
        client.requests += 1;
        match row.outcome {
            Outcome::Answered => {
                self.kept += 1;
                client.kept += 1;
                client.slowest_ms = client.slowest_ms.max(row.answer_ms);
                client.late += u64::from(u64::from(row.answer_ms) > slo_ms);
                if self.answer_ms.len() < KEPT_TIMES {
                    self.answer_ms.push(row.answer_ms);
                }
            }
            Outcome::Queued => {
                self.queued += 1;
                client.queued += 1;
            }
            Outcome::Failed | Outcome::Broken => {
                self.failed += 1;
                client.failed += 1;
                // Only a fault of the router itself ends so: every other failure tells its caller why.
                self.lost += u64::from(row.outcome == Outcome::Failed && row.status == 500);
            }
            Outcome::Refused | Outcome::Aborted => {}
        }
        let rerouted = row.elsewhere_at_ms.filter(|at| *at >= frame.condition_at_ms);
        self.rerouted_at_ms = earlier(self.rerouted_at_ms, rerouted);
        let decided = frame.decided_at_ms.is_some_and(|decided| row.end_ms >= decided);
        // Whom the provider itself still answers does not wait for the other side.
        let waits = decided && (row.outcome != Outcome::Answered || is_elsewhere);
        self.asked_at_ms = earlier(self.asked_at_ms, waits.then_some(row.at_ms));
        if row.outcome == Outcome::Answered && is_elsewhere {
            self.answered_elsewhere_at_ms =
                earlier(self.answered_elsewhere_at_ms, decided.then_some(row.end_ms));
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
            hurt: false,
            elsewhere_at_ms: None,
            tokens: None,
        }
    }

    fn tally(rows: &[CourseRow]) -> Tally {
        let routes = [RouteId::from("a/x")];
        let frame = Frame {
            routes: &routes,
            began_at_ms: 1_000,
            condition_at_ms: 2_000,
            decided_at_ms: Some(2_000),
            validated: 100,
        };
        let mut tally = Tally::default();
        rows.iter().for_each(|row| tally.add(row, frame, 500));
        tally
    }

    #[test]
    fn only_what_the_incident_touched_counts_as_kept_or_queued() {
        let hurt = |mut row: CourseRow| {
            row.hurt = true;
            row.elsewhere_at_ms = Some(row.at_ms + 40);
            row
        };
        let tally = tally(&[
            row(500, 100, Outcome::Answered, "b/y"),
            hurt(row(990, 600, Outcome::Answered, "b/y")),
            row(1_200, 10, Outcome::Answered, "a/x"),
            row(1_900, 10, Outcome::Refused, "b/y"),
            hurt(row(1_990, 100, Outcome::Answered, "b/y")),
            CourseRow { client: "n8n".into(), ..row(2_100, 9, Outcome::Queued, "b/y") },
            row(2_200, 9, Outcome::Broken, "b/y"),
            CourseRow { status: 500, ..row(2_300, 9, Outcome::Failed, "b/y") },
            row(2_400, 9, Outcome::Aborted, "b/y"),
        ]);
        assert_eq!((tally.requests, tally.kept, tally.queued, tally.failed, tally.lost), (6, 2, 1, 2, 1));
        assert_eq!(tally.rerouted_at_ms, Some(2_030), "moves before the condition was true are retries");
        assert_eq!(tally.answered_elsewhere_at_ms, Some(2_090));
        assert_eq!(tally.asked_at_ms, Some(1_990), "it waited when the decision was made");
        let clients = tally.clients();
        assert_eq!((clients[0].client.as_str(), clients[0].requests, clients[0].late), ("editor", 4, 1));
        assert_eq!((clients[0].slowest_ms, clients[1].queued), (600, 1));
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
