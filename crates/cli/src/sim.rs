//! The simulated providers of the demo: what is wrong with them, breaking them, healing them.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};
use switchyard_control::ControlClient;
use switchyard_domain::Problem;
use switchyard_sim::{Fault, FaultRule};

use crate::command::{Place, Shown};
use crate::output::{json, line, table};

/// How late `slow` answers, milliseconds: above the 3 s at which a trigger finds a route slow, below every limit at
/// which silence counts as death.
const SLOW_MS: u64 = 5_000;
/// What a broken 429 asks for in Retry-After, seconds.
const RETRY_AFTER_S: u64 = 20;
/// Content chunks a `cut` stream sends first.
const CUT_AFTER: u32 = 3;

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Break a simulated provider, from its next request on.
    #[command(after_help = "Example: switchyard sim break anthropic 500
Faults: 500, 503, 529 or any other status from 400 to 599 (429 asks for 20 s of rest); slow: the answer comes 5 s late;
hang: no answer at all; cut: the answer breaks off in the middle; off: nobody listens, connections are refused.
`switchyard sim heal` ends it.")]
    Break {
        /// The provider, as `switchyard sim status` names it.
        provider: String,
        /// What goes wrong: a status from 400 to 599, slow, hang, cut or off.
        #[arg(value_parser = fault)]
        fault: Fault,
    },
    /// Make a simulated provider answer again; all of them without a name.
    #[command(after_help = "Example: switchyard sim heal anthropic")]
    Heal {
        /// The provider; all of them when left out.
        provider: Option<String>,
    },
    /// What is wrong with each simulated provider, and how often it was called.
    #[command(after_help = "Example: switchyard sim status")]
    Status(Shown),
}

/// A fault by its short name.
fn fault(text: &str) -> Result<Fault, String> {
    match text {
        "slow" => return Ok(Fault::SlowFirstToken { ms: SLOW_MS }),
        "hang" => return Ok(Fault::Silence),
        "cut" => return Ok(Fault::CutStream { after_chunks: CUT_AFTER }),
        "off" => return Ok(Fault::Refuse),
        _ => {}
    }
    match text.parse::<u16>() {
        Ok(429) => Ok(Fault::Status { code: 429, retry_after_s: Some(RETRY_AFTER_S), body: None }),
        Ok(code @ 400..=599) => Ok(Fault::status(code)),
        Ok(_) | Err(_) => Err(format!(
            "`{text}` is no fault. Write a status from 400 to 599 (500, 529, 429), slow, hang, cut or off"
        )),
    }
}

/// A fault as `sim break` and people name it.
fn words(rule: &FaultRule) -> String {
    let what = match &rule.fault {
        Fault::Status { code, .. } => format!("answers {code}"),
        Fault::SlowFirstToken { ms } | Fault::SlowHeaders { ms } => format!("answers {ms} ms late"),
        Fault::Silence => "never answers".to_owned(),
        Fault::CutStream { .. } => "breaks off in the middle of its answers".to_owned(),
        Fault::Refuse => "is off: connections are refused".to_owned(),
        other @ (Fault::Reset { .. }
        | Fault::StallStream { .. }
        | Fault::MalformedChunk { .. }
        | Fault::MissingDone
        | Fault::Html { .. }
        | Fault::EmptyBody
        | Fault::InBandError
        | Fault::ErrorEvent { .. }
        | Fault::TruncatedBody
        | Fault::RoleOnlyThenStall
        | Fault::ContentFilter) => other.kind().to_owned(),
    };
    rule.model.as_ref().map_or(what.clone(), |model| format!("{what} ({model} only)"))
}

/// One simulated provider, as far as it is shown.
#[derive(Debug, serde::Deserialize)]
struct Simulated {
    name: String,
    faults: Vec<FaultRule>,
    calls: u64,
}

