//! Counting tokens: Anthropic's `count_tokens`, answered by Gemini's `:countTokens`.

use serde::{Deserialize, Serialize};

use super::request::{self, Body};
use super::{Variant, resource_name};
use crate::canonical::Prompt;
use crate::notes::{Notes, TranslateError, Translated};

/// Writes the body of `:countTokens` for a prompt.
///
/// # Errors
/// As for the prompt itself ([`crate::translate_request`]).
pub fn write_count_tokens(
    prompt: &Prompt<'_>,
    upstream_model: &str,
    variant: Variant,
) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let asked = request::body(prompt, upstream_model, &mut notes)?;
    match variant {
        // Its own `contents` would leave the tools and the system prompt uncounted.
        Variant::GeminiApi => notes.finish(&Wrapped {
            generate_content_request: Named { model: resource_name(upstream_model), request: asked },
        }),
        // `toolConfig` is not among the members of its `CountTokensRequest`.
        Variant::Vertex => notes.finish(&asked.without_tool_choice()),
    }
}

/// Reads the answer to `:countTokens`, tokens.
///
/// # Errors
/// [`TranslateError::Invalid`] when it holds no `totalTokens`.
pub fn read_count_tokens(body: &[u8]) -> Result<u64, TranslateError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counted {
        total_tokens: Option<u64>,
    }
    let counted: Counted =
        serde_json::from_slice(body).map_err(|error| TranslateError::invalid("", error.to_string()))?;
    counted.total_tokens.ok_or_else(|| TranslateError::invalid("totalTokens", "is missing"))
}

/// Writes the answer a Messages caller gets to `count_tokens`.
#[must_use]
pub fn count_tokens_answer(tokens: u64) -> String {
    format!("{{\"input_tokens\":{tokens}}}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wrapped<'a> {
    generate_content_request: Named<'a>,
}

#[derive(Serialize)]
struct Named<'a> {
    model: String,
    #[serde(flatten)]
    request: Body<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Block, Content, Role, Tool, ToolChoice, Turn};

    #[test]
    fn the_count_covers_system_prompt_and_tools_on_both_apis() {
        let text = |text: &'static str| Block {
            at: String::new(),
            cache: false,
            content: Content::Text(text.into()),
        };
        let schema =
            serde_json::from_str(r#"{"type":"object","properties":{"n":{"type":"integer","minimum":1.0}}}"#);
        let prompt = Prompt {
            system: vec![text("Be brief.")],
            turns: vec![Turn { at: "messages[0]".to_owned(), role: Role::User, blocks: vec![text("Hi")] }],
            tools: vec![Tool {
                at: "tools[0]".to_owned(),
                name: "now".into(),
                description: Some("The time".into()),
                schema: Some(schema.unwrap()),
                strict: None,
                cache: false,
            }],
            tool_choice: Some(ToolChoice::Required),
            ..Prompt::default()
        };
        let inner = concat!(
            r#""contents":[{"role":"user","parts":[{"text":"Hi"}]}],"#,
            r#""systemInstruction":{"parts":[{"text":"Be brief."}]},"#,
            r#""tools":[{"functionDeclarations":[{"name":"now","description":"The time","#,
            r#""parametersJsonSchema":{"type":"object","properties":{"n":{"type":"integer","minimum":1.0}}}}]}]"#,
        );
        let choice = r#""toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#;
        let cases = [
            (
                Variant::GeminiApi,
                format!(
                    r#"{{"generateContentRequest":{{"model":"models/gemini-3-flash",{inner},{choice}}}}}"#
                ),
            ),
            (Variant::Vertex, format!("{{{inner}}}")),
        ];
        for (variant, expected) in cases {
            let written = write_count_tokens(&prompt, "gemini-3-flash", variant).unwrap();
            assert_eq!(String::from_utf8(written.body).unwrap(), expected);
        }
    }

    #[test]
    fn the_count_comes_back_as_a_messages_caller_expects_it() {
        let body = br#"{"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}]}"#;
        assert_eq!(count_tokens_answer(read_count_tokens(body).unwrap()), r#"{"input_tokens":31}"#);
        assert!(read_count_tokens(b"{}").is_err());
        assert!(read_count_tokens(b"[").is_err());
    }
}
