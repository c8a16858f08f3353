//! The price list, read a provider at a time: as a whole it takes some 20 MB once decoded, and a map asks of a few of
//! its providers, once. What is decoded here is given back by whoever asked for it.
//!
//! Matching and arithmetic are `genai-prices`'; `cargo xtask gen` writes the lists from the data bundled with it.

use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage};
use serde::Deserialize;

use crate::category::{CATEGORIES, PerCategory, at};
use crate::tariff::{ListedModel, Tariff};

/// Every provider without its models.
const VENDORS: &str = include_str!("../data/vendors.json");
/// A line for each provider: the same, with its models.
const MODELS: &str = include_str!("../data/models.jsonl");

/// One provider's part of the list, and of those it resells.
#[derive(Debug)]
pub(crate) struct Excerpt {
    list: Calculator,
    /// Its own models alone, where it resells others'.
    own: Option<Calculator>,
    vendor: String,
    /// Its own line, then those of whom it resells.
    lines: Vec<&'static str>,
}

#[derive(Deserialize)]
struct Resells {
    #[serde(default)]
    fallback_model_providers: Vec<String>,
}

/// The models of a line.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    models: Vec<ListedModel<'a>>,
}

impl Excerpt {
    /// By the list's own name of the vendor where it is known, else by the API's address; `None` for a stranger.
    pub(crate) fn of(vendor: Option<&str>, base_url: &str) -> Option<Self> {
        match vendor {
            Some(vendor) => Self::of_vendor(vendor),
            None => Self::of_vendor(&vendor_at(base_url)?),
        }
    }

    /// By the list's own name of the vendor.
    pub(crate) fn of_vendor(vendor: &str) -> Option<Self> {
        let own = line_of(vendor)?;
        let resells: Resells = serde_json::from_str(own).ok()?;
        let others = resells.fallback_model_providers.iter().filter_map(|other| line_of(other));
        let lines: Vec<&str> = std::iter::once(own).chain(others).collect();
        let decode = |lines: &[&str]| Calculator::from_json(format!("[{}]", lines.join(","))).ok();
        let alone = if lines.len() > 1 { Some(decode(&lines[..1])?) } else { None };
        Some(Self { list: decode(&lines)?, own: alone, vendor: vendor.to_owned(), lines })
    }

    /// The tariff of the first of a model's names that the list knows. `None` where it knows none, or no price of it.
    pub(crate) fn tariff(&self, names: &[String]) -> Option<Tariff> {
        let (id, is_resold) = names.iter().find_map(|name| self.find(name))?;
        self.tariff_of(&id, is_resold)
    }

    /// The tariff of an entry, by the list's own name of the model.
    pub(crate) fn tariff_of(&self, id: &str, is_resold: bool) -> Option<Tariff> {
        let mut lines = self.lines.iter().skip(usize::from(is_resold));
        lines.find_map(|line| {
            let line: Line<'_> = serde_json::from_str(line).ok()?;
            line.models.iter().find(|model| model.id == id)?.tariff(&self.vendor, is_resold)
        })
    }

    /// The list's own name of a model, and whether it is a resold one.
    pub(crate) fn find(&self, model: &str) -> Option<(String, bool)> {
        let nothing = Usage::new();
        let request = PriceRequest::new(model, &nothing).with_provider_id(&self.vendor);
        let own = self.own.as_ref().unwrap_or(&self.list).calculate(&request).ok();
        let resold = || Some((self.own.as_ref().and(self.price(model, &nothing))?.model_id, true));
        own.map(|price| (price.model_id, false)).or_else(resold)
    }

    /// In each category the dearest rate of a model that chats, atto-dollars; `None` where none does.
    pub(crate) fn dearest(&self) -> Option<PerCategory> {
        let mut dearest = [0; CATEGORIES];
        for line in &self.lines {
            let line: Line<'_> = serde_json::from_str(line).ok()?;
            let tariffs = line.models.iter().filter_map(|model| model.tariff(&self.vendor, false));
            for rates in tariffs.map(|tariff| tariff.dearest_of_short_prompts()) {
                if rates[at::INPUT] > 0 && rates[at::OUTPUT] > 0 {
                    for (most, rate) in dearest.iter_mut().zip(rates) {
                        *most = (*most).max(rate);
                    }
                }
            }
        }
        (dearest[at::INPUT] > 0).then_some(dearest)
    }

    /// `None` where the provider has no such model.
    pub(crate) fn price(&self, model: &str, usage: &Usage) -> Option<PriceCalculation> {
        let request = PriceRequest::new(model, usage).with_provider_id(&self.vendor);
        self.list.calculate(&request).ok()
    }

    /// The most tokens of prompt and answer a model takes, by the list's own name of it.
    pub(crate) fn window(&self, model_id: &str) -> Option<u64> {
        // The provider's own word comes first; a model resold is described with its maker.
        let models = self.list.providers().flat_map(genai_prices::ProviderInfo::models);
        models.filter(|model| model.id() == model_id).find_map(genai_prices::ModelInfo::context_window)
    }
}

/// The list's name of whoever lives at an address.
pub(crate) fn vendor_at(base_url: &str) -> Option<String> {
    let vendors = Calculator::from_json(VENDORS).ok()?;
    let found = vendors.find_provider(None, Some(base_url)).ok()??;
    Some(found.id().to_owned())
}

/// Every vendor's line.
#[cfg(test)]
pub(crate) fn lines() -> impl Iterator<Item = &'static str> {
    MODELS.lines()
}

/// The models of a vendor's line.
#[cfg(test)]
pub(crate) fn models(line: &str) -> Vec<ListedModel<'_>> {
    serde_json::from_str::<Line<'_>>(line).map(|line| line.models).unwrap_or_default()
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
