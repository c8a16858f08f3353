//! The benchmark's load as a process of its own, so that it can be pinned to a core. Prints one line of JSON.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("benchmarks pin processes to cores and need Linux")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Write;
    use std::net::SocketAddr;
    use std::time::Duration;

    use anyhow::Context;
    use clap::Parser;
    use serde_json::json;
    use switchyard_sim::load::{self, Load, Pace, Window};

    /// Sends chat completions and measures the answers.
    #[derive(Debug, Parser)]
    #[command(name = "switchyard-load", version)]
    struct Arguments {
        /// Who is asked: an address and a port.
        #[arg(long)]
        target: SocketAddr,
        /// The local key to present.
        #[arg(long, default_value = "none")]
        key: String,
        /// The model asked for.
        #[arg(long, default_value = "sim-fast")]
        model: String,
        /// Ask for streams.
        #[arg(long)]
        stream: bool,
        /// Keep-alive connections.
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Requests per second; without it, each connection asks again as soon as it is answered.
        #[arg(long)]
        rate: Option<f64>,
        /// How long to send.
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        /// A span to report, FROM:TO in milliseconds from the start; may be given several times.
        #[arg(long = "window", value_parser = window, required = true)]
        windows: Vec<Window>,
        /// Bytes of each request's body, about.
        #[arg(long, default_value_t = 1024)]
        body_bytes: usize,
    }

    pub(crate) fn main() -> anyhow::Result<()> {
        let arguments = Arguments::parse();
        let load = Load {
            target: arguments.target,
            request: request(&arguments).into(),
            connections: arguments.connections,
            pace: arguments.rate.map_or(Pace::Answered, Pace::PerSecond),
            length: Duration::from_secs_f64(arguments.seconds),
            windows: arguments.windows,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let findings = runtime.block_on(load::run(&load)).context("the load could not be sent")?;
        let line = json!({
            "seconds": findings.seconds,
            "answered": findings.answered_in_all(),
            "unanswered": findings.unanswered(),
            "windows": findings.windows(),
        });
        writeln!(std::io::stdout().lock(), "{line}")?;
        Ok(())
    }

    /// The request as a client library sends it.
    fn request(arguments: &Arguments) -> String {
        let mut body = json!({
            "model": arguments.model,
            "messages": [{ "role": "user", "content": "" }],
            "temperature": 0.2,
            "max_tokens": 256,
        });
        if arguments.stream {
            body["stream"] = json!(true);
        }
        let filler = arguments.body_bytes.saturating_sub(body.to_string().len());
        let words: String =
            "the quick brown fox jumps over the lazy dog ".chars().cycle().take(filler).collect();
        body["messages"][0]["content"] = json!(words);
        let body = body.to_string();
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: \
             application/json\r\naccept: application/json\r\nuser-agent: switchyard-load\r\ncontent-length: {}\r\n\r\n{body}",
            arguments.target,
            arguments.key,
            body.len()
        )
    }

    fn window(text: &str) -> Result<Window, String> {
        let parts = text.split_once(':').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        let (from_ms, to_ms) = parts.ok_or("a window is FROM:TO in milliseconds")?;
        Ok(Window { from_ms, to_ms })
    }
}
