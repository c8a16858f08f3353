//! What a model on Bedrock takes, by its id.
//!
//! An id names vendor and model (`us.anthropic.claude-sonnet-4-5-20250929-v1:0`), also at the end of most ARNs; an
//! application inference profile or provisioned throughput names neither. Sources: "Supported models and model features",
//! "Tool use", "Prompt caching", "Structured outputs", "Extended thinking" and "Adaptive thinking" in the Bedrock guide, the
//! Nova guides, and Anthropic's "What's new" pages for sampling and prefill.

/// A model, as far as its id tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    family: Family,
    has_schema: bool,
    has_cache_points: bool,
    forces_tools: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's, of this version; a name without a number is newer than any number.
    Claude { version: (u16, u16), is_opus: bool },
    /// Amazon's; of the second generation or not.
    Nova { thinks: bool },
    /// OpenAI's open weights.
    GptOss,
    /// Another vendor's.
    Other,
    /// The id does not tell.
    Hidden,
}

/// How a Claude is asked to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Not at all.
    Never,
    /// With a budget of tokens.
    Budget,
    /// By an effort, as long as it sees fit.
    Adaptive,
}

/// Where "Structured outputs" names a line of open weights.
const SCHEMA: [&str; 11] = [
    "qwen3",
    "gpt-oss",
    "deepseek.v3",
    "gemma-3-",
    "minimax-m2",
    "magistral",
    "ministral-3",
    "mistral-large-3",
    "voxtral",
    "kimi-k2",
    "nemotron-nano",
];

/// Vendors whose models cannot be made to call a tool (`ToolChoice`: any and tool).
const UNFORCED: [&str; 6] = ["meta.llama", "llama", "ai21.", "cohere.", "amazon.titan", "deepseek.r1"];

impl Model {
    pub(crate) fn read(id: &str) -> Self {
        let id = id.to_ascii_lowercase();
        let says = |needles: &[&str]| needles.iter().any(|needle| id.contains(needle));
        let family = family(&id);
        let (has_schema, has_cache_points) = match family {
            Family::Claude { version, .. } => (
                ((4, 5)..=(4, 6)).contains(&version),
                version >= (3, 7) || says(&["claude-3-5-haiku", "claude-3-5-sonnet-20241022"]),
            ),
            Family::Nova { .. } => (false, true),
            Family::GptOss => (true, false),
            Family::Other => (says(&SCHEMA), false),
            Family::Hidden => (false, false),
        };
        // Claude Opus 5.5 and the unnumbered ones think always, which goes with no forced tool.
        let thinks_always = match family {
            Family::Claude { version, is_opus } => version.0 == u16::MAX || (is_opus && version >= (5, 5)),
            Family::Nova { .. } | Family::GptOss | Family::Other | Family::Hidden => false,
        };
        let forces_tools = !thinks_always && !says(&UNFORCED);
        Self { family, has_schema, has_cache_points, forces_tools }
    }

    pub(super) fn family(self) -> Family {
        self.family
    }

    pub(super) fn is_claude(self) -> bool {
        matches!(self.family, Family::Claude { .. })
    }

    pub(super) fn is_nova(self) -> bool {
        matches!(self.family, Family::Nova { .. })
    }

    /// Whether it takes `outputConfig.textFormat` and strict tools.
    pub(super) fn has_schema(self) -> bool {
        self.has_schema
    }

    /// Whether it takes cache points.
    pub(super) fn has_cache_points(self) -> bool {
        self.has_cache_points
    }

    /// Whether it can be made to call a tool.
    pub(super) fn forces_tools(self) -> bool {
        self.forces_tools
    }

    /// Whether a failed tool is told by `status` ("This field is only supported by Amazon Nova and Anthropic Claude").
    pub(super) fn has_tool_status(self) -> bool {
        match self.family {
            Family::Claude { .. } | Family::Nova { .. } | Family::Hidden => true,
            Family::GptOss | Family::Other => false,
        }
    }

    /// Whether it is a Claude known, by its id, to continue its own turn. An id that hides its model says nothing.
    pub(crate) fn is_known_to_take_prefill(self) -> bool {
        self.is_claude() && self.takes_prefill()
    }

    /// Whether a conversation may end in the model's turn, which it then continues.
    pub(super) fn takes_prefill(self) -> bool {
        match self.family {
            Family::Claude { version, .. } => version < (4, 6),
            Family::Nova { .. } | Family::Hidden => true,
            Family::GptOss | Family::Other => false,
        }
    }

    /// Whether sampling can be set at all: the Claudes since Opus 4.7 refuse it.
    pub(super) fn takes_sampling(self) -> bool {
        match self.family {
            Family::Claude { version, .. } => version < (4, 7),
            Family::Nova { .. } | Family::GptOss | Family::Other | Family::Hidden => true,
        }
    }

