//! Images and documents, as Gemini takes them: bytes in the request, or a URL it fetches.

use std::borrow::Cow;

use serde::Serialize;

use crate::canonical::{Media, Source};
use crate::gemini::model::Model;
use crate::notes::{Notes, TranslateError};

/// What a piece of media is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Document,
}

/// Where its bytes are.
#[derive(Debug)]
pub(super) enum Data<'a> {
    Inline(Blob<'a>),
    File(FileData<'a>),
    Text(Cow<'a, str>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    mime_type: Cow<'a, str>,
    data: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    mime_type: Cow<'a, str>,
    file_uri: &'a str,
}

/// `at` is where the piece was read, for notes and refusals.
pub(super) fn write<'a>(
    media: &'a Media<'_>,
    kind: Kind,
    model: Model,
    at: &str,
    notes: &mut Notes,
) -> Result<Data<'a>, TranslateError> {
    if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
        notes.add("image_detail_dropped", at);
    }
    let declared = media.media_type.as_deref().map(|declared| media_type(declared, kind, at)).transpose()?;
    match &media.source {
        Source::Text(text) => {
            let text = match &media.name {
                Some(name) => Cow::Owned(format!("{name}\n\n{text}")),
                None => Cow::Borrowed(&**text),
            };
            Ok(Data::Text(text))
        }
        Source::Base64(data) => {
            name_is_lost(media, at, notes);
            let mime_type = declared.unwrap_or(Cow::Borrowed(kind.usual_type()));
            Ok(Data::Inline(Blob { mime_type, data }))
        }
        Source::Url(url) => {
            name_is_lost(media, at, notes);
            if !model.fetches_urls() {
                return Err(TranslateError::unsupported(at, "a URL (this model takes only the bytes)"));
            }
            let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
            if !matches!(scheme.as_deref(), Some("https" | "http" | "gs")) {
                return Err(TranslateError::unsupported(at, "a URL other than https, http or gs"));
            }
            let mime_type = match declared.or_else(|| type_of_url(url, kind).map(Cow::Borrowed)) {
                Some(mime_type) => mime_type,
                None => {
                    notes.add("media_type_guessed", at);
                    Cow::Borrowed(kind.usual_type())
                }
            };
            Ok(Data::File(FileData { mime_type, file_uri: url }))
        }
    }
}

impl Kind {
    const fn usual_type(self) -> &'static str {
        match self {
            Self::Image => "image/jpeg",
            Self::Document => "application/pdf",
        }
    }
}

/// Gemini's own tools alone see a name (`displayName`).
fn name_is_lost(media: &Media<'_>, at: &str, notes: &mut Notes) {
    if media.name.is_some() {
        notes.add("document_name_dropped", at);
    }
}

/// "Image understanding" (PNG, JPEG, WEBP, HEIC, HEIF) and "Document understanding" (PDF, and texts read as such).
fn media_type<'a>(declared: &'a str, kind: Kind, at: &str) -> Result<Cow<'a, str>, TranslateError> {
    let essence = declared.split(';').next().unwrap_or(declared).trim();
    let lower = essence.to_ascii_lowercase();
    let (known, is_known) = match kind {
        Kind::Image => (
            "PNG, JPEG, WEBP, HEIC and HEIF images",
            matches!(
                lower.as_str(),
                "image/png" | "image/jpeg" | "image/jpg" | "image/webp" | "image/heic" | "image/heif"
            ),
        ),
        Kind::Document => (
            "PDF and text documents",
            lower == "application/pdf" || lower == "application/json" || lower.starts_with("text/"),
        ),
    };
    if !is_known {
        return Err(TranslateError::unsupported(at, format!("{lower} (Gemini takes {known})")));
    }
    Ok(match lower.as_str() {
        "image/jpg" => Cow::Borrowed("image/jpeg"),
        "application/json" => Cow::Borrowed("text/plain"),
        _ if lower == essence => Cow::Borrowed(essence),
        _ => Cow::Owned(lower),
    })
}

fn type_of_url(url: &str, kind: Kind) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    let found = match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" | "md" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        _ => return None,
    };
    (found.starts_with("image/") == (kind == Kind::Image)).then_some(found)
}
