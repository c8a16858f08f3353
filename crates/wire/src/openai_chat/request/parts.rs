//! Parts of a message's content that are more than text.

use std::borrow::Cow;

use crate::canonical::{Content, Media, Source};
use crate::members::{Members, borrowed_text};
use crate::notes::{Notes, TranslateError};

/// A part of a type other dialects know.
pub(super) fn part_of<'a>(
    kind: &str,
    part: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<Option<Content<'a>>, TranslateError> {
    Ok(Some(match kind {
        "text" => Content::Text(part.need_text("text")?),
        "image_url" => Content::Image(image(part, notes)?),
        "file" => Content::Document(file(part, notes)?),
        "document_url" => Content::Document(document_url(part)?),
        _ => return Ok(None),
    }))
}

/// Mistral takes the bare URL as well as the object around it.
fn image<'a>(part: &mut Members<'a>, notes: &mut Notes) -> Result<Media<'a>, TranslateError> {
    let bare = part.peek("image_url").and_then(borrowed_text);
    let (url, detail, path) = match bare {
        Some(url) => {
            part.raw("image_url");
            (url, None, part.path_of("image_url"))
        }
        None => {
            let mut image = part.need_object("image_url")?;
            let url = image.need_text("url")?;
            let detail = image.text("detail")?.filter(|detail| detail != "auto");
            let path = image.path_of("url");
            notes.dropped(image);
            (url, detail, path)
        }
    };
    if url.starts_with("data:") {
        let (media_type, data) =
            data_url(url).ok_or_else(|| TranslateError::invalid(path, "is not a base64 data URL"))?;
        return Ok(Media { source: Source::Base64(data), media_type: Some(media_type), name: None, detail });
    }
    Ok(Media { source: Source::Url(url), media_type: None, name: None, detail })
}

/// Mistral's documents.
fn document_url<'a>(part: &mut Members<'a>) -> Result<Media<'a>, TranslateError> {
    let url = part.need_text("document_url")?;
    let name = part.text("document_name")?;
    Ok(Media { source: Source::Url(url), media_type: None, name, detail: None })
}

/// A file sent along: base64 in a data URL, or (OpenRouter) a URL. One stored with OpenAI is out of others' reach.
fn file<'a>(part: &mut Members<'a>, notes: &mut Notes) -> Result<Media<'a>, TranslateError> {
    let mut file = part.need_object("file")?;
    let path = part.path_of("file");
    let Some(data) = file.text("file_data")? else {
        return Err(match file.text("file_id")? {
            Some(_) => TranslateError::unsupported(path, "a file stored with another provider"),
            None => TranslateError::invalid(file.path_of("file_data"), "is missing"),
        });
    };
    let name = file.text("filename")?;
    let path = file.path_of("file_data");
    notes.dropped(file);
    if data.starts_with("https://") || data.starts_with("http://") {
        return Ok(Media { source: Source::Url(data), media_type: None, name, detail: None });
    }
    let (media_type, data) =
        data_url(data).ok_or_else(|| TranslateError::invalid(path, "is not a base64 data URL"))?;
    Ok(Media { source: Source::Base64(data), media_type: Some(media_type), name, detail: None })
}

/// Reads `data:<media type>;base64,<data>` (RFC 2397).
fn data_url(url: Cow<'_, str>) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let comma = url.find(',')?;
    let head = url.get(5..comma)?;
    let mut attributes = head.split(';');
    let media_type = attributes.next()?.len();
    if !attributes.any(|attribute| attribute.eq_ignore_ascii_case("base64")) {
        return None;
    }
    match url {
        Cow::Borrowed(url) => {
            Some((Cow::Borrowed(&url[5..5 + media_type]), Cow::Borrowed(&url[comma + 1..])))
        }
        Cow::Owned(url) => {
            Some((Cow::Owned(url[5..5 + media_type].to_owned()), Cow::Owned(url[comma + 1..].to_owned())))
        }
    }
}
