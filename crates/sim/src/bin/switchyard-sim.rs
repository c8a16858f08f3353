//! Simulated providers as a process of their own: the benchmark's upstream, the demo's fleet by hand, or one provider
//! of every kind for client programs to be tested against.
//!
//! Prints one line of JSON with the URLs once it listens, and runs until it is interrupted.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use serde_json::{Map, Value, json};
use switchyard_sim::fast::{self, FastConfig, FastMode};
use switchyard_sim::{Dialect, Profile, SimFleet, admin_router, demo};

/// Simulated LLM providers.
#[derive(Debug, Parser)]
#[command(name = "switchyard-sim", version)]
struct Arguments {
    /// Serve canned answers as fast as possible, for benchmarks.
    #[arg(long, conflicts_with_all = ["demo", "every_kind"], required_unless_present_any = ["demo", "every_kind"])]
    fast: bool,
    /// Serve the demo's providers, each on its own port.
    #[arg(long)]
    demo: bool,
    /// Serve one provider of every kind, each on its own port and with a key of its own, and what steers them.
    #[arg(long, conflicts_with = "demo")]
    every_kind: bool,
    /// Port of the fast provider on 127.0.0.1; 0 takes any free one.
    #[arg(long, default_value_t = 0, requires = "fast")]
    port: u16,
    /// How the fast provider behaves at first; POST /sim/mode/{ok|500|hang} changes it.
    #[arg(long, value_enum, default_value_t = Mode::Ok, requires = "fast")]
    mode: Mode,
    /// Content chunks of a stream.
    #[arg(long, default_value_t = 20, requires = "fast")]
    chunks: usize,
    /// Milliseconds between two of them; 0 sends the stream in one piece.
    #[arg(long, default_value_t = 0, requires = "fast")]
    interval_ms: u64,
    /// Write into each chunk of a paced stream when it was sent.
    #[arg(long, requires = "fast")]
    stamped: bool,
    /// Bytes of text in a plain answer.
    #[arg(long, default_value_t = 400, requires = "fast")]
    body_bytes: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Ok,
    #[value(name = "500")]
    Status500,
    Hang,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.demo {
        let fleet = demo::start().await.context("the demo's providers could not listen on 127.0.0.1")?;
        let urls: Map<String, Value> =
            fleet.variables().into_iter().map(|(name, url)| (name, json!(url))).collect();
        announce(&Value::Object(urls))?;
        tokio::signal::ctrl_c().await?;
        fleet.shutdown().await;
        return Ok(());
    }
    if arguments.every_kind {
        return every_kind().await;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port))
        .with_context(|| format!("port {} on 127.0.0.1 could not be had", arguments.port))?;
    let config = FastConfig {
        body_bytes: arguments.body_bytes,
        stream_chunks: arguments.chunks,
        chunk_interval: Duration::from_millis(arguments.interval_ms),
        stamped: arguments.stamped,
        mode: match arguments.mode {
            Mode::Ok => FastMode::Ok,
            Mode::Status500 => FastMode::Status500,
            Mode::Hang => FastMode::Hang,
        },
    };
    let server = fast::serve(listener, config)?;
    announce(&json!({ "url": server.url() }))?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// The kinds a routing map can name, by provider name and the only dialect it speaks.
const KINDS: [(&str, Option<Dialect>); 7] = [
    ("openai", Some(Dialect::OpenaiChat)),
    ("openai-responses", Some(Dialect::OpenaiResponses)),
    ("anthropic", Some(Dialect::Anthropic)),
    ("google", Some(Dialect::Gemini)),
    ("vertex", Some(Dialect::Gemini)),
    ("bedrock", Some(Dialect::BedrockConverse)),
    // It speaks both of OpenAI's.
    ("azure-openai", None),
];
const AWS_KEY: (&str, &str) = ("AKIDSIMEVERYKIND", "sim/every+kind/secret");

/// One provider of every kind. The line it prints has their URLs, what a credentials file must hold for a router to be
/// let in, and where they are broken and watched (`/providers/...`, as below the control API's `/v1/sim`).
async fn every_kind() -> anyhow::Result<()> {
    let fleet = SimFleet::new();
    let (mut urls, mut credentials) = (Map::new(), Map::new());
    for (name, dialect) in KINDS {
        let key = format!("sk-sim-{name}-0123456789");
        let profile = Profile { dialect, ..Profile::new(name) }.keys([&key]).aws_key(AWS_KEY.0, AWS_KEY.1);
        let provider =
            fleet.add(profile).await.with_context(|| format!("no port for the provider {name}"))?;
        let credential = match name {
            "vertex" => provider.google_service_account().to_string(),
            "bedrock" => format!("{}:{}", AWS_KEY.0, AWS_KEY.1),
            _ => key,
        };
        urls.insert(name.to_owned(), json!(provider.url()));
        credentials.insert(name.to_owned(), json!(credential));
    }
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let admin = format!("http://{}", listener.local_addr()?);
    announce(&json!({ "adminUrl": admin, "urls": urls, "credentials": credentials }))?;
    axum::serve(listener, admin_router(fleet.clone()))
        .with_graceful_shutdown(async {
            // Without a handler for the signal there is nothing to wait for: the process is ended by it.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    fleet.shutdown().await;
    Ok(())
}

/// One line on standard output, flushed, for the process that waits for it.
fn announce(line: &Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
