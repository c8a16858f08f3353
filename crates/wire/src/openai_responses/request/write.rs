//! A request, written for an upstream that speaks Responses.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::write_items::{self, InputItem};
use crate::canonical::{Effort, Format, Prompt, Reasoning, ToolChoice};
use crate::notes::{CACHE_HINT_DROPPED, Notes, TranslateError};
use crate::openai_models::{Reasons, nearest, reasons};
use crate::openai_responses::strict_schema;
use crate::translate::tool_ids::user_id;

/// The least `max_output_tokens` the API takes.
const LEAST_TOKENS: u64 = 16;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<Cow<'a, str>>,
    input: Vec<InputItem<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<FunctionTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOptions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOptions>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    include: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    /// Always false: nothing is left with a provider the caller did not choose.
    store: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Serialize)]
struct FunctionTool<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Parameters<'a>,
    /// Always written: its default is true here and false everywhere else.
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Parameters<'a> {
    Schema(&'a RawValue),
    None { r#type: &'static str, properties: Empty },
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Mode(&'static str),
    Function { r#type: &'static str, name: &'a str },
}

#[derive(Serialize)]
struct TextOptions<'a> {
    format: TextFormat<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum TextFormat<'a> {
    JsonObject,
    JsonSchema {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a RawValue,
        strict: bool,
    },
}

#[derive(Serialize)]
struct ReasoningOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

/// Writes a request for an upstream.
pub(crate) fn write(
    prompt: &Prompt<'_>,
    upstream_model: &str,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    let reasons = reasons(upstream_model);
    let (reasoning, include) = reasoning(prompt.reasoning, reasons, notes);
    let samples = !matches!(reasons, Reasons::Always(_))
        || reasoning.as_ref().is_some_and(|reasoning| reasoning.effort == Some("none"));
    let (temperature, top_p) = sampling(prompt, samples, notes);
    note_what_has_no_word(prompt, notes);
    let has_tools = !prompt.tools.is_empty();
    let request = Request {
        model: upstream_model,
        instructions: (!prompt.turns.is_empty()).then(|| write_items::instructions(prompt)).flatten(),
        input: write_items::input(prompt, notes),
        tools: tools(prompt, notes),
        tool_choice: prompt.tool_choice.as_ref().filter(|_| has_tools).map(choice),
        parallel_tool_calls: prompt.parallel_tools.filter(|_| has_tools),
        max_output_tokens: prompt.max_tokens.map(|limit| {
            if limit < LEAST_TOKENS {
                notes.add("max_tokens_raised", "max_tokens");
            }
            limit.max(LEAST_TOKENS)
        }),
        temperature,
        top_p,
        text: text(&prompt.format, notes),
        reasoning,
        include,
        user: prompt.user.as_deref().map(|user| {
            let (user, is_shortened) = user_id(user);
            if is_shortened {
                notes.add("user_id_shortened", "user");
            }
            user
        }),
        prompt_cache_key: prompt.cache_key.as_deref(),
        service_tier: prompt.service_tier.as_deref(),
        store: false,
        stream: prompt.stream,
    };
    serde_json::to_vec(&request).map_err(|error| TranslateError::invalid("", error.to_string()))
}

/// What is asked of the model's reasoning, and whether its seal is asked for: without it a conversation that is not
/// stored loses the reasoning between tool calls. A model that doesn't reason refuses both. A model nobody knows is
/// taken at its word: whatever is asked is sent.
fn reasoning(
    asked: Option<Reasoning>,
    reasons: Reasons,
    notes: &mut Notes,
) -> (Option<ReasoningOptions>, &'static [&'static str]) {
    const SEALED: &[&str] = &["reasoning.encrypted_content"];
    let effort = asked.and_then(Reasoning::effort);
    let is_off = asked.is_some_and(Reasoning::is_off);
    match (reasons, asked) {
        (Reasons::Never, Some(_)) if !is_off => {
            notes.add("reasoning_not_carried", "reasoning");
            return (None, &[]);
        }
        (Reasons::Never, _) | (Reasons::Unknown, None) => return (None, &[]),
        (Reasons::Always(_), None) => return (None, SEALED),
        (Reasons::Always(_) | Reasons::Unknown, Some(_)) => {}
    }
    let effort = effort.and_then(|effort| match reasons {
        Reasons::Always(taken) => {
            let sent = nearest(effort, taken);
            if sent.is_none() && effort != Effort::None {
                notes.add("reasoning_not_carried", "reasoning");
            } else if sent.is_some_and(|sent| sent != effort) {
                notes.add("reasoning_effort_changed", "reasoning");
            }
            sent
        }
        Reasons::Never | Reasons::Unknown => Some(effort),
    });
    let summary = (asked.and_then(|asked| asked.visible) == Some(true) && !is_off).then_some("auto");
    let options = ReasoningOptions { effort: effort.map(Effort::as_openai), summary };
    let said = options.effort.is_some() || options.summary.is_some();
    let is_sealed = !is_off || matches!(reasons, Reasons::Always(_));
    (said.then_some(options), if is_sealed { SEALED } else { &[] })
}

/// Models that reason refuse any sampling but the default.
fn sampling(prompt: &Prompt<'_>, samples: bool, notes: &mut Notes) -> (Option<f64>, Option<f64>) {
    let mut asked = |value: Option<f64>, name: &str| {
        if !samples && value.is_some_and(|value| value != 1.0) {
            notes.add("sampling_dropped", name);
        }
        value.filter(|_| samples)
    };
    (asked(prompt.temperature, "temperature"), asked(prompt.top_p, "top_p"))
}

fn note_what_has_no_word(prompt: &Prompt<'_>, notes: &mut Notes) {
    if !prompt.stop.is_empty() {
        notes.add("stop_dropped", "stop");
    }
    let is_set = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty.abs() > 0.0);
    let lost = [
        ("top_k", prompt.top_k.is_some()),
        ("seed", prompt.seed.is_some()),
        ("presence_penalty", is_set(prompt.presence_penalty)),
        ("frequency_penalty", is_set(prompt.frequency_penalty)),
    ];
    for (name, _) in lost.into_iter().filter(|(_, is_lost)| *is_lost) {
        notes.add("field_dropped", name);
    }
}

