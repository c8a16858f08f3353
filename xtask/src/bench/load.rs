//! One run of the load generator, and what it found.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::process::{Core, pinned};
use super::stage::{Server, Stage};

/// What to send.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// Requests per second; `None` sends as fast as answers come.
    pub(super) rate: Option<u32>,
    pub(super) connections: u32,
    pub(super) stream: bool,
    /// How long, milliseconds.
    pub(super) length_ms: u64,
    /// The spans to report, milliseconds from the start.
    pub(super) windows: Vec<(u64, u64)>,
}

/// What one run found.
#[derive(Debug)]
pub(super) struct Found(Value);

/// Which latency of a window.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Due moment to last byte.
    Whole,
    /// Due moment to a stream's first chunk.
    FirstChunk,
    /// A chunk's way from the provider.
    Chunk,
}

impl Load {
    /// A run with one window behind the warm-up.
    pub(super) fn steady(stage: &Stage, rate: Option<u32>, stream: bool) -> Self {
        let effort = stage.effort;
        let length_ms = effort.warm_up_ms + effort.measured_ms;
        Self { rate, connections: 64, stream, length_ms, windows: vec![(effort.warm_up_ms, length_ms)] }
    }

    /// Sends it. Every request has to be answered with 200.
    pub(super) fn send(&self, stage: &Stage, server: &Server) -> Result<Found> {
        let mut command = pinned(Core::Load, &stage.program("switchyard-load"));
        command.args(["--target", &server.addr.to_string(), "--key", &server.key]);
        command.args(["--connections", &self.connections.to_string()]);
        command.args(["--seconds", &format!("{:.3}", seconds(self.length_ms))]);
        for (from, to) in &self.windows {
            command.args(["--window", &format!("{from}:{to}")]);
        }
        if let Some(rate) = self.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        if self.stream {
            command.arg("--stream");
        }
        let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
        if !output.status.success() {
            bail!("the load failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let found = Found(serde_json::from_slice(&output.stdout).context("the load printed no JSON")?);
        found.require_answers()?;
        Ok(found)
    }
}

impl Found {
    /// A fast wrong answer would look like a good figure.
    fn require_answers(&self) -> Result<()> {
        let not_ok: u64 = self.windows().iter().filter_map(|window| window["not_ok"].as_u64()).sum();
        let unanswered = self.0["unanswered"].as_u64().unwrap_or_default();
        if not_ok > 0 || unanswered > 0 {
            bail!(
                "{not_ok} requests were answered with something else than 200, and {unanswered} not at all"
            );
        }
        Ok(())
    }

    fn windows(&self) -> &[Value] {
        self.0["windows"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Requests answered in all, the warm-up's included.
    pub(super) fn answered(&self) -> Result<f64> {
        self.0["answered"].as_f64().context("the load counted nothing")
    }

    /// Answers per second in the first window.
    pub(super) fn per_second(&self) -> Result<f64> {
        self.windows()
            .first()
            .and_then(|window| window["per_second"].as_f64())
            .context("the load has no window")
    }

    /// Median and 99th percentile of a window, microseconds.
    pub(super) fn latency_us(&self, window: usize, kind: Kind) -> Result<(f64, f64)> {
        let name = match kind {
            Kind::Whole => "latency",
            Kind::FirstChunk => "first_chunk",
            Kind::Chunk => "chunk",
        };
        let spread =
            self.windows().get(window).map(|window| &window[name]).context("there is no such window")?;
        let at = |name: &str| spread[name].as_f64().with_context(|| format!("the window has no {name}"));
        Ok((at("p50_us")?, at("p99_us")?))
    }
}

#[expect(clippy::cast_precision_loss, reason = "minutes, in milliseconds")]
pub(super) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
