//! The parts messages and function outputs are made of.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::canonical::{Block, Content, Media, Source};
use crate::members::Members;
use crate::notes::{Notes, TranslateError};

/// A block of the prompt; Responses has no cache hints.
pub(super) fn block(at: String, content: Content<'_>) -> Block<'_> {
    Block { at, cache: false, content }
}

/// Reads one part of a message or of a function's output; none for what only its provider can read.
pub(super) fn part<'a>(
    at: String,
    raw: &'a RawValue,
    notes: &mut Notes,
) -> Result<Option<Block<'a>>, TranslateError> {
    let mut part = Members::read(raw.get(), at.as_str())?;
    let kind = part.need_text("type")?;
    let content = match &*kind {
        "input_text" | "output_text" | "text" => {
            // Where the provider's own tools found it; no other provider takes it.
            part.raw("annotations");
            part.raw("logprobs");
            Content::Text(part.need_text("text")?)
        }
        "refusal" => Content::Refusal(part.need_text("refusal")?),
        "input_image" => Content::Image(image(&mut part)?),
        "input_file" => Content::Document(file(&mut part)?),
        "input_audio" | "input_video" => {
            return Err(TranslateError::unsupported(at, format!("a part of type \"{kind}\"")));
        }
        _ => {
            notes.add("block_dropped", at);
            return Ok(None);
        }
    };
    notes.dropped(part);
    Ok(Some(block(at, content)))
}

fn image<'a>(part: &mut Members<'a>) -> Result<Media<'a>, TranslateError> {
    refuse_file_id(part)?;
    let url = part.need_text("image_url")?;
    let (source, media_type) = source(url, || part.path_of("image_url"))?;
    let detail = part.text("detail")?.filter(|detail| detail != "auto");
    Ok(Media { source, media_type, name: None, detail })
}

fn file<'a>(part: &mut Members<'a>) -> Result<Media<'a>, TranslateError> {
    refuse_file_id(part)?;
    let name = part.text("filename")?;
    if let Some(url) = part.text("file_url")? {
        let (source, media_type) = source(url, || part.path_of("file_url"))?;
        return Ok(Media { source, media_type, name, detail: None });
    }
    let data = part.need_text("file_data")?;
    let at = || part.path_of("file_data");
    if !data.starts_with("data:") {
        return Err(TranslateError::invalid(
            at(),
            "is not a base64 data URL (data:application/pdf;base64,...)",
        ));
    }
    let (source, media_type) = source(data, at)?;
    Ok(Media { source, media_type, name, detail: None })
}

fn refuse_file_id(part: &mut Members<'_>) -> Result<(), TranslateError> {
    match part.raw("file_id") {
        Some(_) => Err(TranslateError::unsupported(
            part.path_of("file_id"),
            "a file stored with the provider; send its data or a URL",
        )),
        None => Ok(()),
    }
}

/// A URL, or what `data:<media type>;base64,<data>` (RFC 2397) holds, with its media type.
fn source<'a>(
    url: Cow<'a, str>,
    at: impl Fn() -> String,
) -> Result<(Source<'a>, Option<Cow<'a, str>>), TranslateError> {
    let Some(rest) = url.strip_prefix("data:") else { return Ok((Source::Url(url), None)) };
    let head = rest.split_once(',').map(|(head, _)| head);
    let head = head.filter(|head| head.to_ascii_lowercase().ends_with(";base64"));
    let head = head.ok_or_else(|| TranslateError::invalid(at(), "is not a base64 data URL"))?;
    let kind = head.split(';').next().unwrap_or_default().to_ascii_lowercase();
    let from = "data:".len() + head.len() + 1;
    let media_type = (!kind.is_empty()).then_some(Cow::Owned(kind));
    Ok((Source::Base64(tail(url, from)), media_type))
}

/// The rest of a text from a byte on, borrowed where the text is.
pub(super) fn tail(text: Cow<'_, str>, from: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..]),
        Cow::Owned(mut text) => {
            text.drain(..from);
            Cow::Owned(text)
        }
    }
}
