//! Routing maps: checked here, applied by the running router.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;
use switchyard_control::MapCheck;
use switchyard_domain::Problem;
use switchyard_domain::api::{ApplyMap, SetMap};
use switchyard_domain::map::{self, Fault, Format};

use crate::command::{Place, Shown};
use crate::output::{self, block, json, line, moment, note, or_dash, table};
use crate::typed::{version, words};

#[derive(Debug, Subcommand)]
pub(crate) enum MapCommand {
    /// Say everything that is wrong with a map; exit code 1 when something is.
    #[command(after_help = "Example: switchyard map check routes.json
`${NAME}` is looked up in the environment; with --router the running router looks it up, in its credentials too.")]
    Check {
        /// The map, JSON or YAML; - reads standard input.
        file: String,
        /// Ask the running router, which also knows its credentials.
        #[arg(long)]
        router: bool,
        #[command(flatten)]
        shown: Shown,
    },
    /// Print the running map as it was written.
    #[command(after_help = "Example: switchyard map show --version 3 > routes.json")]
    Show {
        /// An older version.
        #[arg(long, value_parser = version::<i64>)]
        version: Option<i64>,
        #[command(flatten)]
        shown: Shown,
    },
    /// Apply a map for the next request; refused whole when it is faulty.
    #[command(after_help = "Example: switchyard map apply routes.json --base 3 --reason 'gemini as backup'")]
    Apply {
        /// The map, JSON or YAML; - reads standard input.
        file: String,
        /// The version it was written against: refused when a newer one runs.
        #[arg(long, value_parser = version::<i64>)]
        base: Option<i64>,
        /// Why, for the audit log.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
    },
    /// Change single values of the running map, for the next request; its other content stays as it was written.
    #[command(
        after_help = "Example: switchyard map set breaker.consecutiveFailures=8 'hot[0].weight=2' --reason 'flaps'
`KEY=` takes a key out, so that its default holds again. `switchyard map defaults` lists the keys."
    )]
    Set {
        /// What to change: the key's path, and its value as JSON or as plain text.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = setting)]
        changes: Vec<(String, Value)>,
        /// The version it is meant for: refused when a newer one runs.
        #[arg(long, value_parser = version::<i64>)]
        base: Option<i64>,
        /// Why, for the audit log.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
    },
    /// Compare two maps, each a version's number or a file.
    #[command(after_help = "Example: switchyard map diff 3 routes.prod.json")]
    Diff {
        /// The older one.
        from: String,
        /// The newer one.
        to: String,
    },
    /// Every applied version, newest first.
    #[command(after_help = "Example: switchyard map history")]
    History(Shown),
    /// Run an older version again.
    #[command(after_help = "Example: switchyard map restore 3 --reason 'back to last week'")]
    Restore {
        /// Its number.
        #[arg(value_parser = version::<i64>)]
        version: i64,
        /// Why, for the audit log.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
    },
    /// Print the JSON Schema of a map, for editors.
    #[command(after_help = "Example: switchyard map schema > map.schema.json")]
    Schema,
    /// Print every default as a Markdown table.
    #[command(after_help = "Example: switchyard map defaults")]
    Defaults,
}

