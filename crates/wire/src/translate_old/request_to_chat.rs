//! A Messages request, written as a chat request.

mod conversation;

use crate::notes::{Notes, TranslateError, Translated};
use super::tool_ids::user_id;
use crate::members::{Members, text_of};
use crate::openai_chat::{
    FunctionName, JsonSchema, Message, Request, ResponseFormat, StreamAsk, Tool, ToolChoice, ToolFunction,
};

/// OpenAI takes at most four stop sequences.
const STOP_LIMIT: usize = 4;

pub(super) fn write(body: &str, upstream_model: &str) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let mut source = Members::read(body, "")?;
    source.raw("model");
    source.raw("idempotencyKey");
    let mut messages: Vec<Message> = Vec::new();
    messages.extend(system(&mut source, &mut notes)?.map(|content| Message::System { content }));
    for (path, raw) in source.list("messages")? {
        conversation::add(&mut messages, &path, raw, &mut notes)?;
    }
    let stream = source.get("stream")?.unwrap_or(false);
    let limit: u64 = source.need("max_tokens")?;
    let reasons = is_reasoning_model(upstream_model);
    let (temperature, top_p) = sampling(&mut source, reasons, &mut notes)?;
    let mut stop: Vec<String> = source.get("stop_sequences")?.unwrap_or_default();
    if stop.len() > STOP_LIMIT {
        stop.truncate(STOP_LIMIT);
        notes.add("stop_truncated", "stop_sequences");
    }
    let tools = tools(&mut source, &mut notes)?;
    let (tool_choice, parallel_tool_calls) = tool_choice(&mut source, !tools.is_empty())?;
    let response_format = output_format(&mut source, &mut notes)?;
    let user = user(&mut source, &mut notes)?;
    thinking(&mut source, &mut notes)?;
    if source.peek("service_tier").is_some_and(|tier| tier.get() == "\"auto\"") {
        source.raw("service_tier");
    }
    notes.dropped(source);
    notes.finish(&Request {
        model: upstream_model,
        messages,
        max_tokens: (!reasons).then_some(limit),
        max_completion_tokens: reasons.then_some(limit),
        temperature,
        top_p,
        stop,
        stream,
        // A Messages stream always ends with its usage.
        stream_options: stream.then_some(StreamAsk { include_usage: true }),
        tools,
        tool_choice,
        parallel_tool_calls,
        response_format,
        user,
    })
}

/// OpenAI's reasoning models refuse `max_tokens` and any sampling but the default; older and compatible
/// endpoints know nothing else.
fn is_reasoning_model(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["o1", "o3", "o4", "gpt-5"].iter().any(|family| name.starts_with(family)) && !name.contains("-chat")
}

fn system(source: &mut Members<'_>, notes: &mut Notes) -> Result<Option<String>, TranslateError> {
    let Some(raw) = source.peek("system") else { return Ok(None) };
    if let Some(text) = text_of(raw) {
        source.raw("system");
        return Ok((!text.is_empty()).then_some(text));
    }
    let mut texts = Vec::new();
    for (path, raw) in source.list("system")? {
        let mut block = Members::read(raw.get(), path)?;
        block.raw("type");
        texts.push(block.need::<String>("text")?);
        conversation::cache_hint(&mut block, notes);
        notes.dropped(block);
    }
    Ok((!texts.is_empty()).then(|| texts.join("\n\n")))
}

fn sampling(
    source: &mut Members<'_>,
    reasons: bool,
    notes: &mut Notes,
) -> Result<(Option<f64>, Option<f64>), TranslateError> {
    let mut asked = |name| -> Result<Option<f64>, TranslateError> {
        let value = source.get::<f64>(name)?;
        if reasons && value.is_some_and(|value| value < 1.0) {
            notes.add("sampling_dropped", name);
        }
        Ok(value.filter(|_| !reasons))
    };
    Ok((asked("temperature")?, asked("top_p")?))
}

fn tools<'a>(source: &mut Members<'a>, notes: &mut Notes) -> Result<Vec<Tool<'a>>, TranslateError> {
    let mut tools = Vec::new();
    for (path, raw) in source.list("tools")? {
        let mut tool = Members::read(raw.get(), path.clone())?;
        // Tools the provider itself runs (web search, code execution) exist only there.
        if tool.get::<String>("type")?.is_some_and(|kind| kind != "custom") {
            notes.add("server_tool_dropped", path);
            continue;
        }
        let function = ToolFunction {
            name: tool.need("name")?,
            description: tool.get("description")?,
            parameters: tool.raw("input_schema"),
            strict: tool.get("strict")?.filter(|strict| *strict),
        };
        conversation::cache_hint(&mut tool, notes);
        notes.dropped(tool);
        tools.push(Tool { r#type: "function", function });
    }
    Ok(tools)
}

fn tool_choice(
    source: &mut Members<'_>,
    has_tools: bool,
) -> Result<(Option<ToolChoice>, Option<bool>), TranslateError> {
    let Some(mut choice) = source.object("tool_choice")? else { return Ok((None, None)) };
    let kind: String = choice.need("type")?;
    let parallel =
        choice.get::<bool>("disable_parallel_tool_use")?.filter(|disabled| *disabled).map(|_| false);
    let chosen = match kind.as_str() {
        "auto" => ToolChoice::Mode("auto"),
        "any" => ToolChoice::Mode("required"),
        "none" => ToolChoice::Mode("none"),
        "tool" => {
            ToolChoice::Function { r#type: "function", function: FunctionName { name: choice.need("name")? } }
        }
        _ => {
            return Err(TranslateError::invalid("tool_choice.type", "must be auto, any, tool or none"));
        }
    };
    Ok(if has_tools { (Some(chosen), parallel) } else { (None, None) })
}

/// Chat's strict mode demands every property to be required, which Anthropic's does not: the schema goes
/// along as guidance.
fn output_format<'a>(
    source: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<Option<ResponseFormat<'a>>, TranslateError> {
    let mut format = source.object("output_format")?;
    if let Some(mut config) = source.object("output_config")? {
        format = config.object("format")?.or(format);
        notes.dropped(config);
    }
    let Some(mut format) = format else { return Ok(None) };
    let kind: String = format.need("type")?;
    match (kind.as_str(), format.raw("schema")) {
        ("json_schema", Some(schema)) => {
            notes.add("schema_not_enforced", format.path_of("schema"));
            let json_schema = JsonSchema { name: "answer", schema };
            Ok(Some(ResponseFormat { r#type: "json_schema", json_schema }))
        }
        ("json_schema", None) => Err(TranslateError::invalid(format.path_of("schema"), "is missing")),
        _ => Err(TranslateError::unsupported(format.path_of("type"), format!("a format of type \"{kind}\""))),
    }
}

fn user(source: &mut Members<'_>, notes: &mut Notes) -> Result<Option<String>, TranslateError> {
    let Some(mut metadata) = source.object("metadata")? else { return Ok(None) };
    let user = metadata.get::<String>("user_id")?.map(user_id);
    if user.as_ref().is_some_and(|(_, is_shortened)| *is_shortened) {
        notes.add("user_id_shortened", "metadata.user_id");
    }
    notes.dropped(metadata);
    Ok(user.map(|(user, _)| user))
}

fn thinking(source: &mut Members<'_>, notes: &mut Notes) -> Result<(), TranslateError> {
    if let Some(mut thinking) = source.object("thinking")?
        && thinking.get::<String>("type")?.is_some_and(|kind| kind != "disabled")
    {
        notes.add("thinking_not_carried", "thinking");
    }
    Ok(())
}
