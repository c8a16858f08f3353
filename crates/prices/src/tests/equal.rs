//! Every listed model, in every tier, at random times and usages: a card charges what `genai-prices` does.
//!
//! The bound is one nano-dollar: half of it is our one rounding, and the rest covers `genai-prices`, which adds up in f64
//! (within 0.1 nano-dollars for what is tried here) where a card is exact.

use std::time::{Duration, UNIX_EPOCH};

use genai_prices::{Calculator, PriceRequest, Usage};
use serde_json::{Value, json};
use switchyard_domain::usage::{BilledUsage, ServiceTier};

use super::at_ms;
use crate::card::{Kind, RateCard};
use crate::geography::GeographyRule;
use crate::list::{lines, models};
use crate::tariff::context;

/// Usages per model and tier in the usual run.
const USUAL: u32 = 6;

/// `SWITCHYARD_PRICE_USAGES` sets the number of usages.
#[test]
fn a_card_charges_what_genai_prices_does() {
    let usages =
        std::env::var("SWITCHYARD_PRICE_USAGES").ok().and_then(|usages| usages.parse().ok()).unwrap_or(USUAL);
    let mut random = Random(7);
    let (mut priced, mut unpriced, mut compared) = (0, 0, 0);
    for line in lines() {
        let vendor: Value = serde_json::from_str(line).unwrap();
        let id = vendor["id"].as_str().unwrap();
        for (model, listed) in vendor["models"].as_array().unwrap().iter().zip(models(line)) {
            let name = format!("{id}/{}", model["id"]);
            let judge = alone(&vendor, model);
            let Some(tariff) = listed.tariff(id, false) else {
                // The list has no price for its tokens, which is never taken for zero.
                unpriced += 1;
                let price = judged(&judge, id, &BilledUsage { input: 1_000, ..BilledUsage::default() }, 0);
                assert!(price < 0.1, "{name} has a price for tokens");
                continue;
            };
            priced += 1;
            // A call the list has no price for costs what its vendor usually takes, which `genai-prices` leaves out.
            let has_price = |key: &str| match model["prices"].as_array() {
                Some(parts) => parts.iter().all(|part| !part["prices"][key].is_null()),
                None => !model["prices"][key].is_null(),
            };
            let (web, file) = (has_price("web_searches_kcount"), has_price("storage_searches_kcount"));
            let tiers = ServiceTier::ALL.into_iter().filter(|tier| tariff.takes_listed_prices(*tier));
            let tiers: Vec<ServiceTier> = tiers.collect();
            let starts = tariff.starts_of_steps();
            let card = RateCard {
                kind: Kind::Known,
                tariff: tariff.into(),
                geography: GeographyRule::NONE,
                multiplier_ppm: 1_000_000,
                takes_stated_costs: false,
            };
            for tier in tiers {
                for _ in 0..usages {
                    let mut usage = random.usage(tier, &starts);
                    usage.web_searches *= u64::from(web);
                    usage.file_searches *= u64::from(file);
                    let at = random.time();
                    let expected = judged(&judge, id, &usage, at) * 1e9;
                    let is = card.cost(&usage, at).usd.nanos() as f64;
                    assert!(
                        (is - expected).abs() <= 1.0,
                        "{name} at {at}: {is}, not {expected}, of {usage:?}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(
        priced > 2_000 && unpriced < 250,
        "{priced} models, {unpriced} without a price: is the list that short?"
    );
    assert!(compared > priced * 5, "only {compared} compared");
}

/// The model as the only one of its vendor's, found by the name `m`.
fn alone(vendor: &Value, model: &Value) -> Calculator {
    let mut model = model.clone();
    model["match"] = json!({ "equals": "m" });
    let list = json!([{ "id": vendor["id"], "name": "N", "api_pattern": "n", "models": [model] }]);
    Calculator::from_json(list.to_string()).unwrap()
}

/// What `genai-prices` makes of a usage, USD.
fn judged(list: &Calculator, vendor: &str, usage: &BilledUsage, at_ms: i64) -> f64 {
    let reported = [
        ("input_tokens", usage.input_tokens()),
        ("input_audio_tokens", usage.input_audio + usage.cache_read_audio),
        ("input_image_tokens", usage.input_image + usage.cache_read_image),
        ("input_video_tokens", usage.input_video),
        ("cache_read_tokens", usage.cached_tokens()),
        ("cache_audio_read_tokens", usage.cache_read_audio),
        ("cache_image_read_tokens", usage.cache_read_image),
        ("cache_video_read_tokens", 0),
        ("cache_write_tokens", usage.cache_write_5m + usage.cache_write_1h),
        ("cache_audio_write_tokens", 0),
        ("cache_image_write_tokens", 0),
        ("cache_write_1h_tokens", usage.cache_write_1h),
        ("output_tokens", usage.output_tokens()),
        ("output_reasoning_tokens", usage.reasoning),
        ("output_audio_tokens", usage.output_audio),
        ("output_image_tokens", usage.output_image),
        ("web_searches", usage.web_searches),
        ("storage_searches", usage.file_searches),
    ];
    let reported: Usage = reported.into_iter().map(|(key, count)| (key, count as f64)).collect();
    let at = UNIX_EPOCH + Duration::from_millis(at_ms.unsigned_abs());
    let (key, value) = context(usage.tier);
    let request = PriceRequest::new("m", &reported)
        .with_provider_id(vendor)
        .with_timestamp(at)
        .with_price_context(key, value);
    list.calculate(&request).unwrap().total_price
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// None in half of the cases, else from one to a million, small numbers as often as large ones.
    fn count(&mut self) -> u64 {
        let bits = self.next() % 20;
        if self.next().is_multiple_of(2) { 0 } else { self.next() % (2 << bits) + 1 }
    }

    /// In 2024 to 2028, and one in four on a whole hour.
    fn time(&mut self) -> i64 {
        let (from, until) = (at_ms("2024-01-01"), at_ms("2028-01-01"));
        let at = from + (self.next() % (until - from).unsigned_abs()) as i64;
        if self.next().is_multiple_of(4) { at - at.rem_euclid(3_600_000) } else { at }
    }

    /// One in three has a prompt just at a step.
    fn usage(&mut self, tier: ServiceTier, starts: &[u64]) -> BilledUsage {
        let mut usage = BilledUsage {
            input: self.count(),
            input_audio: self.count(),
            input_image: self.count(),
            input_video: self.count(),
            cache_read: self.count(),
            cache_read_audio: self.count(),
            cache_read_image: self.count(),
            cache_write_5m: self.count(),
            cache_write_1h: self.count(),
            output: self.count(),
            reasoning: self.count(),
            output_audio: self.count(),
            output_image: self.count(),
            web_searches: self.count() % 100,
            file_searches: self.count() % 100,
            tier,
            ..BilledUsage::default()
        };
        let at = usize::try_from(self.next() % 64).unwrap();
        let start = starts.iter().cycle().nth(at);
        if let Some(start) = start.filter(|_| self.next().is_multiple_of(3)) {
            let rest = usage.input_tokens() - usage.input;
            usage.input = (start + self.next() % 2).saturating_sub(rest);
        }
        usage
    }
}
