//! What an answer says, whichever dialect it is in.

use std::borrow::Cow;

use serde_json::Value;

use super::dialects::read_stream;
use crate::canonical::{Answer, Content, Delta, Signature, ToolUse};
use crate::notes::Notes;
use crate::translate::read_answer;
use crate::{Dialect, FinishReason, Usage};

/// What a caller's SDK makes of an answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Summary {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) text: String,
    pub(super) thinking: String,
    pub(super) refusal: String,
    pub(super) seals: Vec<String>,
    /// Id, name and input of each call.
    pub(super) calls: Vec<(String, String, Value)>,
    pub(super) finish: Option<FinishReason>,
    pub(super) stop_sequence: Option<String>,
    pub(super) usage: Usage,
}

impl Summary {
    pub(super) fn of(answer: &Answer<'_>) -> Self {
        let mut summary = Self {
            id: answer.id.as_deref().unwrap_or_default().to_owned(),
            model: answer.model.as_deref().unwrap_or_default().to_owned(),
            finish: Some(answer.finish),
            stop_sequence: answer.stop_sequence.as_deref().map(str::to_owned),
            usage: answer.usage.unwrap_or_default(),
            ..Self::default()
        };
        for content in &answer.content {
            match content {
                Content::Text(text) => summary.text.push_str(text),
                Content::Refusal(text) => summary.refusal.push_str(text),
                Content::Thinking { text, signature } => {
                    summary.thinking.push_str(text);
                    summary.seals.extend(signature.as_ref().map(seal));
                }
                Content::RedactedThinking(signature) => summary.seals.push(seal(signature)),
                Content::ToolUse(call) => {
                    summary.seals.extend(call.signature.as_ref().map(seal));
                    let input = if call.arguments.is_empty() { "{}" } else { &call.arguments };
                    let input = serde_json::from_str(input).unwrap();
                    summary.calls.push((call.id.to_string(), call.name.to_string(), input));
                }
                Content::Image(_) | Content::Document(_) | Content::ToolResult(_) => {
                    panic!("no answer holds {content:?}")
                }
            }
        }
        summary
    }

    /// Of a whole answer's body.
    pub(super) fn of_body(dialect: Dialect, body: &[u8]) -> Self {
        let body = std::str::from_utf8(body).unwrap();
        Self::of(&read_answer(dialect, body, &mut Notes::default()).unwrap())
    }

    /// Of a stream's bytes.
    pub(super) fn of_stream(dialect: Dialect, stream: &[u8]) -> Self {
        let mut answer = Gather::default();
        let end = read_stream(dialect, &[stream], &mut Notes::default(), &mut |delta, _| answer.add(delta));
        assert_eq!(end, crate::StreamEnd::Complete, "{}", String::from_utf8_lossy(stream));
        Self::of(&answer.finish())
    }
}

fn seal(signature: &Signature<'_>) -> String {
    format!("{:?} {}", signature.origin, signature.value)
}

/// Puts a stream's deltas together again.
#[derive(Debug, Default)]
pub(super) struct Gather {
    id: Option<String>,
    model: Option<String>,
    content: Vec<Content<'static>>,
    /// Where each call is in `content`.
    calls: Vec<usize>,
    finish: Option<(FinishReason, Option<String>)>,
    usage: Option<Usage>,
}

impl Gather {
    pub(super) fn add(&mut self, delta: &Delta<'_>) {
        let own = |text: &Cow<'_, str>| text.clone().into_owned();
        let own_seal = |seal: &Signature<'_>| Signature::new(seal.origin, seal.value.clone().into_owned());
        match delta {
            Delta::Start { id, model } => {
                assert!(self.id.is_none() && self.content.is_empty(), "a start comes first and once");
                self.id = id.as_ref().map(own);
                self.model = model.as_ref().map(own);
            }
            Delta::Text(text) => match self.content.last_mut() {
                Some(Content::Text(so_far)) => so_far.to_mut().push_str(text),
                Some(_) | None => self.content.push(Content::Text(own(text).into())),
            },
            Delta::Refusal(text) => match self.content.last_mut() {
                Some(Content::Refusal(so_far)) => so_far.to_mut().push_str(text),
                Some(_) | None => self.content.push(Content::Refusal(own(text).into())),
            },
            Delta::Thinking(more) => match self.content.last_mut() {
                Some(Content::Thinking { text, signature: None }) => text.to_mut().push_str(more),
                Some(_) | None => {
                    self.content.push(Content::Thinking { text: own(more).into(), signature: None });
                }
            },
            Delta::ThinkingSignature(seal) => match self.content.last_mut() {
                Some(Content::Thinking { signature: signature @ None, .. }) => {
                    *signature = Some(own_seal(seal));
                }
                Some(_) | None => {
                    let signature = Some(own_seal(seal));
                    self.content.push(Content::Thinking { text: Cow::Borrowed(""), signature });
                }
            },
            Delta::RedactedThinking(seal) => self.content.push(Content::RedactedThinking(own_seal(seal))),
            Delta::ToolStart { call, id, name, signature } => {
                assert_eq!(*call, self.calls.len(), "calls are counted in the order they begin");
                self.calls.push(self.content.len());
                self.content.push(Content::ToolUse(ToolUse {
                    id: own(id).into(),
                    name: own(name).into(),
                    arguments: Cow::Borrowed(""),
                    signature: signature.as_ref().map(own_seal),
                }));
            }
            Delta::ToolArguments { call, json } => {
                let Content::ToolUse(call) = &mut self.content[self.calls[*call]] else { unreachable!() };
                call.arguments.to_mut().push_str(json);
            }
            Delta::Usage(usage) => {
                self.usage = Some(self.usage.map_or(*usage, |so_far| so_far.merged(*usage)));
            }
            Delta::Finish { reason, stop_sequence } => {
                assert!(self.finish.is_none(), "a finish comes once");
                self.finish = Some((*reason, stop_sequence.as_ref().map(own)));
            }
            Delta::End | Delta::Error(_) => {}
        }
    }

    pub(super) fn finish(self) -> Answer<'static> {
        let (finish, stop_sequence) = self.finish.expect("a whole stream tells why it ended");
        Answer {
            id: self.id.map(Cow::Owned),
            model: self.model.map(Cow::Owned),
            content: self.content,
            finish,
            stop_sequence: stop_sequence.map(Cow::Owned),
            usage: self.usage,
        }
    }
}
