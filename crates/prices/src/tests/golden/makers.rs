//! Bills of Anthropic's and OpenAI's own APIs.

use switchyard_domain::usage::{BilledUsage, Geography, ServiceTier};

use super::{Bill, NONE, NOW, bill};

pub(super) fn bills() -> Vec<Bill> {
    vec![
        // Plain text. 1,000 x 5 + 500 x 25 USD per million.
        bill(
            "anthropic",
            "claude-opus-4-6",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.0175",
        ),
        // A cache read and a five-minute write. 12 x 5 + 50,000 x 0.5 + 2,000 x 6.25 + 300 x 25 USD per million.
        bill(
            "anthropic",
            "claude-opus-4-6",
            "",
            NOW,
            BilledUsage { input: 12, cache_read: 50_000, cache_write_5m: 2_000, output: 300, ..NONE },
            "0.04506",
        ),
        // An hour's write beside a five-minute one. 4 x 3 + 1,000 x 3.75 + 10,000 x 6 + 200 x 15 USD per million.
        bill(
            "anthropic",
            "claude-sonnet-4-6",
            "",
            NOW,
            BilledUsage { input: 4, cache_write_5m: 1_000, cache_write_1h: 10_000, output: 200, ..NONE },
            "0.066762",
        ),
        // A cache read at a fortieth. 100,000 x 0.25 + 10 x 10 + 1,000 x 50 USD per million.
        bill(
            "anthropic",
            "claude-fable-5-1",
            "",
            NOW,
            BilledUsage { cache_read: 100_000, input: 10, output: 1_000, ..NONE },
            "0.0751",
        ),
        // An hour's write of the dearest. 20,000 x 20 + 100 x 50 USD per million.
        bill(
            "anthropic",
            "claude-fable-5-1",
            "",
            NOW,
            BilledUsage { cache_write_1h: 20_000, output: 100, ..NONE },
            "0.405",
        ),
        // Thinking is output. 100 x 5 + 200 x 25 + 3,000 x 25 USD per million.
        bill(
            "anthropic",
            "claude-opus-4-6",
            "",
            NOW,
            BilledUsage { input: 100, output: 200, reasoning: 3_000, ..NONE },
            "0.0805",
        ),
        // Web searches on top. 20,000 x 3 + 800 x 15 USD per million + 3 x 10 USD per thousand.
        bill(
            "anthropic",
            "claude-sonnet-4-6",
            "",
            NOW,
            BilledUsage { input: 20_000, output: 800, web_searches: 3, ..NONE },
            "0.102",
        ),
        // Half price in a batch, caches too. 1,000 x 1.5 + 4,000 x 0.15 + 500 x 1.875 + 500 x 3 + 700 x 7.5 USD per million.
        bill(
            "anthropic",
            "claude-sonnet-4-6",
            "",
            NOW,
            BilledUsage {
                input: 1_000,
                cache_read: 4_000,
                cache_write_5m: 500,
                cache_write_1h: 500,
                output: 700,
                tier: ServiceTier::Batch,
                ..NONE
            },
            "0.0097875",
        ),
        // A batch's searches are not halved. 1,000 x 2.5 + 100 x 12.5 USD per million + 2 x 10 USD per thousand.
        bill(
            "anthropic",
            "claude-opus-4-6",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 100, web_searches: 2, tier: ServiceTier::Batch, ..NONE },
            "0.02375",
        ),
        // The step of Haiku 5.5 is not reached at 100,000. 100,000 x 0.1 + 1,000 x 0.5 USD per million.
        bill(
            "anthropic",
            "claude-haiku-5-5",
            "",
            NOW,
            BilledUsage { input: 100_000, output: 1_000, ..NONE },
            "0.0105",
        ),
        // One token more bills every token at five times. 100,001 x 0.5 + 1,000 x 2.5 USD per million.
        bill(
            "anthropic",
            "claude-haiku-5-5",
            "",
            NOW,
            BilledUsage { input: 100_001, output: 1_000, ..NONE },
            "0.0525005",
        ),
        // Cached tokens count towards the step. 1 x 0.5 + 100,000 x 0.05 + 1,000 x 0.625 + 1,000 x 1 + 50 x 2.5 USD per million.
        bill(
            "anthropic",
            "claude-haiku-5-5",
            "",
            NOW,
            BilledUsage {
                input: 1,
                cache_read: 100_000,
                cache_write_5m: 1_000,
                cache_write_1h: 1_000,
                output: 50,
                ..NONE
            },
            "0.0067505",
        ),
        // The step in a batch. 200,000 x 0.25 + 1,000 x 1.25 USD per million.
        bill(
            "anthropic",
            "claude-haiku-5-5",
            "",
            NOW,
            BilledUsage { input: 200_000, output: 1_000, tier: ServiceTier::Batch, ..NONE },
            "0.05125",
        ),
        // Sonnet 4.6 had a step once. 300,000 x 6 + 1,000 x 22.5 USD per million.
        bill(
            "anthropic",
            "claude-sonnet-4-6",
            "",
            "2026-03-12",
            BilledUsage { input: 300_000, output: 1_000, ..NONE },
            "1.8225",
        ),
        // and is flat since 2026-03-13. 300,000 x 3 + 1,000 x 15 USD per million.
        bill(
            "anthropic",
            "claude-sonnet-4-6",
            "",
            "2026-03-13",
            BilledUsage { input: 300_000, output: 1_000, ..NONE },
            "0.915",
        ),
        // Inference kept in the US. (1,000 x 5 + 9,000 x 0.5 + 100 x 10 + 500 x 25 USD per million) x 1.1.
        bill(
            "anthropic",
            "claude-opus-4-6",
            "",
            NOW,
            BilledUsage {
                input: 1_000,
                cache_read: 9_000,
                cache_write_1h: 100,
                output: 500,
                geography: Geography::Regional,
                ..NONE
            },
            "0.0253",
        ),
        // Inference anywhere. 1,000 x 5 + 500 x 25 USD per million.
        bill(
            "anthropic",
            "claude-opus-4-6",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, geography: Geography::Global, ..NONE },
            "0.0175",
        ),
        // No premium before 4.6. 1,000 x 5 + 500 x 25 USD per million.
        bill(
            "anthropic",
            "claude-opus-4-5",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, geography: Geography::Regional, ..NONE },
            "0.0175",
        ),
        // Searches pay no premium. (1,000 x 3 + 500 x 15 USD per million) x 1.1 + 5 x 10 USD per thousand.
        bill(
            "anthropic",
            "claude-sonnet-4-6",
            "",
            NOW,
            BilledUsage {
                input: 1_000,
                output: 500,
                web_searches: 5,
                geography: Geography::Regional,
                ..NONE
            },
            "0.06155",
        ),
        // Priority Tier is bought ahead. 1,000 x 3 + 500 x 15 USD per million.
        bill(
            "anthropic",
            "claude-sonnet-4-6",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, tier: ServiceTier::Priority, ..NONE },
            "0.0105",
        ),
        // A map's short name. 1,000 x 3 + 500 x 15 USD per million.
        bill("anthropic", "sonnet-4.6", "", NOW, BilledUsage { input: 1_000, output: 500, ..NONE }, "0.0105"),
        // Plain text. 1,000 x 0.15 + 500 x 0.6 USD per million.
        bill("openai", "gpt-4o-mini", "", NOW, BilledUsage { input: 1_000, output: 500, ..NONE }, "0.00045"),
        // A cache read. 200 x 2.5 + 1,024 x 1.25 + 300 x 10 USD per million.
        bill(
            "openai",
            "gpt-4o",
            "",
            NOW,
            BilledUsage { input: 200, cache_read: 1_024, output: 300, ..NONE },
            "0.00478",
        ),
        // A five-percent cache read and a write. 100 x 2 + 20,000 x 0.1 + 3,000 x 2.5 + 1,000 x 10 USD per million.
        bill(
            "openai",
            "gpt-6.1-sol",
            "",
            NOW,
            BilledUsage { input: 100, cache_read: 20_000, cache_write_5m: 3_000, output: 1_000, ..NONE },
            "0.0197",
        ),
        // Writes are free before GPT-5.6: a prompt's price. 3,000 x 5 + 10 x 30 USD per million.
        bill(
            "openai",
            "gpt-5.5",
            "",
            NOW,
            BilledUsage { cache_write_5m: 3_000, output: 10, ..NONE },
            "0.0153",
        ),
        // Reasoning is output. 75 x 1.25 + 200 x 10 + 1,024 x 10 USD per million.
        bill(
            "openai",
            "gpt-5",
            "",
            NOW,
            BilledUsage { input: 75, output: 200, reasoning: 1_024, ..NONE },
            "0.01233375",
        ),
        // Flex. 1,000 x 0.625 + 1,000 x 0.0625 + 500 x 5 USD per million.
        bill(
            "openai",
            "gpt-5",
            "",
            NOW,
            BilledUsage { input: 1_000, cache_read: 1_000, output: 500, tier: ServiceTier::Flex, ..NONE },
            "0.0031875",
        ),
        // Priority. 1,000 x 2.5 + 1,000 x 0.25 + 500 x 20 USD per million.
        bill(
            "openai",
            "gpt-5",
            "",
            NOW,
            BilledUsage { input: 1_000, cache_read: 1_000, output: 500, tier: ServiceTier::Priority, ..NONE },
            "0.01275",
        ),
        // Priority of GPT-5.5 is two and a half times. 1,000 x 12.5 + 500 x 75 USD per million.
        bill(
            "openai",
            "gpt-5.5",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, tier: ServiceTier::Priority, ..NONE },
            "0.05",
        ),
        // Batch has no price for cached input. 1,000 x 1.25 + 1,000 x 1.25 + 500 x 5 USD per million.
        bill(
            "openai",
            "gpt-4o",
            "",
            NOW,
            BilledUsage { input: 1_000, cache_read: 1_000, output: 500, tier: ServiceTier::Batch, ..NONE },
            "0.005",
        ),
        // Priority before its price was listed. 1,000 x 1.25 + 500 x 10 USD per million.
        bill(
            "openai",
            "gpt-5",
            "",
            "2026-09-01",
            BilledUsage { input: 1_000, output: 500, tier: ServiceTier::Priority, ..NONE },
            "0.00625",
        ),
        // 272,000 is below the step. 272,000 x 2.5 + 1,000 x 15 USD per million.
        bill("openai", "gpt-5.4", "", NOW, BilledUsage { input: 272_000, output: 1_000, ..NONE }, "0.695"),
        // 272,001 is above it. 272,001 x 5 + 1,000 x 22.5 USD per million.
        bill("openai", "gpt-5.4", "", NOW, BilledUsage { input: 272_001, output: 1_000, ..NONE }, "1.382505"),
        // The step of GPT-6.1, with its cache. 1,000 x 4 + 299,000 x 0.2 + 1,000 x 5 + 2,000 x 15 USD per million.
        bill(
            "openai",
            "gpt-6.1-sol",
            "",
            NOW,
            BilledUsage { input: 1_000, cache_read: 299_000, cache_write_5m: 1_000, output: 2_000, ..NONE },
            "0.0988",
        ),
        // The step in flex. 300,000 x 2.5 + 1,000 x 11.25 USD per million.
        bill(
            "openai",
            "gpt-5.4",
            "",
            NOW,
            BilledUsage { input: 300_000, output: 1_000, tier: ServiceTier::Flex, ..NONE },
            "0.76125",
        ),
        // Priority of GPT-5.4 has no step. 300,000 x 5 + 1,000 x 30 USD per million.
        bill(
            "openai",
            "gpt-5.4",
            "",
            NOW,
            BilledUsage { input: 300_000, output: 1_000, tier: ServiceTier::Priority, ..NONE },
            "1.53",
        ),
        // Web and file searches. 1,000 x 2.5 + 500 x 10 USD per million + 2 x 10 USD per thousand + 4 x 2.5 USD per thousand.
        bill(
            "openai",
            "gpt-4o",
            "",
            NOW,
            BilledUsage { input: 1_000, output: 500, web_searches: 2, file_searches: 4, ..NONE },
            "0.0375",
        ),
        // The European host. (1,000 x 5 + 500 x 30 USD per million) x 1.1.
        bill(
            "openai",
            "gpt-5.5",
            "https://eu.api.openai.com/v1",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.022",
        ),
        // which costs older models nothing. 1,000 x 2.5 + 500 x 10 USD per million.
        bill(
            "openai",
            "gpt-4o",
            "https://eu.api.openai.com/v1",
            NOW,
            BilledUsage { input: 1_000, output: 500, ..NONE },
            "0.0075",
        ),
        // Audio, cached audio and an image. 100 x 4 + 500 x 32 + 1,000 x 0.4 + 50 x 0.4 + 85 x 5 + 40 x 16 + 300 x 64 USD per million.
        bill(
            "openai",
            "gpt-realtime",
            "",
            NOW,
            BilledUsage {
                input: 100,
                input_audio: 500,
                cache_read_audio: 1_000,
                cache_read: 50,
                input_image: 85,
                output: 40,
                output_audio: 300,
                ..NONE
            },
            "0.037085",
        ),
        // Audio without a price of its own. 100 x 2.5 + 500 x 2.5 + 300 x 10 USD per million.
        bill(
            "openai",
            "gpt-4o-audio-preview",
            "",
            NOW,
            BilledUsage { input: 100, input_audio: 500, output_audio: 300, ..NONE },
            "0.0045",
        ),
        // Images in, and out as text. 50 x 5 + 1,000 x 8 + 200 x 2 + 4,000 x 30 USD per million.
        bill(
            "openai",
            "gpt-image-2",
            "",
            NOW,
            BilledUsage { input: 50, input_image: 1_000, cache_read_image: 200, output_image: 4_000, ..NONE },
            "0.12865",
        ),
        // Embeddings. 8,192 x 0.02 USD per million.
        bill("openai", "text-embedding-3-small", "", NOW, BilledUsage { input: 8_192, ..NONE }, "0.00016384"),
        // o3 before its price fell. 1,000 x 10 + 1,000 x 40 USD per million.
        bill("openai", "o3", "", "2025-06-09", BilledUsage { input: 1_000, output: 1_000, ..NONE }, "0.05"),
        // and after. 1,000 x 2 + 1,000 x 8 USD per million.
        bill("openai", "o3", "", "2025-06-10", BilledUsage { input: 1_000, output: 1_000, ..NONE }, "0.01"),
    ]
}
