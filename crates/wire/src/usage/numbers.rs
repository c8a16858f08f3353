//! Single figures of a `usage`, read as they come: servers write counts as numbers with a fraction, as texts, negative, or
//! too large for anything. None of these may spoil the figures beside it, and none may become zero.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use switchyard_domain::usage::{Geography, ServiceTier};

use crate::members::borrowed_text;

const TICKS_PER_USD: f64 = 1e10;

/// Reads a count. A fraction is rounded up, and one beyond any count is the largest there is; none where it is no number.
pub(crate) fn count<'de, D: Deserializer<'de>>(json: D) -> Result<Option<i64>, D::Error> {
    <&RawValue>::deserialize(json).map(count_of)
}

/// Reads an amount of money; none where it is no number. Perplexity writes one as an object with a `total_cost`.
pub(crate) fn cost<'de, D: Deserializer<'de>>(json: D) -> Result<Option<f64>, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Parts {
        #[serde(deserialize_with = "cost")]
        total_cost: Option<f64>,
    }
    let raw = <&RawValue>::deserialize(json)?.get();
    Ok(if raw.starts_with('{') {
        serde_json::from_str::<Parts>(raw).ok().and_then(|parts| parts.total_cost)
    } else {
        figure(raw).and_then(|text| text.parse().ok())
    })
}

/// Reads xAI's `cost_in_usd_ticks`, USD (docs.x.ai, "Usage").
pub(crate) fn ticks<'de, D: Deserializer<'de>>(json: D) -> Result<Option<f64>, D::Error> {
    Ok(cost(json)?.map(|ticks| ticks / TICKS_PER_USD))
}

/// Reads a service tier.
pub(crate) fn tier<'de, D: Deserializer<'de>>(json: D) -> Result<Option<ServiceTier>, D::Error> {
    <&RawValue>::deserialize(json).map(tier_of)
}

/// Reads where an answer was made, as Anthropic names it.
pub(crate) fn geography<'de, D: Deserializer<'de>>(json: D) -> Result<Geography, D::Error> {
    let raw = <&RawValue>::deserialize(json)?;
    Ok(borrowed_text(raw).map_or(Geography::Unsaid, |name| Geography::named(&name)))
}

/// Reads true; everything else is false.
pub(crate) fn flag<'de, D: Deserializer<'de>>(json: D) -> Result<bool, D::Error> {
    <&RawValue>::deserialize(json).map(|raw| raw.get() == "true")
}

/// The tier a text names: the usual one where nobody knows the name, none where it is no text.
pub(crate) fn tier_of(raw: &RawValue) -> Option<ServiceTier> {
    borrowed_text(raw).map(|name| ServiceTier::named(&name).unwrap_or_default())
}

fn count_of(raw: &RawValue) -> Option<i64> {
    let text = figure(raw.get())?;
    if let Ok(count) = text.parse() {
        return Some(count);
    }
    let count: f64 = text.parse().ok().filter(|count: &f64| !count.is_nan())?;
    let most = if count > 0.0 { i64::MAX } else { i64::MIN };
    Some(format!("{:.0}", count.ceil()).parse().unwrap_or(most))
}

/// The text of a number, which may be written as a text.
fn figure(raw: &str) -> Option<&str> {
    let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw).trim();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Figures {
        #[serde(deserialize_with = "count")]
        count: Option<i64>,
        #[serde(deserialize_with = "cost")]
        cost: Option<f64>,
        #[serde(deserialize_with = "tier")]
        tier: Option<ServiceTier>,
        #[serde(deserialize_with = "geography")]
        geography: Geography,
    }

    #[test]
    fn a_count_is_read_however_it_is_written() {
        for (json, expected) in [
            ("12", Some(12)),
            ("\"12\"", Some(12)),
            ("\" 12 \"", Some(12)),
            ("12.0", Some(12)),
            ("12.2", Some(13)),
            ("0.1", Some(1)),
            ("1.2e3", Some(1_200)),
            ("-5", Some(-5)),
            ("-0", Some(0)),
            ("9223372036854775808", Some(i64::MAX)),
            ("1e300", Some(i64::MAX)),
            ("1e999", Some(i64::MAX)),
            ("-1e999", Some(i64::MIN)),
            ("\"many\"", None),
            ("\"NaN\"", None),
            ("\"\"", None),
            ("\"\\ud800\"", None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            ("{\"a\":1}", None),
        ] {
            let body = format!("{{\"count\":{json}}}");
            assert_eq!(serde_json::from_str::<Figures>(&body).unwrap().count, expected, "{json}");
        }
    }

    #[test]
    fn costs_tiers_and_places_are_read_or_left_out() {
        let read = |json: &str| serde_json::from_str::<Figures>(json).unwrap();
        assert_eq!(read(r#"{"cost":0.25}"#).cost, Some(0.25));
        assert_eq!(read(r#"{"cost":"0.25"}"#).cost, Some(0.25));
        assert_eq!(read(r#"{"cost":{"input_tokens_cost":0.1,"total_cost":0.25}}"#).cost, Some(0.25));
        assert_eq!(read(r#"{"cost":{"total_cost":{"total_cost":[]}}}"#).cost, None);
        assert_eq!(read(r#"{"cost":[0.25],"tier":7,"geography":null}"#).cost, None);
        assert_eq!(read(r#"{"tier":"FLEX"}"#).tier, Some(ServiceTier::Flex));
        assert_eq!(read(r#"{"tier":"tomorrow"}"#).tier, Some(ServiceTier::Standard));
        assert_eq!(read(r#"{"tier":null}"#).tier, None);
        assert_eq!(read(r#"{"geography":"us"}"#).geography, Geography::Regional);
        assert_eq!(read(r#"{"geography":{}}"#).geography, Geography::Unsaid);
    }
}
