//! What is overridden at run time: kill switches, held breakers, jobs' models, excepted providers, the all-off switch.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use switchyard_control::JobTerms;
use switchyard_domain::operate::{KillScope, Order};
use switchyard_domain::overrides::{BreakerOrder, OrdersAnswer, SetAllOff, SetBreaker, SetExcept, SetKill};
use switchyard_domain::{Problem, RouteId};

use crate::command::{Place, Shown};
use crate::map;
use crate::output::{json, line, moment, note, or_dash, table};
use crate::typed::{for_ms, version, words};

/// What a kill switch takes out of service.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Scope {
    /// One route, by its id.
    Route,
    /// Every route of a model, by its name or an alias.
    Model,
    /// Every route of a provider.
    Provider,
}

impl Scope {
    fn of(self, name: String) -> KillScope {
        match self {
            Self::Route => KillScope::Route(RouteId::from(name)),
            Self::Model => KillScope::Model(name),
            Self::Provider => KillScope::Provider(name),
        }
    }
}

/// Why, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct Why {
    /// Why; everyone who looks sees it.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    /// How long it holds: 90s, 30m, 2h30m, 7d. Until it is taken back when left out.
    #[arg(long = "for", value_name = "SPAN", value_parser = for_ms, allow_hyphen_values = true)]
    for_ms: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct KillAsk {
    /// Of what kind.
    scope: Scope,
    /// Its name.
    name: String,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct UnkillAsk {
    /// Of what kind.
    scope: Scope,
    /// Its name.
    name: String,
    /// Why.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreakerCommand {
    /// Let nothing through.
    #[command(
        after_help = "Example: switchyard breaker open openai/gpt-4o-mini --reason 'answers nonsense' --for 30m"
    )]
    Open(HoldAsk),
    /// Let everything through, whatever fails; failures are still counted and shown.
    #[command(
        after_help = "Example: switchyard breaker close openai/gpt-4o-mini --reason 'the fault was ours'"
    )]
    Close(HoldAsk),
    /// Let the breaker judge by itself again.
    #[command(after_help = "Example: switchyard breaker auto openai/gpt-4o-mini")]
    Auto {
        /// The route, as `switchyard status` names it.
        route: String,
        #[command(flatten)]
        shown: Shown,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct HoldAsk {
    /// The route, as `switchyard status` names it.
    route: String,
    /// Why; everyone who looks sees it.
    #[arg(long, value_parser = words)]
    reason: String,
    /// How long it is held: 90s, 30m, 2h30m. One hour when left out.
    #[arg(long = "for", value_name = "SPAN", value_parser = for_ms, allow_hyphen_values = true)]
    for_ms: Option<u64>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OverrideCommand {
    /// Override a job's models, in order of tries.
    #[command(after_help = "Example: switchyard override set summary openai/gpt-4o-mini haiku-4.5 --for 2h
The first one's provider is Hot, the others are Warm. The job `default` is the map's own order.")]
    Set {
        /// The job.
        job: String,
        /// Route ids or models; a model means all its routes.
        #[arg(required = true)]
        models: Vec<String>,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        shown: Shown,
    },
    /// Let a job go by the map again.
    #[command(after_help = "Example: switchyard override clear summary")]
    Clear {
        /// The job.
        job: String,
        #[command(flatten)]
        shown: Shown,
    },
    /// Everything overridden now: jobs, kill switches, breakers, providers, apps.
    #[command(after_help = "Example: switchyard override list --json")]
    List(Shown),
    /// Override the jobs of a JSON object, job -> ordered models; null takes one back. Other jobs keep what they have.
    #[command(after_help = "Example: switchyard override apply jobs.json --base 7
where jobs.json holds {\"summary\": [\"openai/gpt-4o-mini\", \"haiku-4.5\"], \"chat\": null}")]
    Apply {
        /// The file; `-` is standard input.
        file: String,
        /// The version it was written against (`switchyard override list --json`); refused when it is older.
        #[arg(long, value_name = "VERSION", value_parser = version::<u64>)]
        base: Option<u64>,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        shown: Shown,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AiCommand {
    /// Refuse every request at once; nothing is sent or queued.
    #[command(after_help = "Example: switchyard ai off --reason 'the model says things it must not'")]
    Off {
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        shown: Shown,
    },
    /// Answer requests again.
    #[command(after_help = "Example: switchyard ai on")]
    On {
        /// Why.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
}

/// What came of it: the warnings on standard error, then the sentence or the JSON.
pub(crate) fn answered(answer: &OrdersAnswer, shown: Shown, done: &str, was_so: &str) -> ExitCode {
    for warning in &answer.warnings {
        note(format!("warning: {warning}"));
    }
    if shown.json {
        json(answer);
    } else {
        line(if answer.changed { done } else { was_so });
    }
    ExitCode::SUCCESS
}

/// When an order ends by itself.
fn until(order: Option<&Order>) -> String {
    let at = order.and_then(|order| order.expires_at_ms);
    at.map_or_else(String::new, |at| format!(" until {}", moment(at)))
}

pub(crate) async fn kill(place: &Place, ask: KillAsk) -> Result<ExitCode, Problem> {
    let KillAsk { scope, name, why, shown } = ask;
    let scope = scope.of(name);
    let set = SetKill { scope, on: true, reason: why.reason, for_ms: why.for_ms, base_version: None };
    let answer = place.router()?.set_kill(&set).await?;
    let made = answer.overrides.kills.iter().find(|kill| kill.scope == set.scope);
    let done = format!("{} is out of service{}.", set.scope, until(made.map(|kill| &kill.order)));
    Ok(answered(&answer, shown, &done, "It was so already."))
}

pub(crate) async fn unkill(place: &Place, ask: UnkillAsk) -> Result<ExitCode, Problem> {
    let UnkillAsk { scope, name, reason, shown } = ask;
    let scope = scope.of(name);
    let done = format!("{scope} is back in service.");
    let set = SetKill { scope, on: false, reason, for_ms: None, base_version: None };
    let answer = place.router()?.set_kill(&set).await?;
    Ok(answered(&answer, shown, &done, "It was in service already."))
}

pub(crate) async fn breaker(place: &Place, command: BreakerCommand) -> Result<ExitCode, Problem> {
    let (route, state, reason, for_ms, shown) = match command {
        BreakerCommand::Open(HoldAsk { route, reason, for_ms, shown }) => {
            (route, BreakerOrder::Open, Some(reason), for_ms, shown)
        }
        BreakerCommand::Close(HoldAsk { route, reason, for_ms, shown }) => {
            (route, BreakerOrder::Closed, Some(reason), for_ms, shown)
        }
        BreakerCommand::Auto { route, shown } => (route, BreakerOrder::Auto, None, None, shown),
    };
    let set = SetBreaker { route: RouteId::from(route), state, reason, for_ms, base_version: None };
    let answer = place.router()?.set_breaker(&set).await?;
    let held = answer.overrides.forced.iter().find(|forced| forced.route == set.route);
    let until = until(held.map(|held| &held.order));
    let done = match state {
        BreakerOrder::Open => format!("The breaker of {} is held open{until}.", set.route),
        BreakerOrder::Closed => format!("The breaker of {} is held closed{until}.", set.route),
        BreakerOrder::Auto => format!("The breaker of {} judges by itself again.", set.route),
    };
    Ok(answered(&answer, shown, &done, "It judges by itself already."))
}

pub(crate) async fn overrides(place: &Place, command: OverrideCommand) -> Result<ExitCode, Problem> {
    match command {
        OverrideCommand::Set { job, models, why, shown } => {
            let done = format!("{job} uses {} from the next request on.", models.join(", "));
            let jobs = BTreeMap::from([(job, Some(models))]);
            set_jobs(place, jobs, why, None, shown, &done).await
        }
        OverrideCommand::Clear { job, shown } => {
            let done = format!("{job} goes by the map again.");
            let why = Why { reason: None, for_ms: None };
            set_jobs(place, BTreeMap::from([(job, None)]), why, None, shown, &done).await
        }
        OverrideCommand::Apply { file, base, why, shown } => {
            let text = map::read(&file)?;
            let jobs: BTreeMap<String, Option<Vec<String>>> =
                serde_json::from_str(&text).map_err(|error| {
                    let message = format!(
                        "{file} is not an object of jobs and their models, like {{\"summary\": [\"haiku-4.5\"]}}: {error}.",
                    );
                    Problem::new("invalid_override", message)
                })?;
            let done = format!("Overridden: {}.", jobs.keys().cloned().collect::<Vec<_>>().join(", "));
            set_jobs(place, jobs, why, base, shown, &done).await
        }
        OverrideCommand::List(shown) => list(place, shown).await,
    }
}

async fn set_jobs(
    place: &Place,
    jobs: BTreeMap<String, Option<Vec<String>>>,
    why: Why,
    base_version: Option<u64>,
    shown: Shown,
    done: &str,
) -> Result<ExitCode, Problem> {
    let terms = JobTerms { reason: why.reason, for_ms: why.for_ms, base_version };
    let answer = place.router()?.set_job_overrides(&jobs, &terms).await?;
    Ok(answered(&answer, shown, done, "It was so already."))
}

async fn list(place: &Place, shown: Shown) -> Result<ExitCode, Problem> {
    let overrides = place.router()?.overrides().await?;
    if shown.json {
        json(&overrides);
        return Ok(ExitCode::SUCCESS);
    }
    let row = |what: &str, on: String, order: &Order| {
        [
            what.to_owned(),
            on,
            moment(order.at_ms),
            or_dash(order.expires_at_ms.map(moment)),
            order.actor.clone(),
            or_dash(order.reason.as_ref()),
        ]
    };
    let mut rows = Vec::new();
    rows.extend(overrides.all_off.iter().map(|order| row("all off", "every request".to_owned(), order)));
    rows.extend(overrides.except.iter().map(|except| row("except", except.provider.clone(), &except.order)));
    rows.extend(overrides.kills.iter().map(|kill| row("kill", kill.scope.to_string(), &kill.order)));
    rows.extend(overrides.forced.iter().map(|forced| {
        let how = if forced.open { "breaker open" } else { "breaker closed" };
        row(how, forced.route.to_string(), &forced.order)
    }));
    rows.extend(
        overrides
            .jobs
            .iter()
            .map(|(job, over)| row("job", format!("{job}: {}", over.models.join(", ")), &over.order)),
    );
    rows.extend(overrides.clients.iter().map(|(client, rule)| {
        let only = rule.providers.as_ref().map(|only| format!(" only {}", only.join(", ")));
        let prefer = rule.prefer.as_ref().map(|prefer| format!(" prefers {prefer}"));
        row(
            "client",
            format!("{client}:{}{}", only.unwrap_or_default(), prefer.unwrap_or_default()),
            &rule.order,
        )
    }));
    table(["what", "on", "since", "until", "by", "reason"], &rows, "Nothing is overridden.");
    Ok(ExitCode::SUCCESS)
}

/// Leaves a provider out everywhere, or uses it again.
pub(crate) async fn except(place: &Place, set: SetExcept, shown: Shown) -> Result<ExitCode, Problem> {
    let (out, back) =
        (format!("{} is left out everywhere.", set.provider), format!("{} is used again.", set.provider));
    let answer = place.router()?.set_except(&set).await?;
    Ok(answered(&answer, shown, if set.on { &out } else { &back }, "It was so already."))
}

pub(crate) async fn ai(place: &Place, command: AiCommand) -> Result<ExitCode, Problem> {
    let (on, reason, for_ms, shown) = match command {
        AiCommand::Off { why, shown } => (true, why.reason, why.for_ms, shown),
        AiCommand::On { reason, shown } => (false, reason, None, shown),
    };
    let answer = place.router()?.set_all_off(&SetAllOff { on, reason, for_ms, base_version: None }).await?;
    let (off, back) =
        ("Every request is refused at once. `switchyard ai on` ends it.", "Requests are answered again.");
    Ok(answered(&answer, shown, if on { off } else { back }, "It was so already."))
}
