//! What may be spent, and what is.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use switchyard_domain::api::{Money, ResumeMoney, RoutePrice, SpendBy, SpendRow};
use switchyard_domain::budget::{BudgetView, Standing};
use switchyard_domain::{CostBasis, Problem, Usd};

use crate::command::{Place, Shown};
use crate::output::{document, json, line, moment, note, table};

/// What to do about budgets.
#[derive(Debug, Args)]
pub(crate) struct BudgetArgs {
    #[command(subcommand)]
    command: Option<BudgetCommand>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum BudgetCommand {
    /// Where a provider's budget alert is to be posted, with the secret in it
    #[command(after_help = "Example: switchyard budget webhook")]
    Webhook,
    /// What was spent, told apart by provider, model, route, job, client, kind or day
    #[command(after_help = "Example: switchyard budget spend --by client --days 7")]
    Spend(SpendArgs),
    /// Let work go on that a budget, a provider's alert or a runaway app holds; a person's own pause stays
    #[command(after_help = "Example: switchyard budget resume client/crawler --over 5")]
    Resume(ResumeArgs),
}

#[derive(Debug, Args)]
struct SpendArgs {
    /// provider, model, route, job, client, kind or day
    #[arg(long, default_value = "provider", value_parser = by)]
    by: SpendBy,
    /// Of the last so many days
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=400))]
    days: u32,
    /// As comma-separated values, for a spreadsheet
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    shown: Shown,
}

fn by(name: &str) -> Result<SpendBy, String> {
    SpendBy::ALL.into_iter().find(|by| by.as_str() == name).ok_or_else(|| {
        let names = SpendBy::ALL.map(SpendBy::as_str).join(", ");
        format!("spending is told apart by {names}")
    })
}

