//! What a request may hold besides its question, spelled in the caller's dialect.

use serde_json::{Value, json};
use switchyard_sim::Dialect;

use super::Ask;

/// A picture of one pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// `%PDF-1.4\n%%EOF\n`
const PDF: &str = "JVBERi0xLjQKJSVFT0YK";

impl Ask {
    /// With a system prompt.
    #[must_use]
    pub fn system(mut self, text: &str) -> Self {
        match self.dialect {
            Dialect::OpenaiResponses => self.with(json!({ "instructions": text })),
            Dialect::Anthropic => self.with(json!({ "system": text })),
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                self.turns().insert(0, json!({ "role": "system", "content": text }));
                self
            }
        }
    }

    /// With a part more in its last message.
    #[must_use]
    pub fn part(mut self, part: Value) -> Self {
        let kind = if self.dialect == Dialect::OpenaiResponses { "input_text" } else { "text" };
        let content = &mut self.turns().last_mut().unwrap()["content"];
        if let Some(text) = content.as_str() {
            *content = json!([{ "type": kind, "text": text }]);
        }
        content.as_array_mut().unwrap().push(part);
        self
    }

    /// With a picture.
    #[must_use]
    pub fn image(self) -> Self {
        let url = format!("data:image/png;base64,{PNG}");
        let part = match self.dialect {
            Dialect::OpenaiResponses => json!({ "type": "input_image", "detail": "auto", "image_url": url }),
            Dialect::Anthropic => {
                json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } })
            }
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                json!({ "type": "image_url", "image_url": { "url": url } })
            }
        };
        self.part(part)
    }

    /// With a document.
    #[must_use]
    pub fn document(self) -> Self {
        let (name, url) = ("report.pdf", format!("data:application/pdf;base64,{PDF}"));
        let part = match self.dialect {
            Dialect::OpenaiResponses => json!({ "type": "input_file", "filename": name, "file_data": url }),
            Dialect::Anthropic => json!({ "type": "document", "title": name,
                "source": { "type": "base64", "media_type": "application/pdf", "data": PDF } }),
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                json!({ "type": "file", "file": { "filename": name, "file_data": url } })
            }
        };
        self.part(part)
    }

    /// For an answer in JSON: `{"city": "...", "degrees": 0}`.
    #[must_use]
    pub fn schema(self) -> Self {
        let schema = json!({
            "type": "object",
            "properties": { "city": { "type": "string" }, "degrees": { "type": "integer" } },
            "required": ["city", "degrees"],
            "additionalProperties": false,
        });
        match self.dialect {
            Dialect::OpenaiResponses => self.with(json!({ "text": { "format": {
                "type": "json_schema", "name": "weather", "strict": true, "schema": schema } } })),
            Dialect::Anthropic => self
                .with(json!({ "output_config": { "format": { "type": "json_schema", "schema": schema } } })),
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => self
                .with(json!({ "response_format": { "type": "json_schema",
                    "json_schema": { "name": "weather", "strict": true, "schema": schema } } })),
        }
    }

    /// To stop before this text.
    ///
    /// # Panics
    /// In the Responses dialect, which has no stop sequences.
    #[must_use]
    pub fn stop(self, text: &str) -> Self {
        match self.dialect {
            Dialect::OpenaiResponses => panic!("Responses have no stop sequences"),
            Dialect::Anthropic => self.with(json!({ "stop_sequences": [text] })),
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                self.with(json!({ "stop": [text] }))
            }
        }
    }

    /// To think first, and to show it where the dialect can.
    #[must_use]
    pub fn thinking(self) -> Self {
        match self.dialect {
            Dialect::OpenaiResponses => self.at_most(4_000).with(json!({
                "reasoning": { "effort": "low", "summary": "auto" },
                "include": ["reasoning.encrypted_content"], "store": false })),
            Dialect::Anthropic => {
                self.at_most(4_000).with(json!({ "thinking": { "type": "enabled", "budget_tokens": 1_024 } }))
            }
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                let mut ask = self.with(json!({ "reasoning_effort": "low", "max_completion_tokens": 4_000 }));
                // The older name is refused by models that think.
                ask.body.as_object_mut().unwrap().remove("max_tokens");
                ask
            }
        }
    }
}
