//! The compatibility check: which cases there are, how each may end, and what a run of them proves of a route.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::map::Route;
use crate::{Feature, FeatureSet, RouteId, Usd};

/// One thing that is tried on a route, through the whole router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CompatCase {
    /// A short question, answered whole.
    Plain,
    /// The same as a stream.
    Stream,
    /// A tool is called, its result given back, and an answer comes.
    Tools,
    /// Two tool calls in one answer.
    ParallelTools,
    /// An answer that follows a JSON Schema.
    JsonSchema,
    /// An image whose colour is named.
    Vision,
    /// A word in the middle of a long prompt that comes back.
    LongContext,
    /// A faulty request comes back as the caller's fault.
    Error,
    /// A stream that its reader leaves.
    Cancel,
}

impl CompatCase {
    /// Every case, in the order they run.
    pub const ALL: [Self; 9] = [
        Self::Plain,
        Self::Stream,
        Self::Tools,
        Self::ParallelTools,
        Self::JsonSchema,
        Self::Vision,
        Self::LongContext,
        Self::Error,
        Self::Cancel,
    ];

    /// The name used in commands and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::ParallelTools => "parallelTools",
            Self::JsonSchema => "jsonSchema",
            Self::Vision => "vision",
            Self::LongContext => "longContext",
            Self::Error => "error",
            Self::Cancel => "cancel",
        }
    }

    /// The case of a name; `parallel-tools` is as good as `parallelTools`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
        Self::ALL.into_iter().find(|case| plain(case.as_str()) == plain(name))
    }

    /// As people read it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Plain => "plain answer",
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::ParallelTools => "parallel tools",
            Self::JsonSchema => "JSON Schema",
            Self::Vision => "vision",
            Self::LongContext => "long context",
            Self::Error => "error",
            Self::Cancel => "cancel",
        }
    }

    /// What a route lacks that can't do it; nothing where a route is of no use without it.
    #[must_use]
    pub const fn feature(self) -> Option<Feature> {
        match self {
            Self::Stream | Self::Cancel => Some(Feature::Stream),
            Self::Tools => Some(Feature::Tools),
            Self::ParallelTools => Some(Feature::ParallelTools),
            Self::JsonSchema => Some(Feature::JsonSchema),
            Self::Vision => Some(Feature::Vision),
            Self::Plain | Self::LongContext | Self::Error => None,
        }
    }

    /// Requests it makes at most.
    #[must_use]
    pub const fn requests(self) -> u32 {
        match self {
            Self::Plain
            | Self::Stream
            | Self::ParallelTools
            | Self::JsonSchema
            | Self::Vision
            | Self::LongContext => 1,
            Self::Tools | Self::Error | Self::Cancel => 2,
        }
    }
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CompatOutcome {
    /// It works.
    Passed,
    /// The provider refuses the feature, or takes the request and ignores it.
    Unsupported,
    /// It answers wrongly or breaks.
    Failed,
    /// It was not tried: the map or the preset says that the route can't.
    Skipped,
}

impl CompatOutcome {
    /// The word beside its sign.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What one case showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompatResult {
    /// The case.
    pub case: CompatCase,
    /// How it ended.
    pub outcome: CompatOutcome,
    /// What was seen, and where it did not work, what to do.
    pub sentence: String,
    /// When it ended, UTC epoch milliseconds; older than the run's where the run took it over from the one before.
    pub at_ms: i64,
    /// How long it took, milliseconds.
    pub duration_ms: u32,
    /// Prompt tokens it used, where the provider said.
    pub input_tokens: u64,
    /// Answer tokens it used, where the provider said.
    pub output_tokens: u64,
}

/// A case that ends otherwise than it did on the same target before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompatDrift {
    /// The case.
    pub case: CompatCase,
    /// How it ended in the run before.
    pub before: CompatOutcome,
    /// How it ends now.
    pub after: CompatOutcome,
}

