//! What a compatible provider says in a message of an answer, or in a delta of it: both have the same members.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};
use serde_json::value::RawValue;

use crate::canonical::{Origin, Signature};
use crate::lenient::{Lenient, is_filled, lenient_object, maybe, read};
use crate::members::Text;
use crate::notes::Notes;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    content: Option<Saying<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    refusal: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    reasoning: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    reasoning_details: Option<Vec<Detail<'a>>>,
    #[serde(borrow, deserialize_with = "maybe")]
    tool_calls: Option<Vec<ReadCall<'a>>>,
    #[serde(borrow, deserialize_with = "maybe")]
    function_call: Option<ReadFunction<'a>>,
    #[serde(borrow)]
    extra_content: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    #[serde(borrow)]
    images: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
    #[serde(borrow)]
    executed_tools: Option<&'a RawValue>,
}
lenient_object!(Said<'de>, ReadCall<'de>, ReadFunction<'de>, Part<'de>, Detail<'de>);

/// Some providers (Mistral) send a list of parts where chat has a string.
enum Saying<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    text: Option<Text<'a>>,
    /// Mistral: a list of parts again; others: a string.
    #[serde(borrow, deserialize_with = "maybe")]
    thinking: Option<Saying<'a>>,
}

/// A piece of OpenRouter's `reasoning_details`: a text, a summary, or what its provider alone can read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    text: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    summary: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    signature: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    data: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ReadCall<'a> {
    #[serde(deserialize_with = "maybe")]
    pub(super) index: Option<usize>,
    #[serde(borrow, deserialize_with = "maybe")]
    id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    function: Option<ReadFunction<'a>>,
    #[serde(borrow)]
    extra_content: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReadFunction<'a> {
    #[serde(borrow, deserialize_with = "maybe")]
    name: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "maybe")]
    arguments: Option<Arguments<'a>>,
}

/// A call's arguments as JSON text; some servers (llama.cpp's kin) send the object itself.
struct Arguments<'a>(Cow<'a, str>);

impl<'de> Lenient<'de> for Saying<'de> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self::Text(text))
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(Vec::from_object(object)?.map(Self::Parts))
    }

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(Vec::from_list(list)?.map(Self::Parts))
    }
}

impl<'de> Lenient<'de> for Arguments<'de> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self(text))
    }

    /// Each value stays as it was written, numbers included. An empty object stands for arguments still to come.
    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        let mut json = String::new();
        while let Some((name, value)) = object.next_entry::<&'de RawValue, &'de RawValue>()? {
            json.push(if json.is_empty() { '{' } else { ',' });
            for piece in [name.get(), ":", value.get()] {
                json.push_str(piece);
            }
        }
        if !json.is_empty() {
            json.push('}');
        }
        Ok(Some(Self(json.into())))
    }
}

impl<'a> Said<'a> {
    /// Takes what may be read of the thinking: `reasoning_content` (DeepSeek and most others), `reasoning` (OpenRouter,
    /// Groq), `reasoning_details` (OpenRouter), or parts of the content (Mistral).
    pub(super) fn take_thinking(&mut self, notes: &mut Notes) -> Option<Cow<'a, str>> {
        let filled = |text: Text<'a>| Some(text.0).filter(|text| !text.is_empty());
        let details = self.reasoning_details.take().unwrap_or_default();
        if details.iter().any(Detail::is_sealed) {
            notes.add_once("thinking_signature_dropped", "choices[0].message.reasoning_details");
        }
        let plain = self.reasoning_content.take().and_then(filled);
        let plain = plain.or_else(|| self.reasoning.take().and_then(filled));
        let plain = plain.or_else(|| joined(details.into_iter().filter_map(Detail::into_text)));
        plain.or_else(|| match &mut self.content {
            Some(Saying::Parts(parts)) => {
                joined(parts.iter_mut().filter_map(|part| part.thinking.take()?.into_text()))
            }
            Some(Saying::Text(_)) | None => None,
        })
    }

    /// Takes the text.
    pub(super) fn take_text(&mut self) -> Option<Cow<'a, str>> {
        self.content.take().and_then(Saying::into_text)
    }

    /// Takes the refusal, if there is one.
    pub(super) fn take_refusal(&mut self) -> Option<Cow<'a, str>> {
        self.refusal.take().map(|text| text.0).filter(|text| !text.is_empty())
    }

    /// Takes Gemini's seal on the text, from Google's endpoint.
    pub(super) fn take_seal(&mut self) -> Option<Signature<'a>> {
        self.extra_content.take().and_then(seal_in)
    }

    /// Takes the calls; the one of the old function API stands alone and without an id.
    pub(super) fn take_calls(&mut self) -> Vec<ReadCall<'a>> {
        let calls = self.tool_calls.take().unwrap_or_default();
        let old = self.function_call.take().filter(|function| calls.is_empty() && !function.is_empty());
        match old {
            Some(function) => vec![ReadCall { function: Some(function), ..ReadCall::default() }],
            None => calls,
        }
    }

    /// Notes what no other dialect has a place for.
    pub(super) fn note_lost(&self, notes: &mut Notes) {
        let lost = [
            (self.audio, "audio_dropped"),
            (self.images, "image_dropped"),
            (self.annotations, "citations_dropped"),
            (self.citations, "citations_dropped"),
            (self.executed_tools, "block_dropped"),
        ];
        for (member, code) in lost {
            if member.is_some_and(is_filled) {
                notes.add_once(code, "choices[0]");
            }
        }
        if let Some(Saying::Parts(parts)) = &self.content
            && parts.iter().any(Part::is_lost)
        {
            notes.add_once("block_dropped", "choices[0].message.content");
        }
    }
}

