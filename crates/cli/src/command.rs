//! The commands and what they take.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use switchyard_control::{ControlClient, default_data_dir};
use switchyard_domain::Problem;

use crate::audit::AuditAsk;
use crate::budget::BudgetArgs;
use crate::causes::{CausesAsk, ErrorsAsk};
use crate::clients::ClientCommand;
use crate::compat::CompatAsk;
use crate::credentials::CredentialCommand;
use crate::incidents::{IncidentCommand, NoticeAsk};
use crate::map::MapCommand;
use crate::network::NetworkAsk;
use crate::overrides::{AiCommand, BreakerCommand, KillAsk, OverrideCommand, UnkillAsk};
use crate::queue::QueueCommand;
use crate::requests::{Asked, TestAsk};
use crate::serve::Serve;
use crate::shifts;
use crate::sim::SimCommand;
use crate::steer::RouteCommand;
use crate::switch_cost::MoveAsk;
use crate::triggers::Score;
use crate::typed::words;

/// Keeps your LLM calls moving: a local router that goes Hot, Warm, Cold while a provider fails.
#[derive(Debug, Parser)]
#[command(name = "switchyard", version, arg_required_else_help = true)]
#[command(after_help = "Example: switchyard serve --demo-if-empty
Then point any OpenAI or Anthropic client at http://127.0.0.1:4310 with the key of `switchyard client key`.")]
pub(crate) struct Switchyard {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which router is meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// Where the router's data lives; the platform's data directory by default.
    #[arg(long, global = true, env = "SWITCHYARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    /// The data directory.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Problem> {
        self.data_dir.clone().map_or_else(default_data_dir, Ok)
    }

    /// The router that runs there.
    pub(crate) fn router(&self) -> Result<ControlClient, Problem> {
        ControlClient::of(&self.data_dir()?, "cli")
    }
}

/// How it is shown.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Shown {
    /// Print JSON, as the control API gives it.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the router, without a window.
    #[command(after_help = "Example: switchyard serve --port 4310 --map routes.json")]
    Serve(Box<Serve>),
    /// How things stand: the sentence, the tiers, the queue.
    #[command(after_help = "Example: switchyard status --json | jq .status.sentence")]
    Status(Shown),
    /// Whether callers get answers now, in one word, and how each provider is doing; exit code 1 when they don't.
    #[command(after_help = "Example: switchyard health && echo up
ok: requests are answered as the map says, or nothing was asked lately; degraded: they are answered, but not all as it
says. Exit code 1: cold (no route answers), paused, off, offline, unconfigured, or a port of the router is silent.
`switchyard health --json` prints the providers as the runbook's endpoint does.")]
    Health(Shown),
    /// Print a link that opens the window in a browser; it works once, for ten minutes.
    #[command(after_help = "Example: xdg-open \"$(switchyard link)\"")]
    Link,
    /// How this machine's network stands, by a look at it; exit code 1 when it is down.
    #[command(after_help = "Example: switchyard network --json | jq .state")]
    Network(NetworkAsk),
    /// Stop taking new work; running requests finish.
    #[command(after_help = "Example: switchyard pause --reason 'bill too high'")]
    Pause {
        /// Why; callers see it.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
    },
    /// Take new work again that a person's own pause holds; what money holds is `switchyard budget resume`.
    #[command(after_help = "Example: switchyard resume")]
    Resume,
    /// What may be spent, and what is.
    #[command(
        after_help = "Examples: switchyard budget\n          switchyard budget resume client/crawler --over 5"
    )]
    Budget(BudgetArgs),
    /// What each route's calls cost, and what to write in the map where nobody knows it.
    #[command(after_help = "Example: switchyard prices")]
    Prices(Shown),
    /// Take a route out of service, or back in.
    #[command(subcommand, after_help = "Example: switchyard route off anthropic/sonnet-4.6")]
    Route(RouteCommand),
    /// Check, show, apply, compare and restore routing maps.
    #[command(
        subcommand,
        after_help = "Example: switchyard map check routes.json && switchyard map apply routes.json"
    )]
    Map(MapCommand),
    /// Provider keys, in the OS keychain.
    #[command(subcommand, after_help = "Example: switchyard credential set openai < key.txt")]
    Credential(CredentialCommand),
    /// Apps and their local keys.
    #[command(subcommand, after_help = "Example: export OPENAI_API_KEY=$(switchyard client key)")]
    Client(ClientCommand),
    /// The cold queue.
    #[command(subcommand, after_help = "Example: switchyard queue list --state dead")]
    Queue(QueueCommand),
    /// Outages: what they were, how they were handled, and what to do meanwhile.
    #[command(subcommand, after_help = "Example: switchyard incident report 12 > incident-12.md")]
    Incident(IncidentCommand),
    /// Tell those whose apps had a request in a time, over the desktop and webhooks.
    #[command(
        after_help = "Example: switchyard notice --since 1h --message 'We run on a backup; nothing is lost.'
