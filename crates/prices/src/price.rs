//! What providers charge, and how long a prompt their models take: the data of `genai-prices`, of which only the asked
//! provider's is read, for as long as the asking takes. What runs on this machine or its network costs nothing and
//! never asks.

use std::sync::Arc;

use genai_prices::Usage;
use switchyard_domain::Usd;
use switchyard_domain::map::{Route, RoutingMap};
use switchyard_domain::switch_cost::Rates;

use crate::list::Excerpt;

/// Tokens of one request. The cached counts are parts of `input`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Prompt tokens, cached ones included.
    pub input: u64,
    /// Those read from the provider's cache.
    pub cached: u64,
    /// Those written to it.
    pub cache_write: u64,
    /// Answer tokens.
    pub output: u64,
}

/// How a route's requests are priced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Price {
    /// It is of this machine or its network.
    Free,
    /// As the vendor prices this model.
    Listed(Listed),
}

/// A model as the price list is asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listed {
    vendor: Option<&'static str>,
    base_url: Arc<str>,
    models: Vec<String>,
}

impl Price {
    /// How a route is priced. Reads no data.
    #[must_use]
    pub fn of(map: &RoutingMap, route: &Route) -> Self {
        if route.is_local {
            return Self::Free;
        }
        let preset = map.providers.get(&route.provider).and_then(|provider| provider.preset);
        let vendor = preset.and_then(|preset| vendor(preset.name));
        let models = names(route, vendor);
        Self::Listed(Listed { vendor, base_url: Arc::from(route.base_url.as_str()), models })
    }

    /// What a request costs; `None` where no price is known.
    #[must_use]
    pub fn cost(&self, tokens: Tokens) -> Option<Usd> {
        match self {
            Self::Free => Some(Usd::ZERO),
            Self::Listed(listed) => listed.found()?.cost(tokens),
        }
    }

    /// Prices of a million tokens at a prompt's usual length; `None` where no price is known.
    #[must_use]
    pub fn rates(&self) -> Option<Rates> {
        match self {
            Self::Free => rates(|_| Some(Usd::ZERO)),
            Self::Listed(listed) => {
                let found = listed.found()?;
                rates(|tokens| found.cost(tokens))
            }
        }
    }
}

fn rates(cost: impl Fn(Tokens) -> Option<Usd>) -> Option<Rates> {
    // Long prompts may have other prices, so a thousand tokens are asked for.
    let a_million = |tokens| cost(tokens).map(|cost| cost.times(1_000));
    let input = Tokens { input: 1_000, ..Tokens::default() };
    Some(Rates {
        input_nano_usd: a_million(input)?,
        output_nano_usd: a_million(Tokens { output: 1_000, ..Tokens::default() })?,
        cached_input_nano_usd: a_million(Tokens { cached: 1_000, ..input })?,
        cache_write_nano_usd: a_million(Tokens { cache_write: 1_000, ..input })?,
    })
}

/// The names a route's model may have in the list of its vendor.
pub(crate) fn names(route: &Route, vendor: Option<&str>) -> Vec<String> {
    let mut models = vec![route.upstream_model.clone()];
    for name in [&route.model, &route.upstream_model] {
        // Short names in maps (`sonnet-4.6`) leave out what the vendor's own names begin with.
        let long = format!("claude-{name}");
        for name in [Some(name.clone()), (vendor == Some("anthropic")).then_some(long)] {
            models.extend(name.filter(|name| !models.contains(name)));
        }
    }
    models
}

/// The price list's name of a preset.
pub(crate) fn vendor(preset: &str) -> Option<&'static str> {
    Some(match preset {
        "anthropic" => "anthropic",
        "openai" => "openai",
        "google" | "vertex" => "google",
        "bedrock" => "aws",
        "azure-openai" => "azure",
        "deepseek" => "deepseek",
        "openrouter" => "openrouter",
        "groq" => "groq",
        "mistral" => "mistral",
        "meta" => "meta",
        _ => return None,
    })
}

impl Listed {
    /// The most tokens of prompt and answer the model takes, where the list knows.
    #[must_use]
    pub fn window(&self) -> Option<u64> {
        let found = self.found()?;
        found.excerpt.window(&found.id)
    }

