//! What a move of a job to another route would change.

use std::process::ExitCode;

use clap::Args;
use switchyard_control::SwitchCostQuery;
use switchyard_domain::switch_cost::SwitchSide;
use switchyard_domain::{Feature, Problem, Usd};

use crate::command::{Place, Shown};
use crate::output::{json, line, or_dash, table};

#[derive(Debug, Args)]
pub(crate) struct MoveAsk {
    /// The route that would answer.
    #[arg(long, value_name = "ROUTE")]
    to: String,
    /// The job that moves; requests that name none when absent.
    #[arg(long)]
    job: Option<String>,
    /// The route it moves from; the one that answers now when absent.
    #[arg(long, value_name = "ROUTE")]
    from: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn run(place: &Place, ask: MoveAsk) -> Result<ExitCode, Problem> {
    let query = SwitchCostQuery { to: ask.to, job: ask.job, from: ask.from };
    let cost = place.router()?.switch_cost(&query).await?;
    if ask.shown.json {
        json(&cost);
        return Ok(ExitCode::SUCCESS);
    }
    line(format!("{} from {} to {}", cost.job, cost.from.route, cost.to.route));
    let rows: Vec<[String; 3]> =
        ROWS.iter().map(|(name, say)| [(*name).to_owned(), say(&cost.from), say(&cost.to)]).collect();
    table(["", "now", "after"], &rows, "");
    line("");
    cost.sentences.iter().for_each(line);
    Ok(ExitCode::SUCCESS)
}

type Say = fn(&SwitchSide) -> String;

const ROWS: [(&str, Say); 7] = [
    ("a request", |side| or_dash(side.request_nano_usd)),
    ("input, million", |side| rate(side, |rates| rates.input_nano_usd)),
    ("cached, million", |side| rate(side, |rates| rates.cached_input_nano_usd)),
    ("output, million", |side| rate(side, |rates| rates.output_nano_usd)),
    ("context window", |side| or_dash(side.context_window)),
    ("dialect", |side| side.dialect.to_string()),
    ("lacks", |side| {
        let names: Vec<&str> = side.lacks.iter().map(|feature| Feature::as_str(*feature)).collect();
        or_dash((!names.is_empty()).then(|| names.join(", ")))
    }),
];

fn rate(side: &SwitchSide, of: impl Fn(&switchyard_domain::switch_cost::Rates) -> Usd) -> String {
    or_dash(side.rates.as_ref().map(of))
}