Targets are cold.notify and clients.NAME.notify of the map. Exit code 1 when it arrived nowhere."
    )]
    Notice(NoticeAsk),
    /// The last requests and how they went.
    #[command(after_help = "Example: switchyard requests --limit 20")]
    Requests(Asked),
    /// Follow what happens, until interrupted.
    #[command(after_help = "Example: switchyard events --json | jq .sentence")]
    Events(Shown),
    /// Send one real request through the router, as an app would.
    #[command(after_help = "Example: switchyard test-request --model auto --prompt 'Say hello'")]
    TestRequest(TestAsk),
    /// What each route can do, as its last check found; checks a route when one is named.
    #[command(after_help = "Example: switchyard compat openai/gpt-4o-mini --yes
Without a route it prints what is known and asks nobody. A check sends real requests: where they cost
money it says how many and how much, and sends them with --yes alone. Exit code 1 when a shown route has not passed.")]
    Compat(CompatAsk),
    /// What a move to another route would change: price, context window, abilities.
    #[command(after_help = "Example: switchyard switch-cost --to openai/gpt-4o-mini --job summary")]
    SwitchCost(MoveAsk),
    /// Why requests go where they go: triggers, shifts, overrides, the network; newest reason first.
    #[command(after_help = "Example: switchyard why --json | jq '.why[].sentence'")]
    Why(Shown),
    /// Tell how good a route's answers are; a large drop below the baseline lowers its weight.
    #[command(after_help = "Example: switchyard quality openai/gpt-4o-mini --score 0.78 --baseline 0.92")]
    Quality(Score),
    /// What failed lately, by provider, kind and status, out of the request log.
    #[command(after_help = "Example: switchyard errors --since 30m --json")]
    Errors(ErrorsAsk),
    /// What is likely behind present trouble, with evidence and a fix each.
    #[command(after_help = "Example: switchyard causes
`switchyard causes --fix 1` does what is proposed for the first one; `--json` prints all of it.")]
    Causes(CausesAsk),
    /// Take a route, a model or a provider out of service.
    #[command(
        after_help = "Example: switchyard kill model gpt-4o-mini --reason 'it makes things up' --for 2h"
    )]
    Kill(KillAsk),
    /// Put a route, a model or a provider back in service.
    #[command(after_help = "Example: switchyard unkill model gpt-4o-mini")]
    Unkill(UnkillAsk),
    /// Hold a route's breaker open or closed.
    #[command(
        subcommand,
        after_help = "Example: switchyard breaker open openai/gpt-4o-mini --reason 'answers nonsense' --for 30m"
    )]
    Breaker(BreakerCommand),
    /// Override jobs' models without touching the map.
    #[command(
        subcommand,
        after_help = "Example: switchyard override set summary openai/gpt-4o-mini haiku-4.5"
    )]
    Override(OverrideCommand),
    /// The all-off switch: refuse every request at once, or answer again.
    #[command(subcommand, after_help = "Example: switchyard ai off --reason 'until we know more'")]
    Ai(AiCommand),
    /// What was changed by hand, newest first, and the way back from it.
    #[command(after_help = "Example: switchyard audit --limit 20 --json")]
    Audit(AuditAsk),
    /// Move traffic away from a tier, a provider, a route or a model.
    #[command(
        after_help = "Example: switchyard failover --from anthropic --to openai --mode gradual --reason 'slow since 14:00'
