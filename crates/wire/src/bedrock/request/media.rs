//! Images and documents, whose bytes Converse takes with the request alone.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use aws_smithy_types::base64;

use super::super::request_shapes::{Block, Source as Bytes};
use crate::canonical::{Media, Source};
use crate::notes::{Notes, TranslateError};

/// Media types and the beginnings their files have in base64.
const IMAGES: [(&str, &str, &str); 5] = [
    ("image/png", "png", "iVBORw0KGgo"),
    ("image/jpeg", "jpeg", "/9j/"),
    ("image/jpg", "jpeg", "/9j/"),
    ("image/gif", "gif", "R0lGOD"),
    ("image/webp", "webp", "UklGR"),
];

/// Media types, formats and endings of file names.
const DOCUMENTS: [(&str, &str, &str); 11] = [
    ("application/pdf", "pdf", "pdf"),
    ("text/csv", "csv", "csv"),
    ("application/msword", "doc", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", "docx"),
    ("application/vnd.ms-excel", "xls", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", "xlsx"),
    ("text/html", "html", "html"),
    ("text/html", "html", "htm"),
    ("text/plain", "txt", "txt"),
    ("text/markdown", "md", "md"),
    ("text/x-markdown", "md", "markdown"),
];

/// `DocumentBlock.name`: at most so many characters.
const NAME_LIMIT: usize = 200;

pub(super) fn image<'p>(
    media: &'p Media<'_>,
    at: &str,
    notes: &mut Notes,
) -> Result<Block<'p>, TranslateError> {
    if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
        notes.add_once("image_detail_dropped", format!("{at}.detail"));
    }
    let kind = bare_type(media);
    let of_type = |kind: &str| IMAGES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(kind));
    match (&media.source, kind) {
        (Source::Base64(data), kind) => {
            let by_bytes = || IMAGES.iter().find(|(_, _, start)| data.starts_with(start));
            let known = kind.map_or_else(by_bytes, of_type);
            let Some((_, format, _)) = known else {
                let kind = kind.unwrap_or("an unknown type");
                return Err(TranslateError::unsupported(
                    at,
                    format!("an image of {kind} (png, jpeg, gif and webp go)"),
                ));
            };
            Ok(Block::Image { format, source: Bytes::Bytes(Cow::Borrowed(data)) })
        }
        (Source::Url(uri), kind) if uri.starts_with("s3://") => {
            let ending = uri.rsplit('.').next().map(str::to_ascii_lowercase);
            let by_name = || {
                let ending = if ending.as_deref() == Some("jpg") { Some("jpeg") } else { ending.as_deref() };
                IMAGES.iter().find(|(_, format, _)| Some(*format) == ending)
            };
            let Some((_, format, _)) = kind.map_or_else(by_name, of_type) else {
                return Err(TranslateError::unsupported(at, "an image of an unknown type"));
            };
            Ok(Block::Image { format, source: Bytes::S3Location { uri } })
        }
        (Source::Url(_), _) => Err(TranslateError::unsupported(at, "an image behind a URL")),
        (Source::Text(_), _) => Err(TranslateError::unsupported(at, "an image of text")),
    }
}

/// Names documents so that Converse takes them: of few characters, and no two alike.
#[derive(Debug, Default)]
pub(super) struct DocumentNames {
    given: HashSet<String>,
    /// How often a name was wanted: the number the next one gets.
    wanted: HashMap<String, usize>,
}

impl DocumentNames {
    pub(super) fn document<'p>(
        &mut self,
        media: &'p Media<'_>,
        at: &str,
        notes: &mut Notes,
    ) -> Result<Block<'p>, TranslateError> {
        let source = match &media.source {
            Source::Base64(data) => Bytes::Bytes(Cow::Borrowed(&**data)),
            Source::Text(text) => Bytes::Bytes(Cow::Owned(base64::encode(text.as_bytes()))),
            Source::Url(uri) if uri.starts_with("s3://") => Bytes::S3Location { uri },
            Source::Url(_) => return Err(TranslateError::unsupported(at, "a document behind a URL")),
        };
        let name = media.name.as_deref().unwrap_or_default();
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        let by_type = bare_type(media)
            .and_then(|kind| DOCUMENTS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(kind)));
        let by_name = DOCUMENTS.iter().find(|(.., known)| known.eq_ignore_ascii_case(ending));
        let is_text = matches!(media.source, Source::Text(_)).then_some("txt");
        let format = by_type.or(by_name).map(|(_, format, _)| *format).or(is_text);
        let Some(format) = format else {
            let kind = bare_type(media).unwrap_or("an unknown type");
            return Err(TranslateError::unsupported(at, format!("a document of {kind}")));
        };
        // The ending says no more than the format does.
        let stem = if by_name.is_some() { stem } else { name };
        let plain = self.name(stem);
        if !stem.is_empty() && plain != stem {
            notes.add("document_name_changed", at);
        }
        Ok(Block::Document { format, name: plain, source })
    }

    /// Letters, digits, single spaces, hyphens, parentheses and brackets.
    fn name(&mut self, wanted: &str) -> String {
        let plain: String = wanted
            .chars()
            .map(|c| match c {
                c if c.is_ascii_alphanumeric() || "-()[]".contains(c) => c,
                c if c.is_whitespace() => ' ',
                _ => '-',
            })
            .collect();
        let words: Vec<&str> = plain.split(' ').filter(|word| !word.is_empty()).collect();
        // Room is left for a number.
        let mut base: String = words.join(" ").chars().take(NAME_LIMIT - 8).collect();
        base.truncate(base.trim_end().len());
        if !base.chars().any(|c| c.is_ascii_alphanumeric()) {
            "Document".clone_into(&mut base);
        }
        let count = self.wanted.entry(base.clone()).or_insert(0);
        loop {
            *count += 1;
            let name = if *count == 1 { base.clone() } else { format!("{base} ({count})") };
            if self.given.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// The media type without its parameters.
fn bare_type<'m>(media: &'m Media<'_>) -> Option<&'m str> {
    let kind = media.media_type.as_deref()?.split(';').next()?.trim();
    (!kind.is_empty()).then_some(kind)
}
