//! How long the model is to think, in the words of its vendor.

use serde_json::{Value, json};

use super::super::model::{Family, Model, Thinking};
use super::super::request_shapes::{Block, Request};
use crate::canonical::{Effort, Prompt, Reasoning, ToolChoice};
use crate::notes::Notes;
use crate::translate::DEFAULT_MAX_TOKENS;

/// Claude takes no smaller budget ("Extended thinking").
const SMALLEST_BUDGET: u64 = 1_024;

pub(super) fn write(prompt: &Prompt<'_>, model: Model, request: &mut Request<'_>, notes: &mut Notes) {
    let Some(asked) = prompt.reasoning else { return };
    if asked.is_off() {
        match model.thinks_unasked() {
            Some(false) => {}
            Some(true) => {
                let off = json!({ "type": "disabled" });
                request.additional_model_request_fields.insert("thinking".to_owned(), off);
            }
            None => notes.add("reasoning_dropped", "reasoning"),
        }
        return;
    }
    if asked.effort().is_none() && !asked.adaptive {
        return;
    }
    let fields = match (model.family(), model.thinking()) {
        (Family::Claude { .. }, Thinking::Budget | Thinking::Adaptive)
            if !may_think(prompt, model, request) =>
        {
            None
        }
        (Family::Claude { .. }, Thinking::Budget) => with_budget(asked, request, notes),
        (Family::Claude { version, is_opus }, Thinking::Adaptive) => {
            Some(by_effort(asked, version, is_opus, notes))
        }
        (Family::Nova { thinks: true }, _) => Some(nova(asked, request, notes)),
        (Family::GptOss, _) => Some(json!({ "reasoning_effort": plain_effort(asked) })),
        (Family::Claude { .. } | Family::Nova { .. } | Family::Other | Family::Hidden, _) => None,
    };
    let Some(Value::Object(fields)) = fields else {
        notes.add("reasoning_dropped", "reasoning");
        return;
    };
    request.additional_model_request_fields.extend(fields);
    if model.is_claude() {
        clear_sampling(request, notes);
    }
}

/// Claude refuses to think with a tool forced on it, in an answer begun for it, and, where it thinks by budget, in the
/// middle of a turn whose earlier thoughts are not there.
fn may_think(prompt: &Prompt<'_>, model: Model, request: &Request<'_>) -> bool {
    let is_forced = match &prompt.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => request.tool_config.is_some(),
        Some(ToolChoice::Auto | ToolChoice::None) | None => false,
    };
    let is_prefilled = request.messages.last().is_some_and(|message| message.role == "assistant");
    !is_forced && !is_prefilled && (model.thinking() == Thinking::Adaptive || !lacks_thought(request))
}

fn lacks_thought(request: &Request<'_>) -> bool {
    let [.., spoken, heard] = request.messages.as_slice() else { return false };
    let is_mid_turn = heard.content.iter().any(|block| matches!(block, Block::ToolResult { .. }));
    is_mid_turn && !matches!(spoken.content.first(), Some(Block::ReasoningContent(_)))
}

fn with_budget(asked: Reasoning, request: &mut Request<'_>, notes: &mut Notes) -> Option<Value> {
    let wanted = asked.budget().unwrap_or(Effort::High.budget_tokens()).max(SMALLEST_BUDGET);
    let limit = &mut request.inference_config.max_tokens;
    // The budget is part of the limit and has to leave room for the answer.
    let budget = match *limit {
        Some(limit) if limit <= wanted => limit / 2,
        Some(_) | None => wanted,
    };
    if budget < SMALLEST_BUDGET {
        return None;
    }
    if budget < wanted && asked.budget_tokens.is_some() {
        notes.add("reasoning_clamped", "reasoning");
    }
    // Without one the model's default holds, which may be smaller than the budget.
    limit.get_or_insert(budget + DEFAULT_MAX_TOKENS);
    Some(json!({ "thinking": { "type": "enabled", "budget_tokens": budget } }))
}

fn by_effort(asked: Reasoning, version: (u16, u16), is_opus: bool, notes: &mut Notes) -> Value {
    if asked.effort.is_none() && asked.budget_tokens.is_some() {
        notes.add("reasoning_budget_as_effort", "reasoning");
    }
    // Bedrock shows no thinking where the effort is not said; high is Anthropic's default. Of the 4.6 only Opus takes `max`.
    let effort = match asked.effort().unwrap_or(Effort::High) {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Max if version == (4, 6) && !is_opus => "high",
        Effort::Max => "max",
    };
    let mut thinking = json!({ "type": "adaptive" });
    // Since Opus 4.7 thinking is left out of the answer unless asked for.
    if asked.visible == Some(true) && version >= (4, 7) {
        thinking["display"] = Value::from("summarized");
    }
    json!({ "thinking": thinking, "output_config": { "effort": effort } })
}

/// Nova 2 takes neither limit nor sampling at high effort ("Extended thinking" in the Nova 2 guide). A limit is money: it
/// stays, and the effort gives way.
fn nova(asked: Reasoning, request: &mut Request<'_>, notes: &mut Notes) -> Value {
    let mut effort = plain_effort(asked);
    if effort == "high" && request.inference_config.max_tokens.is_some() {
        notes.add("reasoning_clamped", "reasoning");
        effort = "medium";
    }
    if effort == "high" {
        clear_sampling(request, notes);
        if request.inference_config.top_p.take().is_some() {
            notes.add("sampling_dropped", "top_p");
        }
    }
    json!({ "reasoningConfig": { "type": "enabled", "maxReasoningEffort": effort } })
}

fn plain_effort(asked: Reasoning) -> &'static str {
    match asked.effort().unwrap_or(Effort::Medium) {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::Max => "high",
    }
}

/// Thinking takes no temperature, no top-k and a top-p of 0.95 at least.
fn clear_sampling(request: &mut Request<'_>, notes: &mut Notes) {
    let inference = &mut request.inference_config;
    if inference.temperature.take().is_some_and(|value| value != 1.0) {
        notes.add("sampling_dropped", "temperature");
    }
    if inference.top_p.is_some_and(|value| value < 0.95) {
        inference.top_p = None;
        notes.add("sampling_dropped", "top_p");
    }
    for top_k in ["top_k", "inferenceConfig"] {
        if request.additional_model_request_fields.remove(top_k).is_some() {
            notes.add("sampling_dropped", "top_k");
        }
    }
}
