//! What the models behind chat endpoints take, told by their names.
//!
//! Sources: OpenAI "Reasoning models" and the model pages (`max_tokens`, sampling, penalties and `stop` are refused by
//! reasoning models; which efforts each generation knows), Google "OpenAI compatibility" (`reasoning_effort`), Groq and
//! vLLM (`gpt-oss`). A name nobody knows is taken for a plain model.

use crate::canonical::Effort;

/// A chat model's manners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChatModel {
    /// OpenAI's own reasoning models: `max_completion_tokens`, no sampling but the default, no `stop`.
    pub(super) reasons: bool,
    /// The efforts it takes, least and most; none = it has no `reasoning_effort`.
    efforts: Option<(Effort, Effort)>,
    /// Gemini behind Google's OpenAI-compatible endpoint, which takes its seals back.
    pub(crate) is_gemini: bool,
    /// OpenAI's own, which refuse members they don't know.
    pub(crate) is_openai: bool,
}

impl ChatModel {
    /// Reads a model's name, with or without a vendor before it (`openai/gpt-5-mini`).
    pub(crate) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let is_gemini = name.starts_with("gemini");
        let gpt5 = name.strip_prefix("gpt-5");
        let (reasons, efforts) = if name.contains("-chat") {
            (false, None)
        } else if let Some(rest) = gpt5 {
            let minor =
                rest.strip_prefix('.').and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
            (true, Some(gpt5_efforts(minor.and_then(|minor| minor.parse().ok()).unwrap_or(0))))
        } else if ["o1", "o3", "o4"].iter().any(|family| name.starts_with(family)) {
            let has_effort = !name.starts_with("o1-mini") && !name.starts_with("o1-preview");
            (true, has_effort.then_some((Effort::Low, Effort::High)))
        } else if name.starts_with("gpt-oss") {
            (false, Some((Effort::Low, Effort::High)))
        } else if name.starts_with("gemini-2.5") || name.starts_with("gemini-3") {
            (false, Some((Effort::None, Effort::High)))
        } else {
            (false, None)
        };
        let is_openai = ["gpt-", "chatgpt-", "o1", "o3", "o4"].iter().any(|family| name.starts_with(family));
        Self { reasons, efforts, is_gemini, is_openai: is_openai && !name.starts_with("gpt-oss") }
    }

    /// The effort it takes that is nearest to the one asked for; none = it takes no effort at all.
    pub(super) fn effort(self, asked: Effort) -> Option<Effort> {
        let (least, most) = self.efforts?;
        Some(asked.clamp(least, most))
    }
}

/// `minimal` is of GPT-5 alone, `none` came with 5.1 and `xhigh` with 5.2.
fn gpt5_efforts(minor: u32) -> (Effort, Effort) {
    match minor {
        0 => (Effort::Minimal, Effort::High),
        1 => (Effort::None, Effort::High),
        2.. => (Effort::None, Effort::Max),
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