    /// Whether temperature and top-p may be set together: the Claudes since Opus 4.1 take one of them.
    pub(super) fn takes_both_samplings(self) -> bool {
        match self.family {
            Family::Claude { version, .. } => version < (4, 1),
            Family::Nova { .. } | Family::GptOss | Family::Other | Family::Hidden => true,
        }
    }

    /// Whether it has to be told not to think, and can be: none = it thinks whatever it is told.
    pub(super) fn thinks_unasked(self) -> Option<bool> {
        match self.family {
            Family::Claude { version, .. } if version >= (5, 5) => None,
            Family::Claude { version, .. } => Some(version >= (5, 0)),
            Family::Nova { .. } | Family::GptOss | Family::Other | Family::Hidden => Some(false),
        }
    }

    /// How it is asked to think, for a Claude.
    pub(super) fn thinking(self) -> Thinking {
        match self.family {
            Family::Claude { version, .. } if version >= (4, 6) => Thinking::Adaptive,
            Family::Claude { version, .. } if version >= (3, 7) => Thinking::Budget,
            Family::Claude { .. } | Family::Nova { .. } | Family::GptOss | Family::Other | Family::Hidden => {
                Thinking::Never
            }
        }
    }
}

fn family(id: &str) -> Family {
    if let Some((_, name)) = id.split_once("claude-") {
        return Family::Claude { version: version(name), is_opus: name.contains("opus") };
    }
    if id.contains("nova-") {
        return Family::Nova { thinks: id.contains("nova-2") };
    }
    if id.contains("gpt-oss") {
        return Family::GptOss;
    }
    let is_opaque = ["application-inference-profile/", "provisioned-model/", "custom-model"];
    if is_opaque.iter().any(|kind| id.contains(kind)) { Family::Hidden } else { Family::Other }
}

/// `opus-4-5-20251101-v1:0` and `3-7-sonnet-20250219-v1:0`: the first short number and the short number next to it.
fn version(name: &str) -> (u16, u16) {
    if name.starts_with('v') || name.starts_with("instant") {
        return (2, 0);
    }
    let short = |part: &str| (part.len() <= 2).then(|| part.parse::<u16>().ok()).flatten();
    let mut parts = name.split('-').skip_while(|part| short(part).is_none()).map(short);
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), minor) => (major, minor.unwrap_or(0)),
        (None, _) => (u16::MAX, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_what_a_model_takes() {
        let claude = |version, is_opus| Family::Claude { version, is_opus };
        // id, family, thinking, prefill, schema, cache points
        let cases = [
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                claude((4, 5), false),
                Thinking::Budget,
                true,
                true,
                true,
            ),
            (
                "anthropic.claude-opus-4-20250514-v1:0",
                claude((4, 0), true),
                Thinking::Budget,
                true,
                false,
                true,
            ),
            (
                "global.anthropic.claude-opus-4-6-v1",
                claude((4, 6), true),
                Thinking::Adaptive,
                false,
                true,
                true,
            ),
            ("anthropic.claude-opus-5", claude((5, 0), true), Thinking::Adaptive, false, false, true),
            (
                "anthropic.claude-mythos-preview",
                claude((u16::MAX, 0), false),
                Thinking::Adaptive,
                false,
                false,
                true,
            ),
            (
                "anthropic.claude-3-7-sonnet-20250219-v1:0",
                claude((3, 7), false),
                Thinking::Budget,
                true,
                false,
                true,
            ),
            (
                "anthropic.claude-3-haiku-20240307-v1:0",
                claude((3, 0), false),
                Thinking::Never,
                true,
                false,
                false,
            ),
            ("anthropic.claude-v2:1", claude((2, 0), false), Thinking::Never, true, false, false),
            ("eu.amazon.nova-pro-v1:0", Family::Nova { thinks: false }, Thinking::Never, true, false, true),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova { thinks: true }, Thinking::Never, true, false, true),
            ("openai.gpt-oss-120b-1:0", Family::GptOss, Thinking::Never, false, true, false),
            ("us.meta.llama3-3-70b-instruct-v1:0", Family::Other, Thinking::Never, false, false, false),
            ("qwen.qwen3-32b-v1:0", Family::Other, Thinking::Never, false, true, false),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2",
                Family::Hidden,
                Thinking::Never,
                true,
                false,
                false,
            ),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0",
                claude((4, 5), false),
                Thinking::Budget,
                true,
                true,
                true,
            ),
        ];
        for (id, family, thinking, prefill, schema, cache) in cases {
            let model = Model::read(id);
            let seen = (
                model.family(),
                model.thinking(),
                model.takes_prefill(),
                model.has_schema(),
                model.has_cache_points(),
            );
            assert_eq!(seen, (family, thinking, prefill, schema, cache), "{id}");
        }
    }
}
