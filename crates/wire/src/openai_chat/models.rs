//! What the models behind chat endpoints take, told by their names.
//!
//! Which of OpenAI's reason, and how, is told by [`crate::openai_models`]; at the chat endpoint these refuse `max_tokens`,
//! sampling, penalties and `stop` ("Reasoning models"). Of others: Google "OpenAI compatibility" (`reasoning_effort`),
//! Groq and vLLM (`gpt-oss`). A name nobody knows is taken for a plain model.

use crate::canonical::Effort;
use crate::openai_models::{Reasons, nearest, reasons};

/// A chat model's manners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChatModel {
    /// OpenAI's own reasoning models: `max_completion_tokens`, no sampling but the default, no `stop`.
    pub(super) reasons: bool,
    /// The efforts it takes, from least to most; none = it has no `reasoning_effort`.
    efforts: &'static [Effort],
    /// Gemini behind Google's OpenAI-compatible endpoint, which takes its seals back.
    pub(crate) is_gemini: bool,
    /// OpenAI's own, which refuse members they don't know.
    pub(crate) is_openai: bool,
    /// What it wants of the thinking behind an earlier call.
    pub(super) thoughts: Thoughts,
}

/// What becomes of the thinking behind a call, which its caller was given as `reasoning_content`, when the conversation
/// goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thoughts {
    /// It is left out: most refuse the member or take it for the answer.
    Stay,
    /// It goes back, as Z.ai's GLM ("Thinking mode": preserve the reasoning of tool calls) and Xiaomi's MiMo ask for.
    GoBack,
    /// It has to go back: DeepSeek ("Thinking mode", tool calls) and Kimi ("Use the Kimi K2 thinking model") refuse a call
    /// without the member, and take a blank where no thinking is known.
    AreDemanded,
}

impl Thoughts {
    fn of(name: &str) -> Self {
        // Kimi's models without thinking are also run by others (Groq), which refuse the member.
        let thinks = !name.contains("instruct");
        match name {
            name if name.starts_with("deepseek") => Self::AreDemanded,
            name if name.starts_with("kimi") && thinks => Self::AreDemanded,
            name if name.starts_with("glm") || name.starts_with("mimo") => Self::GoBack,
            _ => Self::Stay,
        }
    }
}

impl ChatModel {
    /// Reads a model's name, with or without a vendor before it (`openai/gpt-5-mini`).
    pub(crate) fn of(model: &str) -> Self {
        use Effort::{High, Low, Medium, Minimal, None as Off};
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let is_gemini = name.starts_with("gemini");
        let (reasons, efforts): (bool, &'static [Effort]) = match reasons(&name) {
            Reasons::Always(efforts) => (true, efforts),
            Reasons::Unknown if name.starts_with("gpt-oss") => (false, &[Low, Medium, High]),
            Reasons::Unknown if name.starts_with("gemini-2.5") || name.starts_with("gemini-3") => {
                (false, &[Off, Minimal, Low, Medium, High])
            }
            Reasons::Never | Reasons::Unknown => (false, &[]),
        };
        let is_openai = ["gpt-", "chatgpt-", "o1", "o3", "o4"].iter().any(|family| name.starts_with(family));
        let is_openai = is_openai && !name.starts_with("gpt-oss");
        Self { reasons, efforts, is_gemini, is_openai, thoughts: Thoughts::of(&name) }
    }

    /// The effort it takes that is nearest to the one asked for; none = it takes no effort at all.
    pub(super) fn effort(self, asked: Effort) -> Option<Effort> {
        nearest(asked, self.efforts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts_are_brought_into_what_a_model_knows() {
        let cases = [
            ("gpt-4o-mini", Effort::High, None),
            ("openai/gpt-5-mini", Effort::None, Some(Effort::Minimal)),
            ("gpt-5.1", Effort::Max, Some(Effort::High)),
            ("gpt-5.2-pro", Effort::Max, Some(Effort::Max)),
            ("gpt-5-chat-latest", Effort::High, None),
            ("o3-mini", Effort::Minimal, Some(Effort::Low)),
            ("o1-mini", Effort::Low, None),
            ("gemini-3-flash", Effort::Medium, Some(Effort::Medium)),
            ("llama3.2:latest", Effort::Low, None),
        ];
        for (model, asked, taken) in cases {
            assert_eq!(ChatModel::of(model).effort(asked), taken, "{model}");
        }
        assert!(ChatModel::of("o4-mini").reasons && !ChatModel::of("gpt-4o").reasons);
    }
}
