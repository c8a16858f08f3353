//! Prices the map sets: `prices` and a route's own.

use globset::Glob;

use super::super::fault::Path;
use super::super::price::{PriceRule, PriceSetting, TokenRates};
use super::super::raw::{RawPrice, RawPriceSettings};
use super::Proof;
use super::jobs::fits;
use crate::money::Rate;

/// How a price is written, for those who wrote it otherwise.
pub(in super::super) const FORMS: &str = "Write \"free\", US dollars for a million tokens as { \"input\": 3, \"output\": 15 }, \
     or a multiple of the listed price as { \"multiplier\": 1.1 }.";

impl Proof<'_> {
    /// The rules of `prices`, the most particular first: names, then globs from the longest to the shortest.
    pub(super) fn price_rules(&mut self) -> Vec<PriceRule> {
        let raw = self.raw;
        let mut rules = Vec::new();
        for (pattern, price) in raw.prices.iter().flatten() {
            let path = Path::root().field("prices").field(pattern);
            let glob = match fits(pattern).map(|()| Glob::new(pattern)) {
                Ok(Ok(glob)) if !pattern.trim().is_empty() => Some(glob.compile_matcher()),
                Ok(Ok(_)) => {
                    self.fault(&path, "Empty. Write a model's name or a glob, for example \"openai/*\".");
                    None
                }
                Ok(Err(error)) => {
                    let kind = error.kind();
                    self.fault(
                        &path,
                        format!("`{pattern}` is not a glob: {kind}. Write for example \"openai/*\"."),
                    );
                    None
                }
                Err(why) => {
                    self.fault(&path, why);
                    None
                }
            };
            let setting = self.price(Some(price), &path);
            if let (Some(glob), Some(setting)) = (glob, setting) {
                rules.push(PriceRule { pattern: pattern.clone(), glob, setting });
            }
        }
        rules.sort_by_key(|rule| (is_glob(&rule.pattern), usize::MAX - rule.pattern.len()));
        rules
    }

    /// A price as written, or its fault.
    pub(super) fn price(&mut self, raw: Option<&RawPrice>, path: &Path) -> Option<PriceSetting> {
        match raw? {
            RawPrice::Word(_) => Some(PriceSetting::Free),
            RawPrice::Settings(settings) => self.price_settings(settings, path),
        }
    }

    fn price_settings(&mut self, raw: &RawPriceSettings, path: &Path) -> Option<PriceSetting> {
        let has_rates = [raw.input, raw.output, raw.cache_read, raw.cache_write, raw.cache_write_1h]
            .iter()
            .any(Option::is_some);
        if let Some(multiplier) = raw.multiplier {
            if has_rates {
                self.fault(&path.field("multiplier"), "Write either rates or `multiplier`, not both.");
                return None;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the schema bounds it to a thousand"
            )]
            return Some(PriceSetting::Multiplier((multiplier * 1e6).round() as u32));
        }
        if self.has_fault_below(path) {
            // What was misshapen is left out by now, and told.
            return None;
        }
        if !has_rates {
            self.fault(path, format!("Empty. {FORMS}"));
            return None;
        }
        for (key, rate) in [("input", raw.input), ("output", raw.output)] {
            if rate.is_none() {
                let message = "Missing. Write US dollars for a million tokens, 0 where none are charged.";
                self.fault(&path.field(key), message);
            }
        }
        let input = Rate::per_million(raw.input?)?;
        let rate = |written: Option<f64>, usual: Rate| written.map_or(Some(usual), Rate::per_million);
        let cache_write = rate(raw.cache_write, input)?;
        Some(PriceSetting::Rates(TokenRates {
            input,
            output: Rate::per_million(raw.output?)?,
            cache_read: rate(raw.cache_read, input)?,
            cache_write,
            cache_write_1h: rate(raw.cache_write_1h, cache_write)?,
        }))
    }
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}
