//! The conversation, read.
//!
//! A call's id is the caller's to leave out. Results then belong to the calls before them by their names, in their order:
//! Gemini CLI, for one, gives ids to results whose calls have none.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use super::{listed, message};
use crate::canonical::{Block, Content, Media, Role, Signature, Source, ToolResult, ToolUse, Turn};
use crate::gemini::reading::compact;
use crate::gemini::seal;
use crate::members::{Members, borrowed_text};
use crate::notes::{Notes, TranslateError};

/// Reads `contents`.
pub(super) fn read<'a>(source: &mut Members<'a>, notes: &mut Notes) -> Result<Vec<Turn<'a>>, TranslateError> {
    let mut calls = Calls::default();
    let mut turns = Vec::new();
    for (at, raw) in listed(source, "contents")? {
        let mut content = message(raw.get(), at.as_str())?;
        let role = match content.text("role")?.as_deref() {
            // Results of calls had a role of their own ("function"), and may still be sent with it.
            None | Some("" | "user" | "function" | "tool") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => return Err(TranslateError::invalid(content.path_of("role"), "must be user or model")),
        };
        let mut blocks = Vec::new();
        for (path, raw) in listed(&mut content, "parts")? {
            let mut part = message(raw.get(), path.as_str())?;
            one(&mut part, &path, &mut calls, &mut blocks, notes)?;
            notes.dropped(part);
        }
        notes.dropped(content);
        turns.push(Turn { at, role, blocks });
    }
    Ok(turns)
}

/// Reads a part: a piece of the turn, and perhaps the seal on it.
fn one<'a>(
    part: &mut Members<'a>,
    path: &str,
    calls: &mut Calls<'a>,
    blocks: &mut Vec<Block<'a>>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let mut push = |content| blocks.push(Block { at: path.to_owned(), cache: false, content });
    let signature = part.text("thoughtSignature")?.and_then(seal::read);
    let is_thought = part.get::<bool>("thought")?.unwrap_or(false);
    if let Some(mut call) = part.object("functionCall")?.map(Members::in_camel_case) {
        push(Content::ToolUse(calls.call(&mut call, signature)?));
        notes.dropped(call);
        return Ok(());
    }
    if let Some(text) = part.text("text")? {
        match (is_thought, signature) {
            (true, Some(seal)) if text.is_empty() => push(Content::RedactedThinking(seal)),
            (true, signature) => push(Content::Thinking { text, signature }),
            (false, signature) => {
                if !text.is_empty() {
                    push(Content::Text(text));
                }
                // The seal on a text stands behind it, as a reader of Gemini's answers gives it.
                if let Some(seal) = signature {
                    push(Content::RedactedThinking(seal));
                }
            }
        }
        return Ok(());
    }
    if let Some(mut result) = part.object("functionResponse")?.map(Members::in_camel_case) {
        push(Content::ToolResult(calls.result(&mut result, notes)?));
        notes.dropped(result);
    } else if let Some(content) = media(part)? {
        // What is shown of a film, and how closely.
        notes_on_media(part, path, notes);
        push(content);
    } else {
        // What the provider's own tools did is told in the text that follows, if at all.
        notes.add("block_dropped", path);
        part.take_all();
    }
    Ok(())
}

fn notes_on_media(part: &mut Members<'_>, path: &str, notes: &mut Notes) {
    for name in ["mediaResolution", "videoMetadata"] {
        if part.raw(name).is_some() {
            notes.add("image_detail_dropped", path);
        }
    }
}

/// An image or a document, from `inlineData` or `fileData`.
fn media<'a>(part: &mut Members<'a>) -> Result<Option<Content<'a>>, TranslateError> {
    let (mut data, source) = if let Some(data) = part.object("inlineData")? {
        let mut data = data.in_camel_case();
        let source = Source::Base64(in_standard_base64(data.need_text("data")?));
        (data, source)
    } else if let Some(data) = part.object("fileData")? {
        let mut data = data.in_camel_case();
        let uri = data.need_text("fileUri")?;
        if is_stored(&uri) {
            return Err(TranslateError::unsupported(
                data.path_of("fileUri"),
                "a file stored with the provider",
            ));
        }
        (data, Source::Url(uri))
    } else {
        return Ok(None);
    };
    let media_type = data.text("mimeType")?;
    let name = data.text("displayName")?;
    let kind = media_type.as_deref().unwrap_or_default().split('/').next().unwrap_or_default();
    let is_image = match kind {
        "image" => true,
        "audio" | "video" => {
            return Err(TranslateError::unsupported(
                data.path_of("mimeType"),
                format!("{kind} in the prompt"),
            ));
        }
        _ => false,
    };
    let media = Media { source, media_type, name: name.filter(|_| !is_image), detail: None };
    Ok(Some(if is_image { Content::Image(media) } else { Content::Document(media) }))
}

/// Protobuf's JSON takes base64 in the URL-safe alphabet as well, and the Python client writes it so; nobody else reads it.
fn in_standard_base64(data: Cow<'_, str>) -> Cow<'_, str> {
    if data.bytes().any(|byte| matches!(byte, b'-' | b'_')) {
        return Cow::Owned(data.replace('-', "+").replace('_', "/"));
    }
    data
}

/// Whether a file lies with Google, where no other provider finds it: uploads, buckets and films.
pub(crate) fn is_stored(uri: &str) -> bool {
    let host = uri.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest));
    uri.starts_with("gs://")
        || host.ends_with("googleapis.com")
        || host.ends_with("youtube.com")
        || host == "youtu.be"
        || !uri.contains("://")
}

