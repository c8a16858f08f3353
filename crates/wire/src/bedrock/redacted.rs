//! Thinking only Claude can read, in Converse's form and in Anthropic's.
//!
//! Anthropic's is a text of base64; Converse's is a blob, in JSON base64 of that text's bytes. A blob that holds anything
//! else has no form of Anthropic's: it is kept as it is, marked, and goes back as it came.

use std::borrow::Cow;

use aws_smithy_types::base64;

const MARK: &str = "blob:";

/// A blob's bytes as Anthropic has them.
pub(super) fn from_blob(bytes: Vec<u8>) -> String {
    let is_text =
        !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte));
    match String::from_utf8(bytes) {
        Ok(text) if is_text => text,
        Ok(text) => format!("{MARK}{}", base64::encode(text)),
        Err(error) => format!("{MARK}{}", base64::encode(error.as_bytes())),
    }
}

/// The blob's JSON string for what Anthropic has.
pub(super) fn to_blob(value: &str) -> Cow<'_, str> {
    value.strip_prefix(MARK).map_or_else(|| Cow::Owned(base64::encode(value)), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_goes_back_as_it_came_and_anthropics_text_is_found_in_it() {
        let anthropic = "EmwKAhgBEgy3va3pzix/LafPsn4a";
        let blob = base64::encode(anthropic);
        assert_eq!(from_blob(base64::decode(&blob).unwrap()), anthropic);
        for bytes in [anthropic.as_bytes(), b"\x12l\n\x02\x18\xff", b"two words", b""] {
            assert_eq!(to_blob(&from_blob(bytes.to_vec())), base64::encode(bytes));
        }
    }
}
