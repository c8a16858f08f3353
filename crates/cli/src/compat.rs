//! Compatibility checks: the matrix of what routes can do, and checking them.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use switchyard_domain::compat::{CompatCase, CompatOutcome, CompatRow, CompatRun};
use switchyard_domain::{Problem, Usd};

use crate::command::{Place, Shown};
use crate::output::{json, line, moment, note, table};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").args(["route", "all"]))]
pub(crate) struct CompatAsk {
    /// The route to check, as `switchyard status` names it.
    route: Option<String>,
    /// Check every route of the running map.
    #[arg(long)]
    all: bool,
    /// Only this case; may be given several times. The others are taken over from the check before.
    #[arg(long = "case", value_name = "NAME", value_parser = case, requires = "target")]
    cases: Vec<CompatCase>,
    /// Send the requests, whatever they cost. Routes that cost nothing need no --yes.
    #[arg(long, requires = "target")]
    yes: bool,
    #[command(flatten)]
    shown: Shown,
}

fn case(name: &str) -> Result<CompatCase, String> {
    CompatCase::parse(name)
        .ok_or_else(|| format!("cases are {}", CompatCase::ALL.map(CompatCase::as_str).join(", ")))
}

pub(crate) async fn run(place: &Place, ask: CompatAsk) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let routes: Vec<String> = match &ask.route {
        Some(route) => vec![route.clone()],
        None if ask.all => {
            router.compat_matrix().await?.into_iter().map(|row| row.route.to_string()).collect()
        }
        None => return show(&router.compat_matrix().await?, ask.shown),
    };
    let mut runs = Vec::with_capacity(routes.len());
    let mut unasked = 0;
    for route in &routes {
        let preview = router.preview_compat(route, &ask.cases).await?;
        note(&preview.sentence);
        if ask.yes || preview.cost_nano_usd == Some(Usd::ZERO) {
            match router.run_compat(route, ask.cases.clone()).await {
                Ok(run) => runs.push(run),
                // The others are checked all the same.
                Err(problem) if ask.all && problem.code == "conflict_not_asked" => {
                    note(&problem.message);
                    unasked += 1;
                }
                Err(problem) => return Err(problem),
            }
        }
    }
    let left = routes.len() - runs.len() - unasked;
    if runs.is_empty() && unasked == 0 && left > 0 {
        return Err(Problem::new("not_confirmed", "Nothing was sent. Add --yes to send these requests."));
    }
    if left > 0 {
        note(format!("{left} routes that cost money were left out. Add --yes to check them too."));
    }
    if ask.shown.json {
        match runs.as_slice() {
            [only] if !ask.all => json(only),
            all => json(&all),
        }
    } else {
        for (index, run) in runs.iter().enumerate() {
            if index > 0 {
                line("");
            }
            describe(run);
        }
    }
    Ok(verdict(left == 0 && unasked == 0 && runs.iter().all(|run| run.passed)))
}

fn verdict(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One run, a case in each line.
fn describe(run: &CompatRun) {
    line(format!("{} {}", run.route, if run.passed { "passes." } else { "does not pass." }));
    let rows: Vec<_> = run
        .cases
        .iter()
        .map(|result| {
            [
                result.case.words().to_owned(),
                signed(result.outcome),
                format!("{} ms", result.duration_ms),
                if result.at_ms < run.at_ms {
                    format!("{} (checked {})", result.sentence, moment(result.at_ms))
                } else {
                    result.sentence.clone()
                },
            ]
        })
        .collect();
    table(["case", "outcome", "took", "what was seen"], &rows, "No case was tried.");
    let missing: Vec<&str> = CompatCase::ALL
        .into_iter()
        .filter(|case| run.cases.iter().all(|result| result.case != *case))
        .map(CompatCase::words)
        .collect();
    if !missing.is_empty() {
        line(format!("Not tried: {}.", missing.join(", ")));
    }
    for drift in &run.drift {
        line(format!(
            "Changed since the last check: {} is {}, was {}.",
            drift.case.words(),
            drift.after.as_str(),
            drift.before.as_str()
        ));
    }
}

/// A sign and its word: neither colour nor shape alone.
fn signed(outcome: CompatOutcome) -> String {
    let sign = match outcome {
        CompatOutcome::Passed => '✓',
        CompatOutcome::Unsupported | CompatOutcome::Skipped => '–',
        CompatOutcome::Failed => '✗',
    };
    format!("{sign} {}", outcome.as_str())
}

/// What is known of every route, a route in each line.
fn show(rows: &[CompatRow], shown: Shown) -> Result<ExitCode, Problem> {
    if shown.json {
        json(&rows);
    } else {
        let lines: Vec<_> = rows.iter().map(matrix_line).collect();
        table(HEADING, &lines, "No routes yet: apply a map.");
    }
    Ok(verdict(rows.iter().all(|row| row.latest.as_ref().is_some_and(|run| run.passed))))
}

const HEADING: [&str; 12] = [
    "route", "plain", "stream", "tools", "parallel", "schema", "vision", "long", "error", "cancel",
    "verdict", "checked",
];

fn matrix_line(row: &CompatRow) -> [String; 12] {
    let of = |case| {
        let results = row.latest.iter().flat_map(|run| &run.cases);
        results.filter(|result| result.case == case).map(|result| signed(result.outcome)).next()
    };
    let [plain, stream, tools, parallel, schema, vision, long, error, cancel] =
        CompatCase::ALL.map(|case| of(case).unwrap_or_else(|| "? unknown".to_owned()));
    let verdict = match &row.latest {
        None => "never checked",
        Some(run) if run.passed => "passes",
        Some(_) => "does not pass",
    };
    let verdict = if row.gated { format!("{verdict}, gated") } else { verdict.to_owned() };
    let checked = row.latest.as_ref().map_or_else(|| "-".to_owned(), |run| moment(run.at_ms));
    [
        row.route.to_string(),
        plain,
        stream,
        tools,
        parallel,
        schema,
        vision,
        long,
        error,
        cancel,
        verdict,
        checked,
    ]
}

#[cfg(test)]
mod tests {
    use switchyard_domain::RouteId;
    use switchyard_domain::compat::CompatResult;

    use super::*;

    #[test]
    fn a_line_of_the_matrix_says_in_words_what_is_known() {
        let result = CompatResult {
            case: CompatCase::Vision,
            outcome: CompatOutcome::Unsupported,
            sentence: String::new(),
            at_ms: 0,
            duration_ms: 0,
            input_tokens: 0,
            output_tokens: 0,
        };
        let run = CompatRun::new(RouteId::from("a/b"), "t".to_owned(), 0, 0, &[result], None);
        let row = CompatRow {
            route: RouteId::from("a/b"),
            gated: true,
            lacks: Vec::new(),
            context_window: None,
            latest: Some(run),
        };
        let cells = matrix_line(&row);
        assert_eq!((cells[6].as_str(), cells[1].as_str()), ("– unsupported", "? unknown"));
        assert_eq!(cells[10], "does not pass, gated");
        let never = matrix_line(&CompatRow { latest: None, gated: false, ..row });
        assert_eq!((never[10].as_str(), never[11].as_str()), ("never checked", "-"));
    }
}
