//! Chunks, written.

use std::sync::Arc;

use serde::Serialize;

use crate::canonical::{CallerTools, Delta, Origin, Signature, ToolForm};
use crate::notes::Notes;
use crate::openai_chat::answer::told_finish;
use crate::openai_chat::request::shapes::ExtraContent;
use crate::openai_chat::usage::WrittenUsage;
use crate::pipe::Said;
use crate::sse::{USUAL_EVENT, encode_event};
use crate::translate::ReplyOptions;
use crate::translate::free_text::FreeText;
use crate::translate::tool_ids::answer_tool_id;
use crate::{Dialect, Usage};

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WrittenUsage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Piece<'a>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Piece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Call<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<Custom<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Custom<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    input: &'a str,
}

/// A call being written.
#[derive(Debug, Default)]
struct Open {
    has_arguments: bool,
    /// Reads a custom tool's text out of its arguments.
    text: Option<FreeText>,
}

/// Writes a stream for a caller.
#[derive(Debug)]
pub(crate) struct Writer {
    include_usage: bool,
    created: u64,
    id: String,
    model: String,
    /// Whether an earlier stream began this answer.
    goes_on: bool,
    has_refused: bool,
    calls: Vec<Open>,
    tools: Option<Arc<CallerTools>>,
    /// The usage of the earlier stream, and of this one.
    before: Usage,
    usage: Usage,
}

impl Writer {
    pub(crate) fn new(options: &ReplyOptions) -> Self {
        Self {
            include_usage: options.include_usage,
            created: options.created_unix_s,
            id: String::new(),
            model: String::new(),
            goes_on: false,
            has_refused: false,
            calls: Vec::new(),
            tools: options.tools.clone(),
            before: Usage::default(),
            usage: Usage::default(),
        }
    }

    /// A writer that goes on where an earlier stream of this dialect stopped: what was said is known, and
    /// [`Delta::Start`] begins nothing anew.
    pub(crate) fn resume(said: &Said, options: &ReplyOptions) -> Self {
        let (id, model) = (said.id.clone(), said.model.clone());
        Self { id, model, goes_on: true, before: said.usage, ..Self::new(options) }
    }

    /// Writes what a delta is in this dialect. [`Delta::Error`] never comes here.
    pub(crate) fn write(&mut self, delta: &Delta<'_>, notes: &mut Notes, out: &mut Vec<u8>) {
        match delta {
            Delta::Start { id, model } => self.start(id.as_deref(), model.as_deref(), out),
            Delta::Text(text) => self.say(Piece { content: Some(text), ..Piece::default() }, out),
            Delta::Thinking(text) => {
                self.say(Piece { reasoning_content: Some(text), ..Piece::default() }, out);
            }
            Delta::ThinkingSignature(_) => notes.add_once("thinking_signature_dropped", "content"),
            Delta::RedactedThinking(seal) if seal.origin == Origin::Gemini => {
                let extra_content = Some(ExtraContent::sealed(seal.marked()));
                self.say(Piece { extra_content, ..Piece::default() }, out);
            }
            Delta::RedactedThinking(_) => notes.add_once("thinking_dropped", "content"),
            Delta::Refusal(text) => {
                self.has_refused = true;
                self.say(Piece { refusal: Some(text), ..Piece::default() }, out);
            }
            Delta::ToolStart { call, id, name, signature } => {
                self.call(*call, id, name, signature.as_ref(), out);
            }
            Delta::ToolArguments { call, json } => self.arguments(*call, json, out),
            Delta::Usage(usage) => self.usage = self.usage.merged(*usage),
            Delta::Finish { reason, stop_sequence } => {
                for call in 0..self.calls.len() {
                    self.end_call(call, out);
                }
                if stop_sequence.is_some() {
                    notes.add_once("stop_sequence_not_told", "stop_sequence");
                }
                let told = told_finish(*reason, self.has_refused);
                self.choice(Piece::default(), Some(told), out);
            }
            Delta::End => {
                if self.include_usage {
                    self.chunk(&[], Some(self.before.plus(self.usage)), out);
                }
                encode_event(out, None, b"[DONE]");
            }
            Delta::Error(_) => {}
        }
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, out: &mut Vec<u8>) {
        if let Some(model) = model {
            model.clone_into(&mut self.model);
        }
        if self.goes_on {
            return;
        }
        id.unwrap_or_default().clone_into(&mut self.id);
        self.say(Piece { role: Some("assistant"), content: Some(""), ..Piece::default() }, out);
    }

