//! The providers of demo mode: three vendors that answer like the real ones, a little faster, and can be
//! broken from the window. They cost nothing and need no key.

use std::io;

use crate::fleet::SimFleet;
use crate::latency::Latency;
use crate::profile::{Dialect, Profile};

/// The demo's providers, running, with the variables their routing map needs.
#[derive(Clone, Debug)]
pub struct DemoFleet {
    fleet: SimFleet,
}

/// The routing map of the demo: hot, warm and cold as in the smallest map a user can write, on simulated
/// providers. Its `${...}` are [`DemoFleet::variables`].
pub fn map_json() -> &'static str {
    include_str!("demo/map.json")
}

/// Starts the demo's providers on free ports of 127.0.0.1.
///
/// # Errors
/// If no port can be had.
pub async fn start() -> io::Result<DemoFleet> {
    let fleet = SimFleet::new();
    let pace = |first_byte_ms, per_chunk_ms, jitter_ms| Latency {
        first_byte_ms,
        per_chunk_ms,
        jitter_ms,
        chunks: 12,
    };
    let providers = [
        Profile::new("anthropic")
            .dialect(Dialect::Anthropic)
            .models(["sonnet-4.6", "haiku-4.5"])
            .latency(pace(280, 25, 120))
            .seed(46),
        Profile::new("openai")
            .dialect(Dialect::OpenaiChat)
            .models(["gpt-4o-mini"])
            .latency(pace(200, 20, 90))
            .seed(4),
        Profile::new("google")
            .dialect(Dialect::OpenaiChat)
            .models(["gemini-3-flash"])
            .latency(pace(150, 15, 60))
            .seed(3),
    ];
    for profile in providers {
        fleet.add(profile).await?;
    }
    Ok(DemoFleet { fleet })
}

impl DemoFleet {
    /// The providers, to break and to watch.
    pub fn fleet(&self) -> &SimFleet {
        &self.fleet
    }

    /// The variables of [`map_json`] with the URLs of the running providers.
    pub fn variables(&self) -> Vec<(String, String)> {
        let variable = |provider: crate::Provider| {
            (format!("SWITCHYARD_SIM_{}", provider.name().to_uppercase()), provider.url().to_owned())
        };
        self.fleet.providers().into_iter().map(variable).collect()
    }

    /// Stops the providers.
    pub async fn shutdown(self) {
        self.fleet.shutdown().await;
    }
}