    fn found(&self) -> Option<Found<'_>> {
        let excerpt = Excerpt::of(self.vendor, &self.base_url)?;
        let nothing = Usage::new();
        let (model, price) =
            self.models.iter().find_map(|model| Some((model, excerpt.price(model, &nothing)?)))?;
        Some(Found { excerpt, model, id: price.model_id })
    }
}

/// A model in its provider's part of the list.
#[derive(Debug)]
struct Found<'a> {
    excerpt: Excerpt,
    /// As it was asked for.
    model: &'a str,
    /// As the list calls it.
    id: String,
}

impl Found<'_> {
    fn cost(&self, tokens: Tokens) -> Option<Usd> {
        #[expect(clippy::cast_precision_loss, reason = "no request has 2^53 tokens")]
        let used = [
            ("input_tokens", tokens.input),
            ("output_tokens", tokens.output),
            ("cache_read_tokens", tokens.cached),
            ("cache_write_tokens", tokens.cache_write),
        ]
        .map(|(key, count)| (key, count as f64));
        let usage: Usage = used.into_iter().filter(|(_, count)| *count > 0.0).collect();
        Usd::from_dollars(self.excerpt.price(self.model, &usage)?.total_price)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchyard_domain::map::{self, Format};

    use super::*;

    fn priced(provider: &str, model: &str, base_url: Option<&str>) -> Price {
        let mut route = json!({ "provider": provider, "model": model });
        if let Some(url) = base_url {
            route["baseUrl"] = json!(url);
        }
        let document = json!({
            "hot": [route], "warm": [],
            "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] }
        });
        let map = map::read(&document.to_string(), Format::Json, &|name: &str| {
            (name == "AWS_REGION").then(|| "eu-west-1".to_owned())
        })
        .unwrap();
        Price::of(&map, &map.routes[0])
    }

    fn window(price: &Price) -> Option<u64> {
        match price {
            Price::Free => None,
            Price::Listed(listed) => listed.window(),
        }
    }

    #[test]
    fn vendors_models_have_a_price_and_a_window_and_strangers_have_none() {
        let cases = [
            (priced("anthropic", "claude-sonnet-4-5", None), true),
            (priced("anthropic", "sonnet-4.6", None), true),
            (priced("openai", "gpt-4o-mini", None), true),
            (priced("gemini", "gemini-2.5-pro", None), true),
            (priced("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", None), true),
            (priced("mine", "gpt-4o-mini", Some("https://api.openai.com/v1")), true),
            (priced("mine", "gpt-4o-mini", Some("https://llm.example.com/v1")), false),
            (priced("openai", "gpt-of-next-year", None), false),
        ];
        let thousand = Tokens { input: 1_000, output: 100, ..Tokens::default() };
        for (price, known) in cases {
            assert_eq!(price.cost(thousand).is_some_and(|cost| cost > Usd::ZERO), known, "{price:?}");
            assert_eq!(price.rates().is_some(), known, "{price:?}");
        }
        assert_eq!(window(&priced("openai", "gpt-4o-mini", None)), Some(128_000));
        assert_eq!(window(&priced("openai", "gpt-of-next-year", None)), None);
    }

    #[test]
    fn cached_tokens_are_cheaper_and_writing_a_cache_is_dearer_where_the_vendor_says_so() {
        let claude = priced("anthropic", "claude-sonnet-4-5", None).rates().unwrap();
        let dollars = |rate: Usd| rate.to_string();
        assert_eq!(dollars(claude.input_nano_usd), "$3.00");
        assert_eq!(dollars(claude.output_nano_usd), "$15.00");
        assert_eq!(dollars(claude.cached_input_nano_usd), "$0.30");
        assert_eq!(dollars(claude.cache_write_nano_usd), "$3.75");
        let mini = priced("openai", "gpt-4o-mini", None).rates().unwrap();
        assert_eq!(dollars(mini.cached_input_nano_usd), "$0.075");
        assert_eq!(mini.cache_write_nano_usd, mini.input_nano_usd, "no other price for it");
    }

    #[test]
    fn what_runs_here_costs_nothing() {
        let own = priced("ollama", "llama3", None);
        assert_eq!(own, Price::Free);
        assert_eq!(own.cost(Tokens { input: 1_000_000, ..Tokens::default() }), Some(Usd::ZERO));
        let posing = priced("openai", "gpt-4o", Some("http://127.0.0.1:8080/v1"));
        assert_eq!(posing, Price::Free);
    }
}