Each step is watched: it is held while unclear and reversed when the new side does worse. It comes home by itself
once the old side has been well for `failback.healthyMs`; `switchyard hold` keeps it where it is.
`switchyard failover --except openai --for 2h` leaves a provider out everywhere; overrides that were there before stay
as they are, and `--clear-except openai` ends it."
    )]
    Failover(shifts::Failover),
    /// Move traffic in small watched steps: 5, 10, 25, 50, 100 %; rolls itself back.
    #[command(
        after_help = "Example: switchyard canary --from anthropic/sonnet-4.6 --to openai/gpt-4o --percent 25"
    )]
    Canary(shifts::Canary),
    /// Bring moved traffic home, in watched steps.
    #[command(after_help = "Example: switchyard failback --reason 'their status page is green'")]
    Failback(shifts::Failback),
    /// Let a shift stand still where it is, or go on.
    #[command(after_help = "Example: switchyard hold --reason 'until Monday' && switchyard hold --off")]
    Hold(shifts::Hold),
    /// The moves of traffic under way, and weights.
    #[command(subcommand, after_help = "Example: switchyard shift list")]
    Shift(shifts::ShiftCommand),
    /// The simulated providers of the demo: break one, heal it, see what is wrong.
    #[command(subcommand, after_help = "Example: switchyard sim break anthropic 500")]
    Sim(SimCommand),
    /// Print the control API's OpenAPI document; needs no running router.
    #[command(after_help = "Example: switchyard openapi > control.json")]
    Openapi,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_sound_and_each_has_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} has no help");
                let example = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(example.contains(&path), "{path} has no example: {example}");
                walk(sub, &path);
            }
        }
        let command = Switchyard::command();
        command.clone().debug_assert();
        walk(&command, "switchyard");
    }

    #[test]
    fn what_people_type_is_understood() {
        let good: &[&[&str]] = &[
            &["serve", "--demo", "--port", "0", "--control-port", "0", "--print-json", "--print-key"],
            &["--data-dir", "/x", "status"],
            &["status", "--json", "--data-dir", "/x"],
            &["map", "check", "-"],
            &["map", "apply", "a.json", "--base", "3", "--reason", "why"],
            &["map", "diff", "3", "routes.json"],
            &["credential", "set", "openai"],
            &["client", "key"],
            &["queue", "list", "--state", "dead"],
            &["route", "off", "anthropic/sonnet-4.6"],
            &["test-request", "--stream"],
            &["network", "--last", "--json"],
            &["compat"],
            &[
                "compat",
                "openai/gpt-4o-mini",
                "--yes",
                "--case",
                "plain",
                "--case",
                "parallel-tools",
                "--json",
            ],
            &["compat", "--all", "--yes"],
            &["kill", "model", "gpt-4o-mini", "--for", "2h30m", "--reason", "why"],
            &["unkill", "provider", "openai", "--json"],
            &["breaker", "open", "openai/gpt-4o-mini", "--reason", "why"],
            &["breaker", "auto", "openai/gpt-4o-mini"],
            &["override", "set", "summary", "haiku-4.5", "openai/gpt-4o-mini"],
            &["override", "apply", "-", "--base", "7"],
            &["failover", "--except", "openai"],
            &["failover", "--clear-except", "openai"],
            &["ai", "off"],
            &["audit"],
            &["audit", "--limit", "3", "--json"],
            &["audit", "rollback", "12", "--reason", "why"],
            &["client", "bounds", "clinic", "--only", "anthropic,openai"],
            &["client", "bounds", "clinic", "--clear"],
            &["client", "prefer", "shop", "openai"],
            &["client", "prefer", "shop", "--clear"],
            &["failover", "--from", "anthropic", "--mode", "canary", "--percent", "25", "--reason", "slow"],
            &["canary", "--from", "hot", "--to", "openai"],
            &["failback"],
            &["failback", "3", "--now"],
            &["hold", "3", "--off"],
            &["shift", "set", "bedrock:50,google:30,meta:20", "--over", "60s"],
            &["why", "--json"],
            &["quality", "a/b", "--score", "0.5", "--baseline", "1", "--json"],
            &["incident", "list", "--since", "7d", "--json"],
            &["incident", "report", "12", "--output", "r.md"],
            &["incident", "external", "add", "openai", "errors", "--at", "2h"],
            &["incident", "emergency", "anthropic"],
            &["notice", "--since", "1h", "--message", "we are on it"],
            &["notice", "--incident", "12", "--message", "we are on it"],
            &["errors", "--since", "30m", "--json"],
            &["causes", "--fix", "1"],
            &["health", "--json"],
            &["map", "set", "breaker.consecutiveFailures=8", "name=", "--reason", "why"],
            &["switch-cost", "--to", "openai/gpt-4o-mini", "--job", "summary", "--from", "a/b", "--json"],
            &["sim", "break", "anthropic", "529"],
            &["sim", "heal"],
            &["sim", "heal", "anthropic"],
            &["sim", "status", "--json"],
        ];
        for arguments in good {
            let line = ["switchyard"].iter().chain(*arguments);
            assert!(Switchyard::try_parse_from(line).is_ok(), "{arguments:?}");
        }
        let bad: &[&[&str]] = &[
            &[],
            &["serve", "--port", "65536"],
            &["serve", "--print-key"],
            &["serve", "--demo", "--map", "a.json"],
            &["credential", "set", "openai", "sk-on-the-command-line"],
            &["queue", "list", "--state", "lost"],
            &["map", "restore"],
            &["map", "set"],
            &["map", "set", "breaker.consecutiveFailures"],
            &["errors", "--since", "yesterday"],
            &["causes", "--fix", "0"],
            &["requests", "--limit", "0"],
            &["requests", "--limit", "many"],
            &["audit", "--limit", "501"],
            &["serve", "--port", "http"],
            &["map", "restore", "newest"],
            &["compat", "openai/gpt-4o-mini", "--case", "telepathy"],
            &["compat", "openai/gpt-4o-mini", "--all"],
            &["compat", "--case", "plain"],
            &["switch-cost"],
            &["kill", "planet", "earth"],
            &["kill", "route", "a/b", "--for", "soon"],
            &["breaker", "open", "a/b"],
            &["override", "set", "summary"],
            &["failover", "--except", "a", "--clear-except", "a"],
            &["client", "bounds", "clinic"],
            &["client", "prefer", "shop"],
            &["audit", "rollback"],
            &["failover"],
            &["failover", "--from", "hot", "--mode", "sudden"],
            &["failover", "--from", "hot", "--percent", "0"],
            &["canary", "--from", "hot"],
            &["shift", "set", "bedrock"],
            &["shift", "set", "bedrock:50", "--over", "soon"],
            &["quality", "a/b", "--score", "high", "--baseline", "1"],
            &["incident", "show"],
            &["sim", "break", "anthropic"],
            &["sim", "break", "anthropic", "sideways"],
            &["notice", "--message", "to whom"],
            &["notice", "--since", "1h", "--incident", "1", "--message", "which"],
        ];
        for arguments in bad {
            let line = ["switchyard"].iter().chain(*arguments);
            let error = Switchyard::try_parse_from(line).expect_err(&format!("{arguments:?}"));
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
            // No word of Rust's, and the way to say it right.
            let said = error.to_string();
            assert!(!said.contains("invalid digit") && !said.contains("u32"), "{said}");
            let (has_bounds, has_limit) = (arguments.contains(&"bounds"), arguments.contains(&"--limit"));
            assert!(!has_bounds || said.contains("--only"), "{said}");
            assert!(!has_limit || said.contains("from 1 to 500"), "{said}");
        }
    }
}
