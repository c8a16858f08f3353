//! `GET /v1/models`, written in every caller's shape and read from any provider.

use serde_json::{Value, json};

use crate::Dialect;

/// The model list in the caller's dialect (Anthropic's when the caller sends `anthropic-version`, Gemini's by its path).
///
/// The dates two dialects demand are the epoch: a routed name has no date of birth.
#[must_use]
pub fn model_list<S: AsRef<str>>(dialect: Dialect, ids: &[S]) -> Vec<u8> {
    let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
    let list = match dialect {
        // The methods are the router's: which of its routes has them depends on the request.
        Dialect::Gemini => {
            let methods = ["generateContent", "streamGenerateContent", "countTokens", "embedContent"];
            let entry = |id: &&str| {
                json!({"name": format!("models/{id}"), "version": "1", "displayName": id,
                       "supportedGenerationMethods": methods})
            };
            json!({"models": ids.iter().map(entry).collect::<Vec<Value>>()})
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::BedrockConverse => {
            let entry = |id| json!({"id": id, "object": "model", "created": 0, "owned_by": "switchyard"});
            json!({"object": "list", "data": ids.iter().map(entry).collect::<Vec<Value>>()})
        }
        Dialect::AnthropicMessages => {
            let born = "1970-01-01T00:00:00Z";
            let entry = |id| json!({"type": "model", "id": id, "display_name": id, "created_at": born});
            json!({
                "data": ids.iter().map(entry).collect::<Vec<Value>>(),
                "has_more": false,
                "first_id": ids.first(),
                "last_id": ids.last(),
            })
        }
    };
    list.to_string().into_bytes()
}

/// One model, in the caller's dialect, as `GET /v1/models/{id}` answers.
#[must_use]
pub fn model_entry(dialect: Dialect, id: &str) -> Vec<u8> {
    let list = model_list(dialect, &[id]);
    // The list was written just before, with this one entry.
    let list: Value = serde_json::from_slice(&list).unwrap_or_default();
    let name = if dialect == Dialect::Gemini { "models" } else { "data" };
    list[name][0].to_string().into_bytes()
}

/// The ids in an upstream's model list: OpenAI's and Anthropic's `data`, Google's and Ollama's `models`, Vertex AI's
/// `publisherModels`, Bedrock's `modelSummaries` and `inferenceProfileSummaries`, or a bare list. None when the body is no
/// model list at all.
#[must_use]
pub fn model_ids(body: &[u8]) -> Option<Vec<String>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let lists = ["data", "models", "publisherModels", "modelSummaries", "inferenceProfileSummaries"];
    let list = value.as_array().or_else(|| lists.iter().find_map(|name| value.get(name)?.as_array()))?;
    let names = ["modelId", "inferenceProfileId", "id", "name", "model"];
    let id = |entry: &Value| {
        let id = names.iter().find_map(|name| entry.get(name)?.as_str())?;
        // Google's are paths: `models/x`, `publishers/google/models/x`. What stands behind may have slashes of its own.
        let id = id.trim_start_matches("models/");
        let is_published = id.starts_with("publishers/");
        Some(id.rsplit_once("/models/").filter(|_| is_published).map_or(id, |(_, id)| id).to_owned())
    };
    Some(list.iter().filter_map(id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_in_both_shapes() {
        for (dialect, name) in [(Dialect::OpenAiChat, "chat"), (Dialect::AnthropicMessages, "messages")] {
            let list = model_list(dialect, &["auto", "sonnet-4.6"]);
            let value: Value = serde_json::from_slice(&list).unwrap();
            insta::assert_json_snapshot!(format!("model_list_{name}"), value);
            assert_eq!(model_ids(&list).unwrap(), ["auto", "sonnet-4.6"], "what is written can be read");
        }
    }

    #[test]
    fn lists_of_other_providers_are_read() {
        let cases = [
            (r#"{"models":[{"name":"models/gemini-3-flash","displayName":"Flash"}]}"#, "gemini-3-flash"),
            (r#"{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest"}]}"#, "llama3.2:latest"),
            (
                r#"{"publisherModels":[{"name":"publishers/google/models/gemini-3-flash","versionId":"1"}]}"#,
                "gemini-3-flash",
            ),
            (
                r#"{"modelSummaries":[{"modelArn":"arn:x","modelId":"anthropic.claude-sonnet-4-20250514-v1:0","modelName":"Claude"}]}"#,
                "anthropic.claude-sonnet-4-20250514-v1:0",
            ),
            (
                r#"{"inferenceProfileSummaries":[{"inferenceProfileName":"US","inferenceProfileId":"us.amazon.nova-lite-v1:0"}]}"#,
                "us.amazon.nova-lite-v1:0",
            ),
            (r#"[{"id":"meta-llama/Llama-4","type":"chat"}]"#, "meta-llama/Llama-4"),
            (r#"{"models":[{"name":"models/meta-llama/Llama-4"}]}"#, "meta-llama/Llama-4"),
        ];
        for (body, id) in cases {
            assert_eq!(model_ids(body.as_bytes()).unwrap(), [id], "{body}");
        }
        for body in ["<html>", "{}", r#"{"error":{"message":"no"}}"#, "7"] {
            assert_eq!(model_ids(body.as_bytes()), None, "{body}");
        }
    }
}