impl<'a> Saying<'a> {
    fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Self::Parts(parts) => joined(parts.into_iter().filter_map(|part| Some(part.text?.0))),
        }
    }
}

/// One text of several pieces; none where there is nothing in them.
fn joined<'a>(pieces: impl Iterator<Item = Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let mut pieces = pieces.filter(|piece| !piece.is_empty());
    let mut text = pieces.next()?;
    for piece in pieces {
        text.to_mut().push_str(&piece);
    }
    Some(text)
}

impl Part<'_> {
    /// Whether it is something else than text or thinking.
    fn is_lost(&self) -> bool {
        self.text.is_none() && self.thinking.is_none()
    }
}

impl<'a> Detail<'a> {
    fn is_sealed(&self) -> bool {
        [&self.signature, &self.data].into_iter().flatten().any(|seal| !seal.as_str().is_empty())
    }

    fn into_text(self) -> Option<Cow<'a, str>> {
        self.text.or(self.summary).map(|text| text.0)
    }
}

impl<'a> ReadCall<'a> {
    /// Takes Gemini's seal on the thought behind the call, from Google's endpoint.
    pub(super) fn take_seal(&mut self) -> Option<Signature<'a>> {
        self.extra_content.take().and_then(seal_in)
    }

    /// The call's id, name and arguments, each empty where it is not told.
    pub(super) fn into_parts(self) -> [Cow<'a, str>; 3] {
        let function = self.function.unwrap_or_default();
        let text = |text: Option<Text<'a>>| text.unwrap_or_default().0;
        [text(self.id), text(function.name), function.arguments.map_or(Cow::Borrowed(""), |json| json.0)]
    }
}

impl ReadFunction<'_> {
    fn is_empty(&self) -> bool {
        self.name.as_ref().is_none_or(|name| name.as_str().is_empty())
            && self.arguments.as_ref().is_none_or(|arguments| arguments.0.is_empty())
    }
}

/// What may be read of a `thinking` part.
pub(super) fn thinking_in(part: &RawValue) -> serde_json::Result<Option<Cow<'_, str>>> {
    Ok(read::<Saying<'_>>(part)?.and_then(Saying::into_text))
}

/// What may be read of `reasoning_details`, and whether there is more in them that only their provider can read.
pub(super) fn reasoning_in(details: &RawValue) -> serde_json::Result<(Option<Cow<'_, str>>, bool)> {
    let details = read::<Vec<Detail<'_>>>(details)?.unwrap_or_default();
    let is_sealed = details.iter().any(Detail::is_sealed);
    Ok((joined(details.into_iter().filter_map(Detail::into_text)), is_sealed))
}

/// The seal in an `extra_content`, which is anyone's to fill: what is no seal of Google's is nothing.
fn seal_in(extra: &RawValue) -> Option<Signature<'_>> {
    #[derive(Deserialize)]
    struct Extra<'a> {
        #[serde(borrow)]
        google: Option<Google<'a>>,
    }
    #[derive(Deserialize)]
    struct Google<'a> {
        #[serde(borrow)]
        thought_signature: Option<Text<'a>>,
    }
    let seal = serde_json::from_str::<Extra<'_>>(extra.get()).ok()?.google?.thought_signature?;
    Some(Signature::read(Origin::Gemini, seal.0)).filter(|seal| !seal.value.is_empty())
}
