//! Counting tokens: Anthropic's `count_tokens`, answered by Bedrock's CountTokens (`POST /model/{id}/count-tokens`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request;
use super::request_shapes::{Block, Message, ToolConfig};
use crate::canonical::Prompt;
use crate::notes::{Notes, TranslateError, Translated};

/// Writes the body of CountTokens for a prompt.
///
/// # Errors
/// As for the prompt itself ([`crate::translate_request`]).
pub fn write_count_tokens(prompt: &Prompt<'_>, upstream_model: &str) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let request = request::body(prompt, upstream_model, &mut notes)?;
    let converse = Counted {
        messages: request.messages,
        system: request.system,
        tool_config: request.tool_config,
        additional_model_request_fields: request.additional_model_request_fields,
    };
    notes.finish(&Asked { input: Input { converse } })
}

/// Reads the answer of CountTokens, tokens.
///
/// # Errors
/// [`TranslateError::Invalid`] when it holds no `inputTokens`.
pub fn read_count_tokens(body: &[u8]) -> Result<u64, TranslateError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        input_tokens: Option<u64>,
    }
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    answer.input_tokens.ok_or_else(|| TranslateError::invalid("inputTokens", "is missing"))
}

#[derive(Serialize)]
struct Asked<'a> {
    input: Input<'a>,
}

#[derive(Serialize)]
struct Input<'a> {
    converse: Counted<'a>,
}

/// `ConverseTokensRequest`: the part of a Converse request that has tokens.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted<'a> {
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    additional_model_request_fields: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Block as Said, Content, Role, Turn};

    #[test]
    fn a_prompt_is_counted_as_it_would_be_sent() {
        let said = |content| Said { at: "x".to_owned(), cache: false, content };
        let prompt = Prompt {
            system: vec![said(Content::Text("Be brief.".into()))],
            turns: vec![Turn {
                at: "messages[0]".to_owned(),
                role: Role::User,
                blocks: vec![said(Content::Text("Hi".into()))],
            }],
            max_tokens: Some(5),
            ..Prompt::default()
        };
        let asked = write_count_tokens(&prompt, "anthropic.claude-sonnet-4-20250514-v1:0").unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&asked.body).unwrap(),
            serde_json::json!({"input": {"converse": {
                "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
                "system": [{"text": "Be brief."}],
            }}})
        );
        assert_eq!(read_count_tokens(br#"{"inputTokens":42}"#), Ok(42));
        assert_eq!(read_count_tokens(b"{}").unwrap_err().field(), Some("inputTokens"));
    }
}