    fn call(&mut self, number: usize, id: &str, name: &str, seal: Option<&Signature<'_>>, out: &mut Vec<u8>) {
        let id = answer_tool_id(Dialect::OpenAiChat, id, &self.id, number);
        let of_caller = self.tools.as_deref().and_then(|tools| tools.get(name));
        let custom = of_caller.filter(|tool| tool.form == ToolForm::Custom);
        let call = Call {
            index: number,
            id: Some(&id),
            r#type: Some(if custom.is_some() { "custom" } else { "function" }),
            function: custom.is_none().then_some(Function { name: Some(name), arguments: "" }),
            custom: custom.map(|tool| Custom { name: Some(&tool.name), input: "" }),
            extra_content: seal.map(|seal| ExtraContent::sealed(seal.marked())),
        };
        self.say(Piece { tool_calls: Some([call]), ..Piece::default() }, out);
        let text = custom.is_some().then(FreeText::default);
        if self.calls.len() <= number {
            self.calls.resize_with(number + 1, Open::default);
        }
        self.calls[number] = Open { has_arguments: false, text };
    }

    fn arguments(&mut self, number: usize, arguments: &str, out: &mut Vec<u8>) {
        let open = self.calls.get_mut(number);
        let text = open.and_then(|open| {
            open.has_arguments = true;
            Some(open.text.as_mut()?.push(arguments))
        });
        match text {
            Some(input) => self.input(number, &input, out),
            None => {
                let function = Some(Function { name: None, arguments });
                let call = Call {
                    index: number,
                    id: None,
                    r#type: None,
                    function,
                    custom: None,
                    extra_content: None,
                };
                self.say(Piece { tool_calls: Some([call]), ..Piece::default() }, out);
            }
        }
    }

    fn input(&self, number: usize, input: &str, out: &mut Vec<u8>) {
        if input.is_empty() {
            return;
        }
        let custom = Some(Custom { name: None, input });
        let call =
            Call { index: number, id: None, r#type: None, function: None, custom, extra_content: None };
        self.say(Piece { tool_calls: Some([call]), ..Piece::default() }, out);
    }

    /// A tool without input gets no arguments; a chat caller parses them all the same.
    fn end_call(&mut self, number: usize, out: &mut Vec<u8>) {
        let Open { has_arguments, text } = &mut self.calls[number];
        match text {
            Some(text) => {
                let owed = text.finish();
                self.input(number, &owed, out);
            }
            None if *has_arguments => {}
            None => self.arguments(number, "{}", out),
        }
    }

    fn say(&self, delta: Piece<'_>, out: &mut Vec<u8>) {
        self.choice(delta, None, out);
    }

    fn choice(&self, delta: Piece<'_>, finish_reason: Option<&'static str>, out: &mut Vec<u8>) {
        self.chunk(&[Choice { index: 0, delta, finish_reason }], None, out);
    }

    fn chunk(&self, choices: &[Choice<'_>], usage: Option<Usage>, out: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage: usage.map(Into::into),
        };
        out.reserve(USUAL_EVENT);
        // Compact JSON holds no line break, so the event's frame can be written around it.
        out.extend_from_slice(b"data: ");
        let written = serde_json::to_writer(&mut *out, &chunk);
        debug_assert!(written.is_ok(), "strings and numbers always serialize");
        out.extend_from_slice(b"\n\n");
    }
}
