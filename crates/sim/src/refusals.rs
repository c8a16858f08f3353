//! What the vendors say when a key, a model or a prompt's length is not acceptable.

use crate::answer::tokens;
use crate::ask::Refusal;
use crate::dialect;
use crate::profile::{Dialect, KeyState};

/// What the provider thinks of the key it was shown.
pub(crate) fn key(dialect: Dialect, state: KeyState, shown: bool) -> Result<(), Refusal> {
    match state {
        KeyState::Good => Ok(()),
        KeyState::Revoked => Err(revoked(dialect, shown)),
        KeyState::Unpaid => Err(unpaid(dialect)),
        KeyState::RateLimited { retry_after_s } => {
            Err(Refusal { retry_after_s: Some(retry_after_s), ..Refusal::new(429, reason(dialect, 429)) })
        }
    }
}

fn revoked(dialect: Dialect, shown: bool) -> Refusal {
    match dialect {
        Dialect::Gemini if shown => {
            Refusal::new(400, "API key not valid. Please pass a valid API key.").code("API_KEY_INVALID")
        }
        Dialect::Gemini => Refusal::new(
            403,
            "Method doesn't allow unregistered callers (callers without established identity).",
        ),
        Dialect::BedrockConverse if shown => {
            Refusal::new(403, "The security token included in the request is invalid.")
        }
        Dialect::BedrockConverse => Refusal::new(403, "Missing Authentication Token"),
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic if !shown => {
            Refusal::new(401, "You didn't provide an API key.")
        }
        Dialect::OpenaiChat | Dialect::OpenaiResponses => Refusal::new(401, "Incorrect API key provided."),
        Dialect::Anthropic => Refusal::new(401, "invalid x-api-key"),
    }
}

fn unpaid(dialect: Dialect) -> Refusal {
    match dialect {
        Dialect::Anthropic => {
            Refusal::new(402, "Your credit balance is too low to access the Anthropic API.")
        }
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            Refusal::new(429, message).code("insufficient_quota")
        }
    }
}

/// A model it does not know.
pub(crate) fn model(dialect: Dialect, model: &str) -> Refusal {
    let message = match dialect {
        Dialect::Anthropic => format!("model: {model}"),
        Dialect::Gemini => format!(
            "models/{model} is not found for API version v1beta, or is not supported for generateContent."
        ),
        Dialect::BedrockConverse => "The provided model identifier is invalid.".to_owned(),
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            format!("The model `{model}` does not exist or you do not have access to it.")
        }
    };
    // Bedrock takes an unknown id for a bad request.
    let status = if dialect == Dialect::BedrockConverse { 400 } else { 404 };
    Refusal { param: Some("model".to_owned()), ..Refusal::new(status, message) }
}

/// A prompt longer than the model reads, in characters.
pub(crate) fn context(dialect: Dialect, asked_chars: usize, window_chars: usize) -> Refusal {
    let (asked, most) = (tokens(asked_chars), tokens(window_chars));
    let (param, message) = match dialect {
        Dialect::OpenaiChat => (
            "messages",
            format!(
                "This model's maximum context length is {most} tokens. However, your messages resulted in {asked} \
                 tokens. Please reduce the length of the messages."
            ),
        ),
        Dialect::OpenaiResponses => (
            "input",
            "Your input exceeds the context window of this model. Please adjust your input and try again."
                .to_owned(),
        ),
        Dialect::Anthropic => ("messages", format!("prompt is too long: {asked} tokens > {most} maximum")),
        Dialect::Gemini => (
            "contents",
            format!("The input token count ({asked}) exceeds the maximum number of tokens allowed ({most})."),
        ),
        Dialect::BedrockConverse => ("messages", "Input is too long for requested model.".to_owned()),
    };
    Refusal::field(param, message).code("context_length_exceeded")
}

/// A body that is no JSON.
pub(crate) fn not_json(dialect: Dialect, error: &serde_json::Error) -> Refusal {
    match dialect {
        Dialect::Gemini => Refusal::field("", format!("Invalid JSON payload received. {error}")),
        Dialect::BedrockConverse => Refusal::new(400, error.to_string()).code("SerializationException"),
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic => {
            Refusal::field("body", format!("We could not parse the JSON body of your request: {error}"))
        }
    }
}

/// What a provider says with a status, where nothing better is known.
pub(crate) fn reason(dialect: Dialect, status: u16) -> &'static str {
    match dialect {
        Dialect::Gemini => return dialect::gemini::reason(status),
        Dialect::BedrockConverse => return dialect::bedrock::reason(status),
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic => {}
    }
    match status {
        400 => "The request could not be understood.",
        401 => "Incorrect API key provided.",
        402 => "Your account has no credit left.",
        403 => "Country, region, or territory not supported.",
        404 => "The model does not exist or you do not have access to it.",
        408 => "The request took too long to arrive.",
        413 => "The request is too large.",
        429 => "Rate limit reached. Please try again later.",
        502 => "Bad gateway.",
        503 => "The engine is currently overloaded, please try again later.",
        504 => "The upstream did not answer in time.",
        529 => "Overloaded",
        _ => "The server had an error while processing your request. Sorry about that!",
    }
}