/// One run of the check on one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompatRun {
    /// The route.
    pub route: RouteId,
    /// When it began, UTC epoch milliseconds.
    pub at_ms: i64,
    /// How long it took, milliseconds.
    pub duration_ms: u32,
    /// What was checked: endpoint, model and dialect. A run says nothing of another target.
    pub target: String,
    /// Each case, in the order of [`CompatCase::ALL`].
    pub cases: Vec<CompatResult>,
    /// Whether the route may stand in for another.
    pub passed: bool,
    /// What ends otherwise than in the run before on the same target.
    pub drift: Vec<CompatDrift>,
}

impl CompatRun {
    /// A run from the cases that were tried. What was not tried this time is taken over from `before`, the last run
    /// of the same target.
    #[must_use]
    pub fn new(
        route: RouteId,
        target: String,
        at_ms: i64,
        duration_ms: u32,
        tried: &[CompatResult],
        before: Option<&Self>,
    ) -> Self {
        let before = before.filter(|before| before.target == target).map_or(&[][..], |before| &before.cases);
        let of = |results: &[CompatResult], case| {
            results.iter().find(|result: &&CompatResult| result.case == case).cloned()
        };
        let drift = CompatCase::ALL
            .into_iter()
            .filter_map(|case| {
                let (was, is) = (of(before, case)?, of(tried, case)?);
                let moved = was.outcome != is.outcome;
                moved.then_some(CompatDrift { case, before: was.outcome, after: is.outcome })
            })
            .collect();
        let cases: Vec<CompatResult> = CompatCase::ALL
            .into_iter()
            .filter_map(|case| of(tried, case).or_else(|| of(before, case)))
            .collect();
        let passed = passes(&cases);
        Self { route, at_ms, duration_ms, target, cases, passed, drift }
    }

    /// What it proved the route to lack.
    #[must_use]
    pub fn lacks(&self) -> FeatureSet {
        let unsupported = self.cases.iter().filter(|result| result.outcome == CompatOutcome::Unsupported);
        unsupported.filter_map(|result| result.case.feature()).collect()
    }

    /// Whether it still speaks of the route as the map has it now.
    #[must_use]
    pub fn is_of(&self, route: &Route) -> bool {
        self.route == route.id && self.target == target_of(route)
    }
}

/// A plain answer and an error have worked, a stream and its cancelling too unless the map says that the route has
/// none, and nothing was wrong.
fn passes(cases: &[CompatResult]) -> bool {
    let needed = |case: CompatCase, or_skipped: bool| {
        cases.iter().any(|result| {
            result.case == case
                && (result.outcome == CompatOutcome::Passed
                    || or_skipped && result.outcome == CompatOutcome::Skipped)
        })
    };
    needed(CompatCase::Plain, false)
        && needed(CompatCase::Error, false)
        && needed(CompatCase::Stream, true)
        && needed(CompatCase::Cancel, true)
        && cases.iter().all(|result| result.outcome != CompatOutcome::Failed)
}

/// What a check is about: endpoint, model and dialect. Queries and user info of an address stay out of it.
#[must_use]
pub fn target_of(route: &Route) -> String {
    let mut endpoint = route.endpoint.clone();
    endpoint.set_query(None);
    // Refused only by addresses that can't have any, and those have none.
    let _ = endpoint.set_username("");
    let _ = endpoint.set_password(None);
    format!("{} {} {endpoint}", route.dialect, route.upstream_model)
}

/// Which cases to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunCompat {
    /// These; all of them when absent or empty. The others are taken over from the run before.
    #[serde(default)]
    pub cases: Vec<CompatCase>,
}

/// What a run would cost. Nothing is sent to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompatPreview {
    /// The route.
    pub route: RouteId,
    /// The cases that would be tried.
    pub cases: Vec<CompatCase>,
    /// Requests it makes at most.
    pub requests: u32,
    /// Prompt tokens, about.
    pub input_tokens: u64,
    /// Answer tokens, about.
    pub output_tokens: u64,
    /// What it costs, about, in nano-dollars; absent where no price is known.
    pub cost_nano_usd: Option<Usd>,
    /// All of it in a sentence.
    pub sentence: String,
}

/// A route's last check and those before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompatReport {
    /// The last run of the route as it is now; absent when it was never checked so.
    pub latest: Option<CompatRun>,
    /// Every kept run, newest first, also those of an earlier target.
    pub history: Vec<CompatRun>,
}

