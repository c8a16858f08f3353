//! Moving traffic by hand: failover, canary, weights, holds, and the way home.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use switchyard_control::{BringHome, ControlClient, HoldShift, ShiftList};
use switchyard_domain::Problem;
use switchyard_domain::map::ShiftMode;
use switchyard_domain::operate::{SetDistribution, ShiftPhase, ShiftView, StartShift};
use switchyard_domain::overrides::SetExcept;

use crate::command::{Place, Shown};
use crate::output::{json, line, moment, or_dash, table};
use crate::overrides;
use crate::typed::{for_ms, number, over_ms, percent, words};

#[derive(Debug, Args)]
pub(crate) struct Failover {
    /// Where traffic is moved from: hot, warm, a provider, a route or a model.
    #[arg(long, value_name = "TARGET", required_unless_present_any = ["except", "clear_except"])]
    from: Option<String>,
    /// Leave this provider out everywhere; other overrides stay as they are.
    #[arg(long, value_name = "PROVIDER", conflicts_with_all = ["clear_except", "from", "to", "mode", "percent"])]
    except: Option<String>,
    /// Use this provider again.
    #[arg(long, value_name = "PROVIDER", conflicts_with_all = ["from", "to", "mode", "percent", "for_ms"])]
    clear_except: Option<String>,
    /// With --except: it lapses by itself after this time.
    #[arg(long = "for", value_name = "SPAN", value_parser = for_ms, allow_hyphen_values = true, conflicts_with = "from")]
    for_ms: Option<u64>,
    /// Where to; every other route by default.
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    /// immediate, gradual (50, 75, 100 % go) or canary (5, 10, 25, 50, 100 % go); the map's `shift.mode` by default.
    #[arg(long, value_parser = mode)]
    mode: Option<ShiftMode>,
    /// How much of it goes, percent.
    #[arg(long, value_parser = percent, allow_hyphen_values = true)]
    percent: Option<u32>,
    /// Why; the audit log and everyone who looks see it.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct Canary {
    /// Where traffic is moved from: hot, warm, a provider, a route or a model.
    #[arg(long, value_name = "TARGET")]
    from: String,
    /// Where to.
    #[arg(long, value_name = "TARGET")]
    to: String,
    /// How much of it goes in the end, percent.
    #[arg(long, value_parser = percent, allow_hyphen_values = true)]
    percent: Option<u32>,
    /// Why.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct Failback {
    /// The shift's number; the only one when absent.
    #[arg(value_parser = number::<u64>)]
    shift: Option<u64>,
    /// All at once, unwatched.
    #[arg(long)]
    now: bool,
    /// Why.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// The shift's number; the only one when absent.
    #[arg(value_parser = number::<u64>)]
    shift: Option<u64>,
    /// Let it go on.
    #[arg(long)]
    off: bool,
    /// Why.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShiftCommand {
    /// The moves under way: where they stand and what they wait for.
    #[command(after_help = "Example: switchyard shift list --json | jq '.shifts[].waitsFor'")]
    List(Shown),
    /// Split traffic by weights, over Hot and Warm together.
    #[command(
        after_help = "Example: switchyard shift set bedrock:50,google:30,meta:20 --over 60s --reason 'price test'"
    )]
    Set {
        /// Providers, routes or models with their weights.
        #[arg(required = true, value_name = "NAME:WEIGHT", value_parser = weights)]
        weights: Vec<Weights>,
        /// How long the change takes; the map's `shift.transitionMs` by default.
        #[arg(long, value_parser = over_ms, value_name = "SPAN")]
        over: Option<u64>,
        /// Why.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
    },
    /// Split traffic as the map says again.
    #[command(after_help = "Example: switchyard shift clear --reason 'test is over'")]
    Clear {
        /// Why.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
    },
}

fn mode(text: &str) -> Result<ShiftMode, String> {
    [ShiftMode::Immediate, ShiftMode::Gradual, ShiftMode::Canary]
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or_else(|| "one of immediate, gradual, canary is expected".to_owned())
}

