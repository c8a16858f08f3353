//! The envelope of a Gemini caller's body, in one borrowed pass of its own: other names, other nesting, and a member that
//! holds what the URL said.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use switchyard_domain::{Feature, Operation};

use super::parts::{Opening, Parts};
use super::read::check_name;
use super::{Envelope, EnvelopeError};
use crate::Dialect;
use crate::gemini::asked::is_stored;
use crate::gemini::seal;
use crate::gemini::url::{MEMBER, Told};
use crate::members::{Members, text_of};
use crate::notes::TranslateError;
use crate::splice::{member_spans, span_of};

static SEALS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(seal::MARKED));

impl From<TranslateError> for EnvelopeError {
    fn from(error: TranslateError) -> Self {
        match error {
            TranslateError::Invalid { field, message } | TranslateError::Unsupported { field, message } => {
                if field == "body" {
                    Self::body(message)
                } else {
                    Self::field(field, message)
                }
            }
        }
    }
}

/// Reads a body whose URL's words have been put into it.
pub(super) fn read(operation: Operation, body: &str) -> Result<Envelope, EnvelopeError> {
    let mut source = object(body)?;
    let url = source.raw(MEMBER);
    let span = url.map(|raw| span_of(body, raw)).unwrap_or_default();
    let told: Told = url.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    if told.model.is_empty() {
        return Err(EnvelopeError::field(
            "model",
            "is missing; name the model to use, or \"auto\", in the path",
        ));
    }
    check_name("model", &told.model)?;
    let key = source.peek("idempotencyKey").map(|raw| span_of(body, raw));
    let idempotency_key: Option<String> = source.get("idempotencyKey")?;
    check_name("idempotencyKey", idempotency_key.as_deref().unwrap_or_default())?;
    let mut scan = Scan { body, ..Scan::default() };
    match operation {
        Operation::Embed => scan.embedded(&mut source)?,
        Operation::Complete | Operation::Compact => scan.prompt(&mut source)?,
        Operation::CountTokens => match source.object("generateContentRequest")? {
            Some(inner) => scan.prompt(&mut inner.in_camel_case())?,
            None => scan.prompt(&mut source)?,
        },
    }
    // The URL's words stand first.
    let mut ours = member_spans(body, std::iter::once(span.clone()).chain(key).collect()).into_iter();
    scan.need(Feature::Stream, told.stream);
    scan.need(Feature::Prefill, scan.ends_with_model && operation == Operation::Complete);
    Ok(Envelope {
        dialect: Dialect::Gemini,
        operation,
        model: told.model,
        model_span: span,
        stream: told.stream,
        max_tokens: scan.max_tokens,
        choices: scan.choices.max(1),
        message_count: scan.messages,
        features: scan.parts.features,
        prompt_chars: scan.parts.text_bytes,
        media_count: scan.parts.media,
        has_seals: SEALS.find(body.as_bytes()).is_some(),
        include_usage: None,
        odd: scan.odd,
        user: None,
        idempotency_key: idempotency_key.filter(|key| !key.is_empty()),
        conversation: None,
        marks_cache: false,
        opening: scan.parts.opening.hash,
        usage_splice: None,
        url_member: ours.next(),
        key_member: ours.next(),
        resources: scan.resources,
    })
}

fn object(body: &str) -> Result<Members<'_>, EnvelopeError> {
    let members = Members::read(body, "").map(Members::in_camel_case).map_err(|error| {
        match serde_json::from_str::<IgnoredAny>(body) {
            Err(error) => EnvelopeError::body(format!("the body is not JSON: {error}")),
            Ok(IgnoredAny) => error.into(),
        }
    })?;
    // An upstream may read the other of two values; what was routed and metered must be what is run.
    match members.given_twice() {
        Some(name) => Err(EnvelopeError::field(name, "is given twice")),
        None => Ok(members),
    }
}

