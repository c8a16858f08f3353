//! Bills of Google, the clouds, and everybody else.

use switchyard_domain::Usd;
use switchyard_domain::usage::{BilledUsage, ServiceTier};

use super::{Bill, NONE, NOW, bill};

pub(super) fn bills() -> Vec<Bill> {
    vec![
        // Below the step. 200,000 x 1.25 + 1,000 x 10 USD per million.
        bill(
            "google",
            "gemini-2.5-pro",
            "",
            NOW,
            BilledUsage { input: 200_000, output: 1_000, ..NONE },
            "0.26",
        ),
        // Above it, thoughts included. 100,001 x 2.5 + 100,000 x 0.25 + 1,000 x 15 + 5,000 x 15 USD per million.
        bill(
            "google",
            "gemini-2.5-pro",
            "",
            NOW,
            BilledUsage { input: 100_001, cache_read: 100_000, output: 1_000, reasoning: 5_000, ..NONE },
            "0.3650025",
        ),
        // Audio, cached audio and grounding. 1,000 x 0.3 + 3,200 x 1 + 500 x 0.03 + 100 x 0.1 + 200 x 2.5 USD per million + 1 x 35 USD per thousand.
        bill(
            "google",
            "gemini-2.5-flash",
            "",
            NOW,
            BilledUsage {
                input: 1_000,
                input_audio: 3_200,
                cache_read: 500,
                cache_read_audio: 100,
                output: 200,
                web_searches: 1,
                ..NONE
            },
            "0.039025",
        ),
        // Images and video as text. 258 x 0.3 + 2,580 x 0.3 + 100 x 2.5 USD per million.
        bill(
            "google",
            "gemini-2.5-flash",
            "",
            NOW,
            BilledUsage { input_image: 258, input_video: 2_580, output: 100, ..NONE },
            "0.0011014",
        ),
        // An image made. 20 x 0.5 + 10 x 3 + 1,120 x 60 USD per million.
        bill(
            "google",
            "gemini-3.1-flash-image",
            "",
            NOW,
            BilledUsage { input: 20, output: 10, output_image: 1_120, ..NONE },
            "0.06724",
        ),
        // Video and audio embedded. 100 x 0.2 + 300 x 6.5 + 258 x 0.45 + 500 x 12 USD per million.
        bill(
            "google",
            "gemini-embedding-2",
            "",
            NOW,
            BilledUsage { input: 100, input_audio: 300, input_image: 258, input_video: 500, ..NONE },
            "0.0080861",
        ),
        // Argon on its last day at half price. 1,000 x 2 + 1,000 x 0.1 + 1,000 x 10 USD per million.
        bill(
            "google",
            "gemini-4-argon",
            "",
            "2026-11-30",
            BilledUsage { input: 1_000, cache_read: 1_000, output: 1_000, ..NONE },
            "0.0121",
        ),
        // and on the first at the full one. 1,000 x 4 + 1,000 x 0.2 + 1,000 x 20 USD per million.
        bill(
            "google",
            "gemini-4-argon",
            "",
            "2026-12-01",
            BilledUsage { input: 1_000, cache_read: 1_000, output: 1_000, ..NONE },
            "0.0242",
        ),
        // and in a batch then. 1,000 x 2 + 1,000 x 0.1 + 1,000 x 10 USD per million.
        bill(
            "google",
            "gemini-4-argon",
            "",
            "2026-12-01",
            BilledUsage { input: 1_000, cache_read: 1_000, output: 1_000, tier: ServiceTier::Batch, ..NONE },
            "0.0121",
        ),
        // Priority that the list leaves out. (1,000 x 0.3 + 500 x 2.5 USD per million) x 1.8.
        bill(
            "google",
            "gemini-2.5-flash",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, tier: ServiceTier::Priority, ..NONE },
            "0.00279",
        ),
        // Flex that the list leaves out is priced as standard. 1,000 x 0.3 + 500 x 2.5 USD per million.
        bill(
            "google",
            "gemini-2.5-flash",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, tier: ServiceTier::Flex, ..NONE },
            "0.00155",
        ),
        // Flash in 2027. 1,000 x 1.5 + 1,000 x 7.5 USD per million.
        bill(
            "google",
            "gemini-3.8-flash",
            "",
            "2027-01-01",
            BilledUsage { input: 1_000, output: 1_000, ..NONE },
            "0.009",
        ),
        // Claude on Vertex, global. 1,000 x 3 + 500 x 15 USD per million.
        bill(
            "vertex",
            "claude-sonnet-4-6",
            "global",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.0105",
        ),
        // Claude on Vertex, in a region. (1,000 x 3 + 9,000 x 0.3 + 500 x 15 USD per million) x 1.1.
        bill(
            "vertex",
            "claude-sonnet-4-6",
            "europe-west1",
            NOW,
            BilledUsage { input: 1_000, cache_read: 9_000, output: 500, ..NONE },
            "0.01452",
        ),
        // The step and the region. (200,001 x 6 + 500 x 22.5 USD per million) x 1.1.
        bill(
            "vertex",
            "claude-sonnet-4-5@20250929",
            "europe-west1",
            NOW,
            BilledUsage { input: 200_001, output: 500, ..NONE },
            "1.3323816",
        ),
        // An older Claude pays no premium. 1,000 x 3 + 500 x 15 USD per million.
        bill(
            "vertex",
            "claude-3-7-sonnet@20250219",
            "europe-west1",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.0105",
        ),
        // Gemini on Vertex pays none. 1,000 x 0.3 + 500 x 2.5 USD per million.
        bill(
            "vertex",
            "gemini-2.5-flash",
            "europe-west1",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.00155",
        ),
        // Bedrock's global id. 1,000 x 3 + 500 x 15 USD per million.
        bill(
            "bedrock",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us-east-1",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.0105",
        ),
        // Its European id, ten percent more. 1,000 x 3.3 + 1,000 x 0.33 + 100 x 4.125 + 100 x 6.6 + 500 x 16.5 USD per million.
        bill(
            "bedrock",
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "eu-west-1",
            NOW,
            BilledUsage {
                input: 1_000,
                cache_read: 1_000,
                cache_write_5m: 100,
                cache_write_1h: 100,
                output: 500,
                ..NONE
            },
            "0.0129525",
        ),
        // A bare id is a region's. 1,000 x 3.3 + 500 x 16.5 USD per million.
        bill(
            "bedrock",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "eu-west-1",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.01155",
        ),
        // Priority at Bedrock, by its page. (1,000 x 0.8 + 500 x 3.2 USD per million) x 1.75.
        bill(
            "bedrock",
            "amazon.nova-pro-v1:0",
            "us-east-1",
            NOW,
            BilledUsage { input: 1_000, output: 500, tier: ServiceTier::Priority, ..NONE },
            "0.0042",
        ),
        // A model Azure resells. 1,000 x 2.5 + 1,000 x 1.25 + 500 x 10 USD per million.
        bill(
            "azure",
            "gpt-4o",
            "https://me.openai.azure.com",
            NOW,
            BilledUsage { input: 1_000, cache_read: 1_000, output: 500, ..NONE },
            "0.00875",
        ),
        // xAI's reasoning beside its completion. 32 x 1.25 + 9 x 2.5 + 300 x 2.5 USD per million.
        bill(
            "xai",
            "grok-4.3",
            "https://api.x.ai/v1",
            NOW,
            BilledUsage { input: 32, output: 9, reasoning: 300, ..NONE },
            "0.0008125",
        ),
        // xAI's step is at 200,000 itself. 200,000 x 2.5 + 1,000 x 5 USD per million.
        bill(
            "xai",
            "grok-4.3",
            "https://api.x.ai/v1",
            NOW,
            BilledUsage { input: 200_000, output: 1_000, ..NONE },
            "0.505",
        ),
        // xAI's batch is not half. 1,000 x 1 + 1,000 x 2 USD per million.
        bill(
            "xai",
            "grok-4.3",
            "https://api.x.ai/v1",
            NOW,
            BilledUsage { input: 1_000, output: 1_000, tier: ServiceTier::Batch, ..NONE },
            "0.003",
        ),
        // Grok before its price fell. 1,000 x 2 + 1,000 x 6 USD per million.
        bill(
            "xai",
            "grok-4.20",
            "https://api.x.ai/v1",
            "2026-04-29",
            BilledUsage { input: 1_000, output: 1_000, ..NONE },
            "0.008",
        ),
        // DeepSeek off its peak. 1,000 x 0.66 + 9,000 x 0.022 + 1,000 x 1.98 USD per million.
        bill(
            "deepseek",
            "deepseek-v4-pro",
            "",
            "2026-11-30 12",
            BilledUsage { input: 1_000, cache_read: 9_000, output: 1_000, ..NONE },
            "0.002838",
        ),
        // DeepSeek in its morning peak. 1,000 x 1.32 + 9,000 x 0.044 + 1,000 x 3.96 USD per million.
        bill(
            "deepseek",
            "deepseek-v4-pro",
            "",
            "2026-11-30 01",
            BilledUsage { input: 1_000, cache_read: 9_000, output: 1_000, ..NONE },
            "0.005676",
        ),
        // and at the end of the second. 1,000 x 0.66 + 1,000 x 1.98 USD per million.
        bill(
            "deepseek",
            "deepseek-v4-pro",
            "",
            "2026-11-30 10",
            BilledUsage { input: 1_000, output: 1_000, ..NONE },
            "0.00264",
        ),
        // DeepSeek before August. 1,000 x 0.435 + 1,000 x 0.87 USD per million.
        bill(
            "deepseek",
            "deepseek-v4-pro",
            "",
            "2026-08-16 12",
            BilledUsage { input: 1_000, output: 1_000, ..NONE },
            "0.001305",
        ),
        // Groq. 1,000 x 0.15 + 1,000 x 0.075 + 1,000 x 0.6 USD per million.
        bill(
            "groq",
            "openai/gpt-oss-120b",
            "",
            NOW,
            BilledUsage { input: 1_000, cache_read: 1_000, output: 1_000, ..NONE },
            "0.000825",
        ),
        // Mistral in a batch. 1,000 x 0.68 + 1,000 x 2.09 USD per million.
        bill(
            "mistral",
            "mistral-large-4",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 1_000, tier: ServiceTier::Batch, ..NONE },
            "0.00277",
        ),
        // Meta. 1,000 x 1.25 + 1,000 x 4.25 USD per million + 4 x 2.5 USD per thousand.
        bill(
            "meta",
            "muse-spark-1.1",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 1_000, web_searches: 4, ..NONE },
            "0.0155",
        ),
        // A request's own price. 1,000 x 3 + 1,000 x 15 USD per million + 1 x 14 USD per thousand.
        bill(
            "perplexity",
            "sonar-pro",
            "https://api.perplexity.ai",
            NOW,
            BilledUsage { input: 1_000, output: 1_000, ..NONE },
            "0.032",
        ),
        // Reasoning cheaper than the answer. 1,000 x 2 + 1,000 x 8 + 10,000 x 3 USD per million + 20 x 5 USD per thousand.
        bill(
            "perplexity",
            "sonar-deep-research",
            "https://api.perplexity.ai",
            NOW,
            BilledUsage { input: 1_000, output: 1_000, reasoning: 10_000, web_searches: 20, ..NONE },
            "0.14",
        ),
        // OpenRouter by its list. 1,000 x 3 + 500 x 15 USD per million.
        bill(
            "openrouter",
            "anthropic/claude-sonnet-4.6",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.0105",
        ),
        // OpenRouter by its own figure. The provider's own figure.
        bill(
            "openrouter",
            "anthropic/claude-sonnet-4.6",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, stated_cost: Some(Usd::from_nanos(9_876_500)), ..NONE },
            "0.0098765",
        ),
        // OpenRouter's figure for a model nobody knows. The provider's own figure.
        bill(
            "openrouter",
            "someone/something",
            "",
            NOW,
            BilledUsage { input: 1_000, stated_cost: Some(Usd::from_nanos(1_000)), ..NONE },
            "0.000001",
        ),
    ]
}
