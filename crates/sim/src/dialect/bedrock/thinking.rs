//! Reasoning: asked for in the model's own fields, checked when it comes back.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html>

use serde_json::Value;

use super::is_claude;
use super::rules::model_said;
use crate::ask::{Reasoning, Refusal, members};
use crate::thought;

/// Anthropic's signatures are good wherever its models run.
const REALM: &str = "anthropic";
/// The least an Anthropic model may be given to think with.
const LEAST_BUDGET: u64 = 1024;
/// The fields of Anthropic's own that Converse has no word for.
const FIELDS: [&str; 8] = [
    "thinking",
    "top_k",
    "anthropic_beta",
    "tool_choice",
    "output_config",
    "reasoning_config",
    "context_management",
    "metadata",
];

pub(super) fn signature(thought: &str) -> String {
    thought::sign(REALM, thought)
}

fn config(body: &Value) -> &Value {
    let fields = &body["additionalModelRequestFields"];
    if fields["thinking"].is_null() { &fields["reasoning_config"] } else { &fields["thinking"] }
}

fn thinks(body: &Value) -> bool {
    config(body)["type"] == "enabled" || config(body)["type"] == "adaptive"
}

pub(super) fn reasoning(body: &Value) -> Option<Reasoning> {
    // Amazon's models call it `reasoningConfig`.
    let nova = body["additionalModelRequestFields"]["reasoningConfig"]["type"] == "enabled";
    (thinks(body) || nova).then_some(Reasoning { shown: true, encrypted: false })
}

pub(super) fn check(model: &str, body: &Value) -> Result<(), Refusal> {
    if !is_claude(model) {
        return Ok(());
    }
    let mut fields = body["additionalModelRequestFields"].as_object().into_iter().flatten();
    if let Some((name, _)) = fields.find(|(name, _)| !FIELDS.contains(&name.as_str())) {
        return model_said(&format!("{name}: Extra inputs are not permitted"));
    }
    check_signatures(body)?;
    if !thinks(body) {
        return Ok(());
    }
    check_budget(body)?;
    let inference = &body["inferenceConfig"];
    if inference["temperature"].as_f64().is_some_and(|value| (value - 1.0).abs() > f64::EPSILON) {
        return model_said("`temperature` may only be set to 1 when thinking is enabled.");
    }
    if inference["topP"].as_f64().is_some_and(|value| value < 0.95) {
        return model_said(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.",
        );
    }
    if !body["additionalModelRequestFields"]["top_k"].is_null() {
        return model_said("`top_k` must be unset when thinking is enabled.");
    }
    let choice = &body["toolConfig"]["toolChoice"];
    if choice.get("any").is_some() || choice.get("tool").is_some() {
        return model_said("Thinking may not be enabled when tool_choice forces tool use.");
    }
    check_last_turn(body)
}

fn check_budget(body: &Value) -> Result<(), Refusal> {
    if config(body)["type"] != "enabled" {
        return Ok(());
    }
    match config(body)["budget_tokens"].as_u64() {
        None => model_said("thinking.enabled.budget_tokens: Field required"),
        Some(budget) if budget < LEAST_BUDGET => {
            model_said("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        }
        Some(budget) if body["inferenceConfig"]["maxTokens"].as_u64().is_some_and(|most| most <= budget) => {
            model_said("`max_tokens` must be greater than `thinking.budget_tokens`.")
        }
        Some(_) => Ok(()),
    }
}

fn check_signatures(body: &Value) -> Result<(), Refusal> {
    for (n, message) in members(&body["messages"]).iter().enumerate() {
        for (at, block) in members(&message["content"]).iter().enumerate() {
            let said = &block["reasoningContent"]["reasoningText"];
            let Some(text) = said["text"].as_str() else { continue };
            let given = said["signature"].as_str();
            if given.is_none() {
                return model_said(&format!("messages.{n}.content.{at}.thinking.signature: Field required"));
            }
            if given.is_none_or(|given| !thought::is_signed(REALM, text, given)) {
                return model_said(&format!(
                    "messages.{n}.content.{at}: Invalid `signature` in `thinking` block"
                ));
            }
        }
    }
    Ok(())
}

/// A turn that goes on after a tool begins with the thoughts that led to the tool.
fn check_last_turn(body: &Value) -> Result<(), Refusal> {
    let messages = members(&body["messages"]);
    let [before @ .., called, answered] = messages else { return Ok(()) };
    let goes_on = members(&answered["content"]).iter().any(|block| block.get("toolResult").is_some());
    let first = members(&called["content"]).first();
    if goes_on && first.is_some_and(|block| block.get("reasoningContent").is_none()) {
        let n = before.len();
        return model_said(&format!(
            "messages.{n}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When \
             `thinking` is enabled, a final `assistant` message must start with a thinking block."
        ));
    }
    Ok(())
}