#[derive(Debug, Args)]
struct ResumeArgs {
    /// One scope alone: total, provider/anthropic, client/crawler or job/summaries
    scope: Option<String>,
    /// Added to the cap of what is spent, for this day or month, US dollars
    #[arg(long, value_name = "USD")]
    over: Option<String>,
    /// Why, for the audit log
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn run(place: &Place, args: BudgetArgs) -> Result<ExitCode, Problem> {
    match args.command {
        None => stands(place, args.shown).await,
        Some(BudgetCommand::Webhook) => webhook(place).await,
        Some(BudgetCommand::Spend(args)) => spent(place, args).await,
        Some(BudgetCommand::Resume(resume)) => go_on(place, resume).await,
    }
}

async fn stands(place: &Place, shown: Shown) -> Result<ExitCode, Problem> {
    let money = place.router()?.money().await?;
    if shown.json {
        json(&money);
    } else {
        describe(&money);
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(money: &Money) {
    let rows = money.budgets.iter().map(row).collect::<Vec<_>>();
    let heading = ["BUDGET", "SPENT", "OF", "USED", "HELD", "BEGINS ANEW", "STANDS"];
    table(heading, &rows, "Nothing is capped. Set a cap with `switchyard map set budget.monthUsd=100`.");
    for pause in &money.pauses {
        line(format!("Paused   {}: {} (since {})", pause.cause, pause.reason, moment(pause.since_ms)));
    }
}

fn row(budget: &BudgetView) -> [String; 7] {
    let amount = |amount: u64| amount_of(budget, amount);
    let stands = match budget.standing {
        Standing::Open => "open",
        Standing::Marked => "at its mark: new work pauses",
        Standing::Reached => "reached",
    };
    [
        budget.id.to_string(),
        amount(budget.spent.saturating_add(budget.unsettled)),
        amount(budget.cap),
        format!("{} %", budget.percent),
        amount(budget.reserved),
        moment(budget.resets_at_ms),
        stands.to_owned(),
    ]
}

fn amount_of(budget: &BudgetView, amount: u64) -> String {
    if budget.measure.is_usd() {
        Usd::from_nanos(i64::try_from(amount).unwrap_or(i64::MAX)).to_string()
    } else {
        format!("{amount} tokens")
    }
}

/// What each route's calls cost.
pub(crate) async fn prices(place: &Place, shown: Shown) -> Result<ExitCode, Problem> {
    let prices = place.router()?.prices().await?;
    if shown.json {
        json(&prices);
        return Ok(ExitCode::SUCCESS);
    }
    let cells = |price: &RoutePrice| {
        let rates = &price.rates;
        let [input, output, cached] =
            [rates.input_nano_usd, rates.output_nano_usd, rates.cached_input_nano_usd];
        let known = if price.basis == CostBasis::Usage { "known" } else { price.basis.as_str() };
        [
            price.route.to_string(),
            input.to_string(),
            output.to_string(),
            cached.to_string(),
            known.to_owned(),
            price.source.clone(),
        ]
    };
    let rows: Vec<[String; 6]> = prices.iter().map(cells).collect();
    let heading = ["route", "prompt", "answer", "cached", "price", "source"];
    table(heading, &rows, "No map is applied yet.");
    for price in prices.iter().filter(|price| price.fix.is_some()) {
        let fix = price.fix.as_deref().unwrap_or_default();
        note(format!("Nobody knows what {} costs. Write its price in the map: {fix}", price.route));
    }
    Ok(ExitCode::SUCCESS)
}

async fn webhook(place: &Place) -> Result<ExitCode, Problem> {
    line(place.router()?.alerts_address().await?.url);
    note(
        "Whoever knows this address can pause new work. Post {\"provider\": \"anthropic\", \"percentUsed\": 85} to it, or point a push subscription of a Google Cloud budget at it.",
    );
    Ok(ExitCode::SUCCESS)
}

async fn spent(place: &Place, args: SpendArgs) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let since_ms = Timestamp::now().as_millisecond() - i64::from(args.days) * 24 * 60 * 60 * 1_000;
    let spend = router.spend(args.by, Some(since_ms), None).await?;
    if args.shown.json {
        json(&spend);
        return Ok(ExitCode::SUCCESS);
    }
    if args.csv {
        let mut text = format!(
            "{},usd,estimated_usd,assumed_usd,tries,input_tokens,cached_tokens,output_tokens\n",
            args.by.as_str()
        );
        for row in &spend.rows {
            let name = row.name.replace('"', "\"\"");
            let [cost, estimated, assumed] =
                [row.cost_nano_usd, row.estimated_nano_usd, row.assumed_nano_usd].map(Usd::decimal);
            let SpendRow { attempts, input_tokens, cached_tokens, output_tokens, .. } = row;
            text += &format!(
                "\"{name}\",{cost},{estimated},{assumed},{attempts},{input_tokens},{cached_tokens},{output_tokens}\n"
            );
        }
        document(&text);
        return Ok(ExitCode::SUCCESS);
    }
    let cells = |row: &SpendRow| {
        let part = |amount: Usd| if amount == Usd::ZERO { String::new() } else { amount.to_string() };
        [
            row.name.clone(),
            row.cost_nano_usd.to_string(),
            row.attempts.to_string(),
            row.input_tokens.to_string(),
            row.output_tokens.to_string(),
            part(row.estimated_nano_usd),
            part(row.assumed_nano_usd),
        ]
    };
    let rows: Vec<[String; 7]> = spend.rows.iter().map(cells).collect();
    let heading =
        [args.by.as_str(), "cost", "tries", "prompt tokens", "answer tokens", "estimated", "assumed price"];
    table(heading, &rows, "Nothing was spent.");
    Ok(ExitCode::SUCCESS)
}

async fn go_on(place: &Place, args: ResumeArgs) -> Result<ExitCode, Problem> {
    let over_nano_usd = args.over.as_deref().map(dollars).transpose()?;
    let resume = ResumeMoney { scope: args.scope, over_nano_usd, reason: args.reason };
    let resumed = place.router()?.resume_money(&resume).await?;
    if args.shown.json {
        json(&resumed);
        return Ok(ExitCode::SUCCESS);
    }
    for id in &resumed.opened {
        line(format!("{id} is open until its cap."));
    }
    for id in &resumed.still_reached {
        line(format!("{id} is spent: let more be spent with --over USD, or raise its cap in the map."));
    }
    if resumed.opened.is_empty() && resumed.still_reached.is_empty() && resumed.lifted.is_empty() {
        line("Money holds nothing.");
    }
    Ok(ExitCode::SUCCESS)
}

/// An amount of dollars as a person writes it.
fn dollars(text: &str) -> Result<Usd, Problem> {
    let amount = text.parse::<f64>().ok().filter(|amount| *amount > 0.0).and_then(Usd::from_dollars);
    amount.ok_or_else(|| {
        Problem::new(
            "usage",
            format!(
                "--over: {text:?} is no amount of US dollars. Write a number above 0, such as 5 or 2.50."
            ),
        )
    })
}
