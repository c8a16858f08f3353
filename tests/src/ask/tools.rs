//! Tools offered, and what they answered.

use serde_json::{Value, json};
use switchyard_sim::Dialect;

use super::Ask;

impl Ask {
    /// Offering one tool, `get_weather(place)`.
    #[must_use]
    pub fn weather_tool(self) -> Self {
        let schema = json!({ "type": "object", "properties": { "place": { "type": "string" } }, "required": ["place"] });
        let (name, says) = ("get_weather", "The weather at a place.");
        let tool = match self.dialect {
            Dialect::OpenaiResponses => json!({ "type": "function", "name": name, "description": says,
                "parameters": schema, "strict": false }),
            Dialect::Anthropic => json!({ "name": name, "description": says, "input_schema": schema }),
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                json!({ "type": "function", "function": { "name": name, "description": says, "parameters": schema } })
            }
        };
        self.with(json!({ "tools": [tool] }))
    }

    /// The next turn: what the model said (as it came), and what the tools answered by call id. `Err` is a tool
    /// that failed.
    #[must_use]
    pub fn then_tools(mut self, said: &Value, results: &[(String, Result<&str, &str>)]) -> Self {
        self.push_said(said);
        let dialect = self.dialect;
        let told = results.iter().map(|(id, result)| {
            let (Ok(text) | Err(text)) = result;
            match dialect {
                Dialect::OpenaiResponses => {
                    json!({ "type": "function_call_output", "call_id": id, "output": text })
                }
                Dialect::Anthropic if result.is_err() => {
                    json!({ "type": "tool_result", "tool_use_id": id, "content": text, "is_error": true })
                }
                Dialect::Anthropic => json!({ "type": "tool_result", "tool_use_id": id, "content": text }),
                Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                    json!({ "role": "tool", "tool_call_id": id, "content": text })
                }
            }
        });
        let told: Vec<Value> = told.collect();
        if dialect == Dialect::Anthropic {
            self.turns().push(json!({ "role": "user", "content": told }));
        } else {
            self.turns().extend(told);
        }
        self
    }
}
