//! What a move of a job to another route would change. Pure: prices, habits and abilities in, the difference out.

use switchyard_domain::map::Route;
use switchyard_domain::switch_cost::{SwitchCost, SwitchSide, TypicalRequest};
use switchyard_domain::{Dialect, Feature, FeatureSet, Usd};
use switchyard_store::TypicalUsage;

use crate::walk::serve::BOUND;
use switchyard_prices::{Price, Tokens};

/// What a request is taken for while nothing is known of the job's own: prompt and answer tokens.
const ASSUMED: (u64, u64) = (1_000, 300);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Days of a month in "a month".
const MONTH_DAYS: i64 = 30;
/// Days that are looked back on.
pub(crate) const LOOK_BACK_DAYS: i64 = 7;

/// A route as one side of a move.
#[derive(Clone, Debug)]
pub(crate) struct Side<'a> {
    pub(crate) route: &'a Route,
    pub(crate) price: Price,
    pub(crate) window: Option<u64>,
    pub(crate) lacks: FeatureSet,
}

/// What changes when `job` moves. `now_ms` is UTC epoch milliseconds.
pub(crate) fn preview(
    job: &str,
    from: &Side<'_>,
    to: &Side<'_>,
    typical_usage: &TypicalUsage,
    now_ms: i64,
) -> SwitchCost {
    let typical = typical(typical_usage);
    let warm = Tokens {
        input: typical.input_tokens,
        cached: typical.cached_tokens,
        cache_write: 0,
        output: typical.output_tokens,
    };
    // Until the new provider has the prompt in its cache, what is read from it now is written there in full.
    let cold = Tokens { cached: 0, cache_write: warm.cached, ..warm };
    let (is, becomes) = (from.price.cost(warm), to.price.cost(warm));
    let more = both(becomes, is);
    let cold_cache = both(to.price.cost(cold), becomes);
    let monthly_requests = monthly(typical_usage, now_ms);
    let translated = translated(from.route, to.route, typical_usage);
    let bound = if translated.is_empty() { FeatureSet::NONE } else { BOUND };
    let lost = to.lacks.or(bound).without(from.lacks);
    let mut cost = SwitchCost {
        job: job.to_owned(),
        from: side(from, is),
        to: side(to, becomes),
        typical,
        more_per_request_nano_usd: more,
        cold_cache_nano_usd: cold_cache,
        monthly_requests,
        more_per_month_nano_usd: more.zip(monthly_requests).map(|(more, requests)| more.times(requests)),
        dialect_changes: !translated.is_empty(),
        lost: lost.iter().collect(),
        gained: from.lacks.without(to.lacks).iter().collect(),
        sentences: Vec::new(),
    };
    cost.sentences = sentences(&cost, &translated);
    cost
}

fn both(a: Option<Usd>, b: Option<Usd>) -> Option<Usd> {
    a.zip(b).map(|(a, b)| a - b)
}

fn side(side: &Side<'_>, request_nano_usd: Option<Usd>) -> SwitchSide {
    SwitchSide {
        route: side.route.id.clone(),
        dialect: side.route.dialect,
        local: side.price == Price::Free,
        rates: side.price.rates(),
        request_nano_usd,
        context_window: side.window,
        lacks: side.lacks.iter().collect(),
    }
}

/// The medians of the job's own requests.
fn typical(typical_usage: &TypicalUsage) -> TypicalRequest {
    let Ok(measured @ 1..) = u32::try_from(typical_usage.tokens.len()) else {
        let (input_tokens, output_tokens) = ASSUMED;
        return TypicalRequest { input_tokens, cached_tokens: 0, output_tokens, measured: 0 };
    };
    let median = |at: usize| {
        let mut counts: Vec<u64> = typical_usage.tokens.iter().map(|tokens| tokens[at]).collect();
        counts.sort_unstable();
        counts[counts.len() / 2]
    };
    let (input_tokens, cached_tokens, output_tokens) = (median(0), median(1), median(2));
    // Each is a median of its own: the part must not outgrow the whole.
    TypicalRequest { input_tokens, cached_tokens: cached_tokens.min(input_tokens), output_tokens, measured }
}