/// One line of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompatRow {
    /// The route.
    pub route: RouteId,
    /// Whether the map keeps it out until its check passes, and it has not.
    pub gated: bool,
    /// What it can't do, by the map, its preset and its last check.
    pub lacks: Vec<Feature>,
    /// The most tokens of prompt and answer together, where known.
    pub context_window: Option<u64>,
    /// The last run of the route as it is now.
    pub latest: Option<CompatRun>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use CompatOutcome::{Failed, Passed, Skipped, Unsupported};

    fn result(case: CompatCase, outcome: CompatOutcome) -> CompatResult {
        CompatResult {
            case,
            outcome,
            sentence: String::new(),
            at_ms: 1,
            duration_ms: 1,
            input_tokens: 0,
            output_tokens: 0,
        }
    }

    fn run(outcomes: &[(CompatCase, CompatOutcome)], before: Option<&CompatRun>) -> CompatRun {
        let tried: Vec<_> = outcomes.iter().map(|(case, outcome)| result(*case, *outcome)).collect();
        CompatRun::new(RouteId::from("a/b"), "t".to_owned(), 5, 1, &tried, before)
    }

    fn all_but(changes: &[(CompatCase, CompatOutcome)]) -> Vec<(CompatCase, CompatOutcome)> {
        let changed =
            |case| changes.iter().find(|(changed, _)| *changed == case).map(|(_, outcome)| *outcome);
        CompatCase::ALL.map(|case| (case, changed(case).unwrap_or(Passed))).to_vec()
    }

    #[test]
    fn a_route_passes_when_what_everybody_needs_works_and_nothing_is_wrong() {
        let cases: &[(&[(CompatCase, CompatOutcome)], bool)] = &[
            (&[], true),
            (&[(CompatCase::Vision, Unsupported), (CompatCase::Tools, Unsupported)], true),
            (&[(CompatCase::LongContext, Skipped), (CompatCase::Vision, Skipped)], true),
            (&[(CompatCase::Vision, Failed)], false),
            (&[(CompatCase::LongContext, Failed)], false),
            (&[(CompatCase::Plain, Unsupported)], false),
            (&[(CompatCase::Plain, Skipped)], false),
            (&[(CompatCase::Error, Unsupported)], false),
            (&[(CompatCase::Stream, Unsupported)], false),
            (&[(CompatCase::Stream, Skipped), (CompatCase::Cancel, Skipped)], true),
        ];
        for (changes, passed) in cases {
            assert_eq!(run(&all_but(changes), None).passed, *passed, "{changes:?}");
        }
        assert!(!run(&[(CompatCase::Plain, Passed)], None).passed, "one case proves nothing of the others");
    }

    #[test]
    fn what_is_not_tried_again_is_taken_over_and_only_changes_are_drift() {
        let before = run(&all_but(&[(CompatCase::Vision, Unsupported)]), None);
        assert_eq!(before.lacks(), FeatureSet::of(&[Feature::Vision]));
        assert!(before.drift.is_empty(), "the first run has nothing to differ from");
        let after = run(&[(CompatCase::Vision, Passed), (CompatCase::Tools, Passed)], Some(&before));
        assert!(after.passed && after.lacks().is_empty());
        assert_eq!(after.cases.len(), CompatCase::ALL.len());
        let moved = CompatDrift { case: CompatCase::Vision, before: Unsupported, after: Passed };
        assert_eq!(after.drift, [moved]);
        let elsewhere = CompatRun { target: "another".to_owned(), ..before };
        let fresh = run(&[(CompatCase::Vision, Passed)], Some(&elsewhere));
        assert_eq!((fresh.cases.len(), fresh.drift.len()), (1, 0), "another target is no measure");
    }

    #[test]
    fn cases_are_named_as_people_type_them() {
        for case in CompatCase::ALL {
            assert_eq!(CompatCase::parse(case.as_str()), Some(case));
            assert_eq!(serde_json::to_value(case).unwrap(), case.as_str());
        }
        assert_eq!(CompatCase::parse("parallel-tools"), Some(CompatCase::ParallelTools));
        assert_eq!(CompatCase::parse("telepathy"), None);
    }
}
