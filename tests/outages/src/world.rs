//! The maps outages are played on, with every number at its default.

use serde_json::{Value, json};
use switchyard_domain::map::{Format, NoVariables, RoutingMap, read};

/// A map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Two Hot routes of one provider, two Warm routes of two others.
    Usual,
    /// One Hot and one Warm route.
    Lean,
    /// Hot is one vendor's account in two regions, Warm two other providers.
    Regions,
    /// Hot splits by weight between two providers, Warm is a third one.
    Split,
}

impl World {
    /// The map's document.
    #[must_use]
    pub fn document(self) -> Value {
        let far = |name: &str| json!({ "provider": name, "model": format!("{name}-large"), "baseUrl": format!("https://{name}.example.com/v1") });
        let sonnet = json!({ "provider": "anthropic", "model": "sonnet-4.6" });
        let haiku = json!({ "provider": "anthropic", "model": "haiku-4.5" });
        let mini = json!({ "provider": "openai", "model": "gpt-4o-mini" });
        let flash = json!({ "provider": "google", "model": "gemini-3-flash" });
        let weighing = |mut route: Value, weight: u32| {
            route["weight"] = json!(weight);
            route
        };
        let (hot, warm) = match self {
            Self::Usual => (vec![sonnet, haiku], vec![mini, flash]),
            Self::Lean => (vec![sonnet], vec![mini]),
            Self::Regions => (vec![far("east"), far("west")], vec![mini, flash]),
            Self::Split => (vec![weighing(sonnet, 70), weighing(mini, 30)], vec![flash]),
        };
        json!({ "hot": hot, "warm": warm, "cold": { "mode": "graceful_degrade", "queue": "ai-tasks", "notify": [] } })
    }

    /// The map, proven.
    #[must_use]
    pub fn map(self) -> RoutingMap {
        read(&self.document().to_string(), Format::Json, &NoVariables).expect("a map without faults")
    }

    /// The provider that is first as long as all are well.
    #[must_use]
    pub const fn home(self) -> &'static str {
        match self {
            Self::Usual | Self::Lean | Self::Split => "anthropic",
            Self::Regions => "east",
        }
    }

    /// Every provider of the map, home first.
    #[must_use]
    pub const fn providers(self) -> &'static [&'static str] {
        match self {
            Self::Usual | Self::Split => &["anthropic", "openai", "google"],
            Self::Lean => &["anthropic", "openai"],
            Self::Regions => &["east", "west", "openai", "google"],
        }
    }
}