pub(crate) async fn run(place: &Place, command: MapCommand) -> Result<ExitCode, Problem> {
    match command {
        MapCommand::Check { file, router, shown } => return check(place, &file, router, shown).await,
        MapCommand::Show { version, shown } => {
            let document = place.router()?.map(version).await?;
            if shown.json {
                json(&document);
            } else {
                output::document(&document.document);
                if !document.document.ends_with('\n') {
                    line("");
                }
            }
        }
        MapCommand::Apply { file, base, reason } => {
            let document = read(&file)?;
            // A document may say itself which version it was written against.
            let base_version = base.or_else(|| map::base_version(&document, Format::detect(&document)));
            let apply = ApplyMap { document, base_version, reason, source: "cli".to_owned() };
            let applied = place.router()?.apply_map(&apply).await?;
            line(format!("Map v{} runs from the next request on.", applied.version));
            warn(&place.router()?.map_warnings().await?);
        }
        MapCommand::Set { changes, base, reason } => {
            let set = SetMap { changes: changes.into_iter().collect(), reason, base_version: base };
            let applied = place.router()?.set_in_map(&set).await?;
            line(format!("Map v{} runs from the next request on.", applied.version));
        }
        MapCommand::Diff { from, to } => output::document(&diff(place, &from, &to).await?),
        MapCommand::History(shown) => history(place, shown).await?,
        MapCommand::Restore { version, reason } => {
            let applied = place.router()?.restore_map(version, reason).await?;
            line(format!("Map v{version} runs again, as v{}.", applied.version));
        }
        MapCommand::Schema => json(&map::schema()),
        MapCommand::Defaults => {
            block("| key | default | meaning |\n| --- | --- | --- |");
            for (key, value, meaning) in map::default_rows() {
                line(format!("| `{key}` | {value} | {meaning} |"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(place: &Place, file: &str, router: bool, shown: Shown) -> Result<ExitCode, Problem> {
    let document = read(file)?;
    let MapCheck { faults, warnings } =
        if router { place.router()?.check_map(&document).await? } else { prove(&document) };
    if shown.json {
        json(&serde_json::json!({ "faults": faults, "warnings": warnings }));
    } else if faults.is_empty() {
        warn(&warnings);
        line("This map is sound.");
    } else {
        faults.iter().for_each(|fault| line(fault.to_string()));
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `KEY=VALUE`. What is no JSON is text; nothing takes the key out.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, or KEY= for the default")?;
    let value = match value {
        "" => Value::Null,
        value => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())),
    };
    Ok((key.trim().to_owned(), value))
}

fn prove(document: &str) -> MapCheck {
    let environment = |name: &str| std::env::var(name).ok();
    match map::read_apart(document, Format::detect(document), &environment) {
        Ok(proven) => MapCheck { faults: Vec::new(), warnings: map::warnings(&proven) },
        Err(faults) => MapCheck { faults, warnings: Vec::new() },
    }
}

/// Says on standard error what is worth a word about a map that is sound.
fn warn(warnings: &[Fault]) {
    warnings.iter().for_each(|warning| note(format!("warning: {warning}")));
}

async fn history(place: &Place, shown: Shown) -> Result<(), Problem> {
    let versions = place.router()?.map_versions().await?;
    if shown.json {
        json(&versions);
        return Ok(());
    }
    let rows: Vec<_> = versions
        .into_iter()
        .map(|v| [v.version.to_string(), v.name, moment(v.applied_at_ms), v.source, or_dash(v.reason)])
        .collect();
    table(["version", "name", "applied", "by", "why"], &rows, "No map has been applied yet.");
    Ok(())
}

async fn diff(place: &Place, from: &str, to: &str) -> Result<String, Problem> {
    let (from_name, from) = side(place, from).await?;
    let (to_name, to) = side(place, to).await?;
    Ok(map::diff(&from, &from_name, &to, &to_name))
}

/// A version of the running router, or a file. A file with a number for a name is written `./3`.
async fn side(place: &Place, what: &str) -> Result<(String, String), Problem> {
    match what.parse::<i64>() {
        Ok(version) => Ok((format!("v{version}"), place.router()?.map(Some(version)).await?.document)),
        Err(_) => Ok((what.to_owned(), read(what)?)),
    }
}

/// A document from a file, or from standard input for `-`.
pub(crate) fn read(file: &str) -> Result<String, Problem> {
    let read = if file == "-" {
        let mut document = String::new();
        std::io::stdin().read_to_string(&mut document).map(|_| document)
    } else {
        std::fs::read_to_string(Path::new(file))
    };
    read.map_err(|error| Problem::new("file_unreadable", format!("{file} can't be read: {error}.")))
}