/// Requests of 30 days at the rate since the first one that was looked at, a day at least.
fn monthly(typical_usage: &TypicalUsage, now_ms: i64) -> Option<u64> {
    let first = typical_usage.first_ms.filter(|_| typical_usage.answered > 0)?;
    let span = now_ms.saturating_sub(first).clamp(DAY_MS, LOOK_BACK_DAYS * DAY_MS).unsigned_abs();
    let month = (MONTH_DAYS * DAY_MS).unsigned_abs();
    Some(
        u64::try_from(u128::from(typical_usage.answered) * u128::from(month) / u128::from(span))
            .unwrap_or(u64::MAX),
    )
}

/// The dialects of the job's clients that pass through now and would be translated.
fn translated(from: &Route, to: &Route, typical_usage: &TypicalUsage) -> Vec<Dialect> {
    let own = [from.dialect];
    // Of a job that nobody has asked for yet, the route's own dialect stands in.
    let spoken = if typical_usage.dialects.is_empty() { &own[..] } else { &typical_usage.dialects };
    let changes = |dialect: &&Dialect| {
        from.dialect_for(**dialect) == **dialect && to.dialect_for(**dialect) != **dialect
    };
    spoken.iter().filter(changes).copied().collect()
}

fn sentences(cost: &SwitchCost, translated: &[Dialect]) -> Vec<String> {
    let SwitchCost { from, to, typical, .. } = cost;
    let mut said = Vec::new();
    said.push(match typical.measured {
        0 => format!(
            "Nothing is known of this job's requests yet: {} prompt and {} answer tokens are assumed.",
            typical.input_tokens, typical.output_tokens
        ),
        measured => format!(
            "A typical request has {} prompt tokens ({} of them cached) and {} answer tokens: medians of {measured}.",
            typical.input_tokens, typical.cached_tokens, typical.output_tokens
        ),
    });
    said.push(price_sentence(cost));
    match cost.cold_cache_nano_usd {
        Some(extra) if extra > Usd::ZERO => said.push(format!(
            "Until the prompt cache of {} is warm, each request costs {extra} on top.",
            to.route
        )),
        Some(_) | None => {}
    }
    if let Some((more, requests)) = cost.more_per_month_nano_usd.zip(cost.monthly_requests) {
        let word = if more < Usd::ZERO { "less" } else { "more" };
        said.push(format!(
            "At the rate of the last {LOOK_BACK_DAYS} days ({requests} requests in {MONTH_DAYS} days) that is {} {word} \
             a month.",
            more.abs()
        ));
    }
    match (from.context_window, to.context_window) {
        (Some(is), Some(becomes)) if is != becomes => {
            said.push(format!("The context window goes from {is} to {becomes} tokens."));
        }
        (Some(_), Some(_)) => {}
        (_, None) => said.push(format!("The context window of {} is not known.", to.route)),
        (None, Some(becomes)) => {
            said.push(format!("The context window of {} is {becomes} tokens.", to.route));
        }
    }
    if !translated.is_empty() {
        let names: Vec<&str> = translated.iter().map(|dialect| dialect.as_str()).collect();
        said.push(format!(
            "Requests in {} pass through now and would be translated to {}.",
            names.join(" and "),
            to.dialect
        ));
    }
    let words = |features: &[Feature]| features.iter().map(|f| f.words()).collect::<Vec<_>>().join(", ");
    if !cost.lost.is_empty() {
        said.push(format!("Lost: {}. Requests that need it go to other routes.", words(&cost.lost)));
    }
    if !cost.gained.is_empty() {
        said.push(format!("Gained: {}.", words(&cost.gained)));
    }
    said
}

fn price_sentence(cost: &SwitchCost) -> String {
    let SwitchCost { from, to, .. } = cost;
    let say = |side: &SwitchSide| match side.request_nano_usd {
        Some(_) if side.local => format!("nothing on {} (local)", side.route),
        Some(price) => format!("{price} on {}", side.route),
        None => format!("an unknown price on {}", side.route),
    };
    format!("It costs {} now, and {} after the move.", say(from), say(to))
}

#[cfg(test)]
mod tests;