/// Weights as they were typed.
#[derive(Clone, Debug)]
pub(crate) struct Weights(Vec<(String, u32)>);

/// With a colon or an equals sign, one or several with commas between.
fn weights(text: &str) -> Result<Weights, String> {
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let example = || format!("`{part}` is not NAME:WEIGHT, as in bedrock:50,google:30");
        let (name, weight) = part.rsplit_once([':', '=']).ok_or_else(example)?;
        all.push((name.trim().to_owned(), weight.trim().parse().map_err(|_| example())?));
    }
    if all.is_empty() {
        return Err("name at least one weight, as in bedrock:50,google:30".to_owned());
    }
    Ok(Weights(all))
}

/// All that were typed, each name once.
fn merged(typed: Vec<Weights>) -> Result<BTreeMap<String, u32>, Problem> {
    let mut all = BTreeMap::new();
    for (name, weight) in typed.into_iter().flat_map(|weights| weights.0) {
        if all.contains_key(&name) {
            return Err(Problem::new("invalid_weights", format!("weights: `{name}` is named twice.")));
        }
        all.insert(name, weight);
    }
    Ok(all)
}

pub(crate) async fn failover(place: &Place, ask: Failover) -> Result<ExitCode, Problem> {
    let Failover { from, except, clear_except, for_ms, to, mode, percent, reason, shown } = ask;
    if let Some(from) = from {
        return start(place, StartShift { from, to, mode, percent, reason }, shown).await;
    }
    let on = except.is_some();
    let provider = except.or(clear_except).unwrap_or_default();
    overrides::except(place, SetExcept { provider, on, reason, for_ms, base_version: None }, shown).await
}

pub(crate) async fn canary(place: &Place, ask: Canary) -> Result<ExitCode, Problem> {
    let Canary { from, to, percent, reason, shown } = ask;
    let command = StartShift { from, to: Some(to), mode: Some(ShiftMode::Canary), percent, reason };
    start(place, command, shown).await
}

