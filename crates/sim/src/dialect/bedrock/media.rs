//! Images and documents, as Bedrock wants them:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html>.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::rules::refused;
use crate::ask::{Refusal, members};

/// Checks a content block's own file, or those in its tool result. `names` are the documents' seen so far.
pub(super) fn check<'a>(place: &str, block: &'a Value, names: &mut HashSet<&'a str>) -> Result<(), Refusal> {
    let inner = members(&block["toolResult"]["content"]).iter().enumerate();
    let inner = inner.map(|(at, block)| (format!("{place}.toolResult.content.{at}"), block));
    for (place, block) in std::iter::once((place.to_owned(), block)).chain(inner) {
        for kind in ["image", "document"] {
            if let Some(bytes) = block[kind]["source"]["bytes"].as_str() {
                check_bytes(&place, kind, bytes, &block[kind]["format"])?;
            }
        }
        if let Some(name) = block["document"]["name"].as_str() {
            check_name(name)?;
            if !names.insert(name) {
                return refused(format!(
                    "The document name {name} at {place} is used more than once. Use a different name for each \
                     document and try again."
                ));
            }
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "-()[]".contains(c);
    let doubled = name.chars().zip(name.chars().skip(1)).any(|(a, b)| a.is_whitespace() && b.is_whitespace());
    if name.chars().all(allowed) && !doubled {
        return Ok(());
    }
    refused(
        "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, \
         parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.",
    )
}

/// Base64, and of an image the format it says it is.
fn check_bytes(place: &str, kind: &str, bytes: &str, format: &Value) -> Result<(), Refusal> {
    let Ok(bytes) = STANDARD.decode(bytes) else {
        return refused(format!("The value at {place}.{kind}.source.bytes is not valid base64."));
    };
    let signature: &[u8] = match (kind, format.as_str()) {
        ("image", Some("png")) => b"\x89PNG",
        ("image", Some("jpeg")) => b"\xFF\xD8\xFF",
        ("image", Some("gif")) => b"GIF8",
        ("image", Some("webp")) => b"RIFF",
        ("document", Some("pdf")) => b"%PDF",
        (_, Some(_) | None) => b"",
    };
    if bytes.starts_with(signature) {
        return Ok(());
    }
    let format = format.as_str().unwrap_or_default();
    refused(format!(
        "The {kind} at {place} could not be read as {format}. Check the format and the bytes, and try again."
    ))
}
