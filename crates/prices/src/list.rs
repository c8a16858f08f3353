//! The price list, read a provider at a time: as a whole it takes some 20 MB once decoded, and a map asks of a few of
//! its providers, once. What is decoded here is given back by whoever asked for it.
//!
//! Matching and arithmetic are `genai-prices`'; `cargo xtask gen` writes the lists from the data bundled with it.

use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage};
use serde::Deserialize;

/// Every provider without its models.
const VENDORS: &str = include_str!("../data/vendors.json");
/// A line for each provider: the same, with its models.
const MODELS: &str = include_str!("../data/models.jsonl");

/// One provider's part of the list, and of those it resells.
#[derive(Debug)]
pub(super) struct Excerpt {
    list: Calculator,
    vendor: String,
}

#[derive(Deserialize)]
struct Resells {
    #[serde(default)]
    fallback_model_providers: Vec<String>,
}

impl Excerpt {
    /// By the list's own name of the vendor where it is known, else by the API's address; `None` for a stranger.
    pub(super) fn of(vendor: Option<&str>, base_url: &str) -> Option<Self> {
        let vendor = match vendor {
            Some(vendor) => vendor.to_owned(),
            None => vendor_at(base_url)?,
        };
        let own = line_of(&vendor)?;
        let resells: Resells = serde_json::from_str(own).ok()?;
        let others = resells.fallback_model_providers.iter().filter_map(|other| line_of(other));
        let lines: Vec<&str> = std::iter::once(own).chain(others).collect();
        let list = Calculator::from_json(format!("[{}]", lines.join(","))).ok()?;
        Some(Self { list, vendor })
    }

    /// `None` where the provider has no such model.
    pub(super) fn price(&self, model: &str, usage: &Usage) -> Option<PriceCalculation> {
        let request = PriceRequest::new(model, usage).with_provider_id(&self.vendor);
        self.list.calculate(&request).ok()
    }

    /// The most tokens of prompt and answer a model takes, by the list's own name of it.
    pub(super) fn window(&self, model_id: &str) -> Option<u64> {
        // The provider's own word comes first; a model resold is described with its maker.
        let models = self.list.providers().flat_map(genai_prices::ProviderInfo::models);
        models.filter(|model| model.id() == model_id).find_map(genai_prices::ModelInfo::context_window)
    }
}

fn vendor_at(base_url: &str) -> Option<String> {
    let vendors = Calculator::from_json(VENDORS).ok()?;
    let found = vendors.find_provider(None, Some(base_url)).ok()??;
    Some(found.id().to_owned())
}

fn line_of(vendor: &str) -> Option<&'static str> {
    let beginning = format!("{{\"id\":\"{vendor}\",");
    MODELS.lines().find(|line| line.starts_with(&beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything there is to know of a model, from the whole list.
    fn whole(vendor: &str, model: &str, usage: &Usage) -> Option<(PriceCalculation, Option<u64>)> {
        let all = Calculator::bundled();
        let found = all.calculate(&PriceRequest::new(model, usage).with_provider_id(vendor)).ok()?;
        let own = all.find_provider(Some(vendor), None).unwrap().unwrap();
        let own = own.models().find(|own| own.id() == found.model_id);
        Some((found, own.and_then(genai_prices::ModelInfo::context_window)))
    }

    #[test]
    fn an_excerpt_answers_as_the_whole_list_does() {
        let usage = Usage::from([
            ("input_tokens", 300_000.0),
            ("cache_read_tokens", 100_000.0),
            ("cache_write_tokens", 5_000.0),
            ("output_tokens", 4_000.0),
        ]);
        let all = Calculator::bundled();
        let resold = ["gpt-4o", "claude-sonnet-4-5", "deepseek-chat", "grok-4", "gpt-of-next-year"];
        let mut compared = 0;
        for provider in all.providers() {
            let excerpt = Excerpt::of(Some(provider.id()), "").unwrap();
            for model in provider.models().map(genai_prices::ModelInfo::id).chain(resold) {
                let name = format!("{}/{model}", provider.id());
                let is = excerpt.price(model, &usage);
                let Some((should, window)) = whole(provider.id(), model, &usage) else {
                    assert_eq!(is.map(|price| price.total_price), None, "{name}");
                    continue;
                };
                let is = is.unwrap_or_else(|| panic!("{name} has a price in the whole list"));
                assert_eq!((is.total_price, &is.model_id), (should.total_price, &should.model_id), "{name}");
                if window.is_some() {
                    assert_eq!(excerpt.window(&is.model_id), window, "{name}");
                }
                compared += 1;
            }
        }
        assert!(compared > 2_000, "only {compared}: is the list that short?");
    }

    #[test]
    fn a_vendor_is_found_by_its_address_as_in_the_whole_list() {
        let addresses = [
            "https://api.openai.com/v1",
            "https://api.anthropic.com",
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
            "https://mine.openai.azure.com/openai",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "https://openrouter.ai/api/v1",
            "https://router.huggingface.co/groq/openai/v1",
            "https://llm.example.com/v1",
            "",
        ];
        for address in addresses {
            let should = Calculator::bundled().find_provider(None, Some(address)).unwrap();
            let is = Excerpt::of(None, address).map(|excerpt| excerpt.vendor);
            assert_eq!(is.as_deref(), should.map(genai_prices::ProviderInfo::id), "{address}");
        }
    }

    #[test]
    fn what_a_cloud_resells_is_described_with_its_maker() {
        let azure = Excerpt::of(Some("azure"), "").unwrap();
        let found = azure.price("claude-sonnet-4-5", &Usage::new()).unwrap();
        let makers = Excerpt::of(Some("anthropic"), "").unwrap().window(&found.model_id);
        assert!(makers.is_some());
        assert_eq!(azure.window(&found.model_id), makers);
    }
}