fn tools<'a>(prompt: &'a Prompt<'a>, notes: &mut Notes) -> Vec<FunctionTool<'a>> {
    let mut tools = Vec::with_capacity(prompt.tools.len());
    for tool in &prompt.tools {
        if tool.cache {
            notes.add_once(CACHE_HINT_DROPPED, format!("{}.cache_control", tool.at));
        }
        let wants_strict = tool.strict.unwrap_or(false);
        let strict = wants_strict && tool.schema.is_none_or(strict_schema::fits);
        if strict != wants_strict {
            notes.add("schema_not_enforced", tool.at.as_str());
        }
        tools.push(FunctionTool {
            r#type: "function",
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool
                .schema
                .map_or(Parameters::None { r#type: "object", properties: Empty {} }, Parameters::Schema),
            // A tool without a schema has nothing to follow.
            strict: strict && tool.schema.is_some(),
        });
    }
    tools
}

fn choice<'a>(choice: &'a ToolChoice<'a>) -> Choice<'a> {
    match choice {
        ToolChoice::Auto => Choice::Mode("auto"),
        ToolChoice::Required => Choice::Mode("required"),
        ToolChoice::None => Choice::Mode("none"),
        ToolChoice::Named(name) => Choice::Function { r#type: "function", name },
    }
}

fn text<'a>(format: &'a Format<'a>, notes: &mut Notes) -> Option<TextOptions<'a>> {
    let format = match format {
        Format::Text => return None,
        Format::Json => TextFormat::JsonObject,
        Format::Schema { at, name, description, schema, strict } => {
            let fits = strict_schema::fits(schema);
            if *strict && !fits {
                notes.add("schema_not_enforced", at.as_str());
            }
            TextFormat::JsonSchema {
                name: schema_name(name.as_deref()),
                description: description.as_deref(),
                schema,
                strict: *strict && fits,
            }
        }
    };
    Some(TextOptions { format })
}

/// A name the API takes: letters, digits, `_` and `-`, at most 64.
fn schema_name(name: Option<&str>) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match name {
        Some(name) if !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain) => {
            Cow::Borrowed(name)
        }
        Some(name) if !name.is_empty() => {
            Cow::Owned(name.chars().take(64).map(|c| if is_plain(c) { c } else { '_' }).collect())
        }
        Some(_) | None => Cow::Borrowed("answer"),
    }
}