/// The calls of the conversation so far.
#[derive(Default)]
struct Calls<'a> {
    made: Vec<Made<'a>>,
    by_id: HashMap<Cow<'a, str>, usize>,
    by_name: HashMap<Cow<'a, str>, OfName>,
}

struct Made<'a> {
    id: Cow<'a, str>,
    is_answered: bool,
}

/// The calls of a function, in their order: those the caller gave an id, and the others.
#[derive(Default)]
struct OfName {
    named: VecDeque<usize>,
    unnamed: VecDeque<usize>,
}

impl<'a> Calls<'a> {
    fn call(
        &mut self,
        call: &mut Members<'a>,
        signature: Option<Signature<'a>>,
    ) -> Result<ToolUse<'a>, TranslateError> {
        let given = call.text("id")?.filter(|id| !id.is_empty());
        let is_given = given.is_some();
        // A conversation's beginning stays what it was as it grows, and so do its ids.
        let number = self.made.len();
        let id = given.unwrap_or_else(|| Cow::Owned(format!("call_{number}")));
        let name = call.need_text("name")?;
        let arguments = call.written_object("args")?.map_or(Cow::Borrowed("{}"), |args| compact(args.get()));
        let of_name = self.by_name.entry(name.clone()).or_default();
        if is_given { &mut of_name.named } else { &mut of_name.unnamed }.push_back(number);
        self.by_id.insert(id.clone(), number);
        self.made.push(Made { id: id.clone(), is_answered: false });
        Ok(ToolUse { id, name, arguments, signature })
    }

    fn result(
        &mut self,
        result: &mut Members<'a>,
        notes: &mut Notes,
    ) -> Result<ToolResult<'a>, TranslateError> {
        let given = result.text("id")?.filter(|id| !id.is_empty());
        let name = result.need_text("name")?;
        let id = self.answered(given, &name);
        let (is_error, text) = outcome(result)?;
        let mut content: Vec<Content<'a>> = text.into_iter().map(Content::Text).collect();
        for (path, raw) in listed(result, "parts")? {
            let mut part = message(raw.get(), path.as_str())?;
            match media(&mut part)? {
                Some(media) => content.push(media),
                None => {
                    notes.add("block_dropped", path);
                    part.take_all();
                }
            }
            notes.dropped(part);
        }
        for name in ["willContinue", "scheduling"] {
            // Of calls that go on while the model speaks, which the Live API alone has.
            result.raw(name);
        }
        Ok(ToolResult { id, name: Some(name), is_error, content })
    }

    /// The id of the call a result belongs to: the one of its id, else the first of its name that has none of its own,
    /// else the first of its name.
    fn answered(&mut self, given: Option<Cow<'a, str>>, name: &str) -> Cow<'a, str> {
        let of_id = given.as_ref().and_then(|id| self.by_id.get(id)).copied();
        let found = of_id.or_else(|| {
            let of_name = self.by_name.get_mut(name)?;
            let named = given.is_none().then_some(&mut of_name.named);
            let lines = std::iter::once(&mut of_name.unnamed).chain(named);
            lines.into_iter().find_map(|line| {
                while let Some(number) = line.pop_front() {
                    if !self.made[number].is_answered {
                        return Some(number);
                    }
                }
                None
            })
        });
        match found.and_then(|number| self.made.get_mut(number)) {
            Some(made) => {
                made.is_answered = true;
                made.id.clone()
            }
            // The id of no call, which is for the caller to hear of.
            None => given.unwrap_or_else(|| Cow::Owned(name.to_owned())),
        }
    }
}

/// What a tool answered: "use `output` key to specify function output and `error` key to specify error details"; without
/// them the whole response is the output.
fn outcome<'a>(result: &mut Members<'a>) -> Result<(bool, Option<Cow<'a, str>>), TranslateError> {
    let path = result.path_of("response");
    let Some(raw) = result.written_object("response")? else { return Ok((false, None)) };
    let mut response = Members::read(raw.get(), path)?;
    for (name, is_error) in [("output", false), ("error", true)] {
        let Some(value) = response.peek(name) else { continue };
        response.raw(name);
        if response.is_empty() {
            let text = borrowed_text(value).unwrap_or(Cow::Borrowed(value.get()));
            return Ok((is_error, Some(text)));
        }
        break;
    }
    let is_nothing = raw.get().trim_start_matches(['{', ' ', '\n', '\r', '\t']) == "}";
    Ok((false, (!is_nothing).then(|| compact(raw.get()))))
}

#[cfg(test)]
mod tests {
    use super::is_stored;

    #[test]
    fn what_lies_with_google_is_told_from_what_anyone_can_fetch() {
        for uri in [
            "gs://bucket/a.png",
            "https://generativelanguage.googleapis.com/v1beta/files/abc",
            "https://storage.googleapis.com/b/a.png",
            "https://www.youtube.com/watch?v=1",
            "https://youtu.be/1",
            "files/abc",
        ] {
            assert!(is_stored(uri), "{uri}");
        }
        for uri in ["https://example.com/a.png", "http://example.com/youtube.com/a.pdf"] {
            assert!(!is_stored(uri), "{uri}");
        }
    }
}