/// What the pass has found.
#[derive(Default)]
struct Scan<'a> {
    body: &'a str,
    parts: Parts,
    messages: usize,
    max_tokens: Option<u64>,
    choices: u64,
    odd: Option<EnvelopeError>,
    ends_with_model: bool,
    /// Where the body names its model as a resource.
    resources: Vec<std::ops::Range<usize>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow, alias = "function_call")]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, alias = "function_response")]
    function_response: Option<&'a RawValue>,
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<&'a RawValue>,
    #[serde(borrow, alias = "file_data")]
    file_data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Media<'a> {
    #[serde(borrow, alias = "mime_type")]
    mime_type: Option<&'a RawValue>,
    #[serde(borrow, alias = "file_uri")]
    file_uri: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config<'a> {
    #[serde(borrow, alias = "max_output_tokens")]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow, alias = "candidate_count")]
    candidate_count: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_logprobs")]
    response_logprobs: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_modalities")]
    response_modalities: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_mime_type")]
    response_mime_type: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_schema")]
    response_schema: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_json_schema", alias = "_responseJsonSchema")]
    response_json_schema: Option<&'a RawValue>,
    #[serde(borrow, alias = "thinking_config")]
    thinking_config: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Thinking<'a> {
    #[serde(borrow, alias = "thinking_budget")]
    thinking_budget: Option<&'a RawValue>,
    #[serde(borrow, alias = "thinking_level")]
    thinking_level: Option<&'a RawValue>,
    #[serde(alias = "include_thoughts")]
    include_thoughts: Option<bool>,
}

/// The elements of a list, or the one object that stands for it; none where it is neither, for the provider to judge.
fn each(raw: &RawValue) -> Option<Vec<&RawValue>> {
    match raw.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(raw.get()).ok(),
        Some(b'{') => Some(vec![raw]),
        _ => None,
    }
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

impl<'a> Scan<'a> {
    fn need(&mut self, feature: Feature, is_needed: bool) {
        if is_needed {
            self.parts.features.insert(feature);
        }
    }

    fn prompt(&mut self, source: &mut Members<'a>) -> Result<(), EnvelopeError> {
        self.resource(source.peek("model"));
        if let Some(raw) = source.raw("contents") {
            self.contents(raw)?;
        }
        if self.messages == 0 {
            return Err(EnvelopeError::field("contents", "is missing; send a list of contents"));
        }
        // Whatever stands before it: the opening is the instruction and the first thing the user says.
        if let Some(raw) = source.raw("systemInstruction") {
            self.parts.opening = Opening { is_over: false, ..self.parts.opening };
            self.parts.count(raw);
        }
        if let Some(raw) = source.raw("tools") {
            self.tools(raw);
        }
        self.need(Feature::State, source.raw("cachedContent").is_some());
        if let Some(raw) = source.raw("generationConfig") {
            self.config(raw)?;
        }
        Ok(())
    }

    fn contents(&mut self, raw: &'a RawValue) -> Result<(), EnvelopeError> {
        let wrong = |at: usize, why: &str| EnvelopeError::field(format!("contents[{at}]"), why);
        let contents =
            each(raw).ok_or_else(|| EnvelopeError::field("contents", "must be a list of contents"))?;
        for (at, raw) in contents.iter().enumerate() {
            if !raw.get().starts_with('{') {
                return Err(wrong(at, "must be a content object"));
            }
            let content: Content<'a> =
                serde_json::from_str(raw.get()).map_err(|error| wrong(at, &error.to_string()))?;
            let is_model = content.role.is_some_and(|role| role.get() == "\"model\"");
            self.parts.opening.is_over |= is_model;
            let calls = self.content(&content).map_err(|error| wrong(at, &error.to_string()))?;
            self.parts.opening.is_over = true;
            self.need(Feature::ParallelTools, calls > 1);
            self.ends_with_model = is_model && calls == 0;
        }
        self.messages = contents.len();
        Ok(())
    }

    /// Reads the parts of a content; tells how many calls are in it.
    fn content(&mut self, content: &Content<'a>) -> Result<usize, serde_json::Error> {
        let mut calls = 0;
        for raw in content.parts.and_then(each).unwrap_or_default() {
            if !raw.get().starts_with('{') {
                continue;
            }
            let part: Part<'a> = serde_json::from_str(raw.get())?;
            for text in [part.text, part.function_call, part.function_response].into_iter().flatten() {
                self.parts.count(text);
            }
            calls += usize::from(part.function_call.is_some_and(|call| !is_null(call)));
            for media in [part.inline_data, part.file_data].into_iter().flatten() {
                self.media(media);
            }
        }
        Ok(calls)
    }

