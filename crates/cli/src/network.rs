//! This machine's network: how it stands, and what a look at it found.

use std::process::ExitCode;

use clap::Args;
use switchyard_domain::Problem;
use switchyard_domain::network::NetworkState;

use crate::command::{Place, Shown};
use crate::output::{json, line, moment, or_dash, table};

#[derive(Debug, Args)]
pub(crate) struct NetworkAsk {
    /// Show what was judged last, without another look.
    #[arg(long)]
    last: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn run(place: &Place, ask: NetworkAsk) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let network = if ask.last { router.network().await? } else { router.check_network().await? };
    let code = if network.state.is_down() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if ask.shown.json {
        json(&network);
        return Ok(code);
    }
    if network.state == NetworkState::Unknown {
        line("This machine has not looked at its network yet.");
    } else {
        line(format!("This machine {} since {}.", network.state.words(), moment(network.since_ms)));
    }
    network.sentence.iter().for_each(line);
    line(format!(
        "names from {}, proxy {}, {} waiting",
        network.dns.as_str(),
        or_dash(network.proxy),
        network.held
    ));
    let rows: Vec<[String; 4]> = network
        .checks
        .into_iter()
        .map(|check| {
            let verdict = if check.ok { "ok" } else { "not ok" };
            [check.what, verdict.to_owned(), check.found, format!("{} ms", check.duration_ms)]
        })
        .collect();
    table(
        ["asked", "", "found", "took"],
        &rows,
        "Nothing was asked: no route leaves this machine's network, or the checks are off.",
    );
    Ok(code)
}
