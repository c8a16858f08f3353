//! What OpenAI's models do about reasoning, told by their names, whichever of its two dialects they are asked in.
//!
//! Sources: OpenAI "Reasoning models", the `reasoning.effort` of the API reference and the model pages: `minimal` is of
//! GPT-5 alone, `none` came with 5.1 and `xhigh` with 5.2 (and 5.1 Codex Max).
//!
//! A name this room does not know (a deployment of Azure's, another vendor's model) is [`Reasons::Unknown`]: what is sent
//! then is for each dialect to say.

use crate::canonical::Effort;

/// What a model does about reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reasons {
    /// It never does, and refuses to be asked (`gpt-4o`, `gpt-5-chat-latest`).
    Never,
    /// It always does, with these efforts (none = it can't be asked for one), and refuses sampling other than the default.
    Always(&'static [Effort]),
    /// Nothing is known about it.
    Unknown,
}

/// What a model does about reasoning, by its name with or without a vendor before it (`openai/gpt-5-mini`).
pub(crate) fn reasons(model: &str) -> Reasons {
    use Effort::{High, Low, Max, Medium, Minimal, None as Off};
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let never = ["gpt-3", "gpt-4", "chatgpt"].iter().any(|family| name.starts_with(family));
    if never || (name.starts_with("gpt-5") && name.contains("-chat")) {
        return Reasons::Never;
    }
    if ["o1-mini", "o1-preview"].iter().any(|early| name.starts_with(early)) {
        return Reasons::Always(&[]);
    }
    if ["o1", "o3", "o4"].iter().any(|family| name.starts_with(family)) {
        return Reasons::Always(&[Low, Medium, High]);
    }
    let Some(version) = name.strip_prefix("gpt-5") else { return Reasons::Unknown };
    let minor = version.strip_prefix('.').and_then(|rest| {
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse::<u32>().ok())
    });
    Reasons::Always(match minor {
        None if version.starts_with("-pro") => &[High],
        None if version.starts_with("-codex") => &[Low, Medium, High],
        None | Some(0) => &[Minimal, Low, Medium, High],
        Some(1) if version.contains("codex-max") => &[Off, Low, Medium, High, Max],
        Some(1) => &[Off, Low, Medium, High],
        Some(_) if version.contains("-pro") => &[Medium, High, Max],
        Some(_) => &[Off, Low, Medium, High, Max],
    })
}

/// The effort nearest to the one asked for among those a model takes, more rather than less; none where it takes no effort.
pub(crate) fn nearest(asked: Effort, taken: &[Effort]) -> Option<Effort> {
    let above = taken.iter().copied().find(|effort| *effort >= asked);
    above.or_else(|| taken.last().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts_are_what_the_model_takes() {
        let cases = [
            ("o3-mini", Effort::None, Effort::Low),
            ("openai/o4-mini", Effort::Max, Effort::High),
            ("gpt-5-mini", Effort::Minimal, Effort::Minimal),
            ("gpt-5-pro", Effort::Low, Effort::High),
            ("gpt-5.1", Effort::Minimal, Effort::Low),
            ("gpt-5.1-codex-max", Effort::Max, Effort::Max),
            ("gpt-5.1-2025-11-13", Effort::Max, Effort::High),
            ("gpt-5.2", Effort::None, Effort::None),
            ("gpt-5.10-mini", Effort::Max, Effort::Max),
        ];
        for (model, asked, sent) in cases {
            let Reasons::Always(taken) = reasons(model) else { panic!("{model} reasons") };
            assert_eq!(nearest(asked, taken), Some(sent), "{model}");
        }
        for model in ["o1-mini", "o1-preview-2024-09-12"] {
            assert_eq!(reasons(model), Reasons::Always(&[]), "{model}");
            assert_eq!(nearest(Effort::Low, &[]), None, "{model}");
        }
        for model in ["gpt-4o-mini", "gpt-4.1", "gpt-5-chat-latest", "gpt-5.1-chat-latest"] {
            assert_eq!(reasons(model), Reasons::Never, "{model}");
        }
        assert_eq!(reasons("my-deployment"), Reasons::Unknown);
    }
}
