//! What vendors charge by their own pages and the price list leaves out: tiers it has no rates for, calls of server
//! tools, and models nobody knows.

use switchyard_domain::money::Rate;
use switchyard_domain::usage::ServiceTier;

use crate::category::{CATEGORIES, PROMPT, PerCategory};

/// What a model nobody knows is taken for where its vendor isn't known either, USD for a million tokens: prompt, answer.
const ASSUMED_USD: (f64, f64) = (10.0, 50.0);

/// What a vendor usually charges for a call of a server's tool, atto-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tools {
    pub(crate) web_search: u64,
    pub(crate) file_search: u64,
}

impl Tools {
    /// By the list's name of the vendor; a stranger's are taken for the dearest.
    pub(crate) fn usual(vendor: &str) -> Self {
        // USD for a thousand. Web search: platform.claude.com/docs/en/about-claude/pricing#web-search-tool (10, on Bedrock
        // and Vertex too), developers.openai.com/api/docs/pricing (10; file search 2.5),
        // ai.google.dev/gemini-api/docs/pricing (grounding: 14 to 35), docs.x.ai (5, the list's 2.5 for collections).
        let (web, file) = match vendor {
            "anthropic" | "aws" | "openai" | "azure" => (10.0, 2.5),
            _ => (35.0, 2.5),
        };
        let rate = |dollars| Rate::per_thousand(dollars).map_or(0, Rate::attos);
        Self { web_search: rate(web), file_search: rate(file) }
    }
}

/// What a tier without rates in the list costs, millionths of the standard price. A dearer tier is taken for the dearest
/// its vendor has; a cheaper one is taken for the standard.
pub(crate) fn tier_ppm(vendor: &str, model: &str, tier: ServiceTier) -> u32 {
    let is_dear = match tier {
        ServiceTier::Standard | ServiceTier::Flex | ServiceTier::Batch => false,
        ServiceTier::Priority | ServiceTier::Fast => true,
    };
    match vendor {
        _ if !is_dear => 1_000_000,
        // Priority is capacity bought ahead there; `speed: fast` of Opus costs six times the usual (the list's
        // `anthropic/claude-opus-4.6-fast` of OpenRouter: 30 and 150 USD beside 5 and 25).
        "anthropic" if tier == ServiceTier::Fast => 6_000_000,
        // ai.google.dev/gemini-api/docs/pricing: "Priority tier is 1.8x".
        "google" if model.starts_with("gemini") => 1_800_000,
        // aws.amazon.com/bedrock/pricing: priority is 75 % above standard.
        "aws" => 1_750_000,
        // developers.openai.com/api/docs/pricing: from 1.67 to 2.5 times, by model.
        "openai" | "azure" => 2_500_000,
        _ => 1_000_000,
    }
}

/// Atto-dollars for a token of each category of a stranger's model.
pub(crate) fn assumed_rates() -> PerCategory {
    let rate = |dollars| Rate::per_million(dollars).map_or(0, Rate::attos);
    let mut rates = [rate(ASSUMED_USD.1); CATEGORIES];
    rates[PROMPT].fill(rate(ASSUMED_USD.0));
    rates
}