    fn media(&mut self, raw: &RawValue) {
        let Ok(media) = serde_json::from_str::<Media<'_>>(raw.get()) else { return };
        let media_type = media.mime_type.and_then(text_of).unwrap_or_default();
        let uri = media.file_uri.and_then(text_of);
        self.need(Feature::State, uri.is_some_and(|uri| is_stored(&uri)));
        match media_type.split('/').next() {
            Some("image") => self.parts.medium(Feature::Vision),
            Some("audio") => self.parts.medium(Feature::Audio),
            // Films have no feature of their own: what can't take one says so.
            Some("video") => self.parts.media += 1,
            Some(_) | None => self.parts.medium(Feature::Documents),
        }
    }

    /// Functions the caller runs, and tools that are the provider's own.
    fn tools(&mut self, raw: &'a RawValue) {
        self.parts.count(raw);
        for tool in each(raw).unwrap_or_default() {
            let Ok(mut tool) = Members::read(tool.get(), "tools").map(Members::in_camel_case) else {
                continue;
            };
            let declared = tool.raw("functionDeclarations").and_then(each).unwrap_or_default();
            self.need(Feature::Tools, !declared.is_empty());
            self.need(Feature::ServerTools, !tool.is_empty());
        }
    }

    fn config(&mut self, raw: &'a RawValue) -> Result<(), EnvelopeError> {
        let wrong = |error: serde_json::Error| EnvelopeError::field("generationConfig", error.to_string());
        let config: Config<'a> = serde_json::from_str(raw.get()).map_err(wrong)?;
        self.max_tokens = positive(config.max_output_tokens, "maxOutputTokens", &mut self.odd);
        self.choices = positive(config.candidate_count, "candidateCount", &mut self.odd).unwrap_or(1);
        self.need(Feature::Choices, self.choices > 1);
        self.need(Feature::Logprobs, config.response_logprobs.is_some_and(|raw| raw.get() == "true"));
        let speaks = config.response_modalities.is_some_and(|raw| raw.get().contains("\"AUDIO\""));
        self.need(Feature::Audio, speaks);
        let is_json = config.response_mime_type.is_some_and(|raw| raw.get() == "\"application/json\"");
        let schema = config.response_schema.or(config.response_json_schema).filter(|raw| !is_null(raw));
        if let Some(schema) = schema {
            self.parts.count(schema);
        }
        self.need(Feature::JsonSchema, is_json && schema.is_some());
        self.need(Feature::JsonMode, is_json && schema.is_none());
        let thinking =
            config.thinking_config.and_then(|raw| serde_json::from_str::<Thinking<'_>>(raw.get()).ok());
        if let Some(thinking) = thinking {
            let budget = thinking.thinking_budget.filter(|raw| !is_null(raw)).map(RawValue::get);
            let is_off = budget.is_some_and(|budget| budget.trim_matches('"') == "0");
            let is_asked = budget.is_some()
                || thinking.thinking_level.is_some_and(|raw| !is_null(raw))
                || thinking.include_thoughts == Some(true);
            self.need(Feature::Reasoning, is_asked && !is_off);
        }
        Ok(())
    }

    /// The texts of a batch, each with the model it names.
    fn embedded(&mut self, source: &mut Members<'a>) -> Result<(), EnvelopeError> {
        let requests = source.raw("requests").and_then(each).unwrap_or_default();
        if requests.is_empty() {
            return Err(EnvelopeError::field("requests", "is missing; send a list of requests"));
        }
        for (at, raw) in requests.iter().enumerate() {
            let wrong = |error: TranslateError| EnvelopeError::from(error);
            let mut request =
                Members::read(raw.get(), format!("requests[{at}]")).map_err(wrong)?.in_camel_case();
            self.resource(request.peek("model"));
            if let Some(raw) = request.raw("content") {
                self.parts.count(raw);
            }
        }
        self.messages = requests.len();
        Ok(())
    }

    fn resource(&mut self, raw: Option<&RawValue>) {
        self.resources.extend(raw.filter(|raw| !is_null(raw)).map(|raw| span_of(self.body, raw)));
    }
}

/// A count above zero, which protobuf's JSON may write as a text and clients as a fraction. What is none is its provider's to
/// judge, and noted as odd.
fn positive(raw: Option<&RawValue>, name: &str, odd: &mut Option<EnvelopeError>) -> Option<u64> {
    let text = raw.filter(|raw| !is_null(raw))?.get().trim_matches('"');
    let number = text.strip_suffix(".0").unwrap_or(text).parse::<u64>().ok().filter(|number| *number > 0);
    if number.is_none() {
        let field = format!("generationConfig.{name}");
        odd.get_or_insert_with(|| EnvelopeError::field(field, "must be a positive integer"));
    }
    number
}