async fn start(place: &Place, command: StartShift, shown: Shown) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let started = router.start_shift(&command).await?;
    let all = router.shifts().await?.shifts;
    let begun = all.iter().find(|shift| shift.id == started.id);
    match begun {
        Some(begun) if shown.json => json(begun),
        Some(begun) => describe(begun),
        None => line(format!("Shift {} is over already.", started.id)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn failback(place: &Place, ask: Failback) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let shift = meant(&router, ask.shift).await?;
    router.failback(shift.id, &BringHome { now: ask.now, reason: ask.reason }).await?;
    if ask.now {
        line(format!("All traffic is back on {}.", shift.from_words));
    } else {
        line(format!(
            "Traffic comes back to {} in steps. `switchyard shift list` follows it.",
            shift.from_words
        ));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn hold(place: &Place, ask: Hold) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let shift = meant(&router, ask.shift).await?;
    router.hold_shift(shift.id, &HoldShift { held: !ask.off, reason: ask.reason }).await?;
    let (id, from) = (shift.id, &shift.from_words);
    line(if ask.off {
        format!("Shift {id} from {from} goes on.")
    } else {
        format!("Shift {id} from {from} stands still. `switchyard hold {id} --off` lets it go on.")
    });
    Ok(ExitCode::SUCCESS)
}

/// The shift that is meant.
async fn meant(router: &ControlClient, id: Option<u64>) -> Result<ShiftView, Problem> {
    let mut all = router.shifts().await?.shifts;
    let names: Vec<String> =
        all.iter().map(|shift| format!("{} (from {})", shift.id, shift.from_words)).collect();
    let at = match id {
        Some(id) => all.iter().position(|shift| shift.id == id),
        None if all.len() > 1 => {
            let message = format!("Several shifts are under way: {}. Name one.", names.join(", "));
            return Err(Problem::new("conflict_several_shifts", message));
        }
        None => (!all.is_empty()).then_some(0),
    };
    at.map(|at| all.swap_remove(at)).ok_or_else(|| {
        let message = match (id, names.is_empty()) {
            (Some(id), false) => format!("There is no shift {id}. Under way: {}.", names.join(", ")),
            (_, _) => "No traffic is moved: there is no shift.".to_owned(),
        };
        Problem::new("not_found_shift", message)
    })
}

pub(crate) async fn run(place: &Place, command: ShiftCommand) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    match command {
        ShiftCommand::List(shown) => {
            let list = router.shifts().await?;
            if shown.json { json(&list) } else { list_all(&list) }
        }
        ShiftCommand::Set { weights: typed, over, reason } => {
            let weights = merged(typed)?;
            router.distribute(&SetDistribution { weights, transition_ms: over, reason }).await?;
            split(&router.shifts().await?);
        }
        ShiftCommand::Clear { reason } => {
            router.distribute(&SetDistribution { reason, ..SetDistribution::default() }).await?;
            line("Traffic is split as the map says.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list_all(list: &ShiftList) {
    let row = |shift: &ShiftView| {
        [
            shift.id.to_string(),
            shift.from_words.clone(),
            shift.to_words.clone(),
            stands(shift),
            format!("{} %", shift.share_percent),
            moment(shift.started_at_ms),
            or_dash(shift.waits_for.as_ref().or(shift.held.as_ref().map(|held| &held.reason))),
        ]
    };
    let rows: Vec<_> = list.shifts.iter().map(row).collect();
    table(["shift", "from", "to", "stands", "moved", "since", "waits for"], &rows, "No traffic is moved.");
    split(list);
}

fn split(list: &ShiftList) {
    let Some(split) = &list.distribution else { return };
    let rows: Vec<_> = split
        .weights
        .iter()
        .map(|weight| {
            [
                weight.target.to_string(),
                format!("{:.0} %", weight.percent),
                format!("{:.0} %", weight.goal_percent),
            ]
        })
        .collect();
    table(["target", "share", "goal"], &rows, "No weights.");
}

/// Where a shift stands, in words.
pub(crate) fn stands(shift: &ShiftView) -> String {
    let phase = match shift.phase {
        ShiftPhase::Leaving => "leaving",
        ShiftPhase::Away => "away",
        ShiftPhase::Returning => "returning",
        ShiftPhase::Home => "home",
    };
    let held = shift.held.as_ref().map(|held| format!(", held by {}", held.by)).unwrap_or_default();
    format!("{phase}{held}")
}

fn describe(shift: &ShiftView) {
    line(format!(
        "Shift {}: {} % of {}'s traffic goes to {} ({}).",
        shift.id,
        shift.share_percent,
        shift.from_words,
        shift.to_words,
        shift.mode.as_str()
    ));
    if let Some(waits_for) = &shift.waits_for {
        line(waits_for);
    }
}

#[cfg(test)]
mod tests {
    use super::{merged, weights};

    #[test]
    fn weights_are_read_as_people_type_them() {
        let read = |typed: &[&str]| -> Result<_, String> {
            let typed = typed.iter().map(|text| weights(text)).collect::<Result<Vec<_>, _>>()?;
            merged(typed).map_err(|problem| problem.message)
        };
        for typed in [
            &["bedrock:50, route:openai/gpt-4o-mini:30"][..],
            &["bedrock=50", "route:openai/gpt-4o-mini=30"],
            &["bedrock:50,", "route:openai/gpt-4o-mini:30"],
        ] {
            let read = read(typed).unwrap();
            assert_eq!((read.len(), read["bedrock"], read["route:openai/gpt-4o-mini"]), (2, 50, 30));
        }
        for wrong in
            [&[""][..], &["bedrock"], &["bedrock:"], &["bedrock:-1"], &["a:1,a:2"], &[":"], &["a:1", "a=2"]]
        {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