pub(crate) async fn run(place: &Place, command: SimCommand) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let listed = listed(&router).await?;
    match command {
        SimCommand::Status(Shown { json: true }) => json(&listed),
        SimCommand::Status(Shown { json: false }) => show(&read(listed)?),
        SimCommand::Break { provider, fault } => {
            known(&read(listed)?, &provider)?;
            let rule = FaultRule::from(fault);
            asked(&router, "PUT", &provider, Some(json!({ "fault": rule.fault }))).await?;
            line(format!(
                "{provider} {} from its next request on. `switchyard sim heal {provider}` ends it.",
                words(&rule)
            ));
        }
        SimCommand::Heal { provider } => {
            let all = read(listed)?;
            if let Some(name) = &provider {
                known(&all, name)?;
            }
            for own in all.iter().filter(|own| provider.as_ref().is_none_or(|name| *name == own.name)) {
                asked(&router, "DELETE", &own.name, None).await?;
            }
            let who = provider.unwrap_or_else(|| "Every simulated provider".to_owned());
            line(format!(
                "{who} is well. `switchyard status` says when a route whose circuit is open is tested."
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The simulated providers, where the running map uses them.
async fn listed(router: &ControlClient) -> Result<Value, Problem> {
    let (status, answer) = router.handle("GET", "/v1/sim/providers", None).await?;
    if status == 404 {
        let message = "This router was started without simulated providers (--no-sim). Start one with \
                       `switchyard serve --demo --data-dir DIR`.";
        return Err(Problem::new("no_simulated_providers", message));
    }
    if status != 200 {
        return Err(refused(status, &answer));
    }
    if !router.snapshot().await?.router.demo {
        let message = "The running map has no simulated providers: to break one would change nothing. Start a router \
                       over them with `switchyard serve --demo --data-dir DIR`.";
        return Err(Problem::new("no_simulated_providers", message));
    }
    Ok(answer)
}

fn read(listed: Value) -> Result<Vec<Simulated>, Problem> {
    serde_json::from_value(listed).map_err(|error| {
        let message = format!(
            "The router is of another version: its simulated providers are not understood ({error})."
        );
        Problem::new("version_mismatch", message)
    })
}

fn known(all: &[Simulated], name: &str) -> Result<(), Problem> {
    if all.iter().any(|own| own.name == name) {
        return Ok(());
    }
    let names: Vec<&str> = all.iter().map(|own| own.name.as_str()).collect();
    let message = format!("No simulated provider is named {name}. There are: {}.", names.join(", "));
    Err(Problem::new("unknown_provider", message))
}

async fn asked(
    router: &ControlClient,
    method: &str,
    provider: &str,
    body: Option<Value>,
) -> Result<(), Problem> {
    let path = format!("/v1/sim/providers/{provider}/fault");
    let (status, answer) = router.handle(method, &path, body).await?;
    if status == 200 { Ok(()) } else { Err(refused(status, &answer)) }
}

fn refused(status: u16, answer: &Value) -> Problem {
    let text = |name: &str| answer.pointer(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("/error/code").or_else(|| text("/code")).unwrap_or_else(|| "not_done".to_owned());
    let message = text("/error/message").or_else(|| text("/message"));
    Problem::new(&code, message.unwrap_or_else(|| format!("The router answered {status} without a reason.")))
}

fn show(all: &[Simulated]) {
    let rows: Vec<_> = all
        .iter()
        .map(|own| {
            let wrong: Vec<String> = own.faults.iter().map(words).collect();
            let state = if wrong.is_empty() { "well".to_owned() } else { wrong.join("; ") };
            [own.name.clone(), state, own.calls.to_string()]
        })
        .collect();
    table(["provider", "state", "calls"], &rows, "No simulated providers.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_typed_by_their_short_names_and_a_wrong_one_says_which_there_are() {
        let cases = [
            ("500", r#"{"type":"status","code":500}"#),
            ("529", r#"{"type":"status","code":529}"#),
            ("429", r#"{"type":"status","code":429,"retryAfterS":20}"#),
            ("slow", r#"{"type":"slowFirstToken","ms":5000}"#),
            ("hang", r#"{"type":"silence"}"#),
            ("cut", r#"{"type":"cutStream","afterChunks":3}"#),
            ("off", r#"{"type":"refuse"}"#),
        ];
        for (typed, sent) in cases {
            assert_eq!(serde_json::to_string(&fault(typed).unwrap()).unwrap(), sent, "{typed}");
        }
        for wrong in ["", "200", "600", "-1", "sloww", "5e2"] {
            let said = fault(wrong).unwrap_err();
            assert!(said.contains("slow, hang, cut or off"), "{wrong}: {said}");
        }
    }

    #[test]
    fn a_provider_that_is_not_there_is_refused_with_those_that_are() {
        let own = |name: &str| Simulated { name: name.to_owned(), faults: Vec::new(), calls: 0 };
        let all = [own("anthropic"), own("openai")];
        assert!(known(&all, "openai").is_ok());
        let problem = known(&all, "anthropik/../x").unwrap_err();
        assert!(problem.message.contains("anthropic, openai"), "{problem}");
    }
}
