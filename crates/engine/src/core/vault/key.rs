//! A credential in memory: a value somebody stored, or the place a short-lived one is fetched from.

use std::path::PathBuf;

use http::HeaderValue;
use sha2::{Digest, Sha256};
use switchyard_domain::Secret;
use switchyard_domain::view::CredentialPlace;

/// A credential of a route.
#[derive(Clone)]
pub(crate) struct Key {
    material: Material,
    bearer: Option<HeaderValue>,
    plain: Option<HeaderValue>,
    /// Tells two credentials apart without showing either.
    pub(crate) fingerprint: Fingerprint,
    /// Where it was found.
    pub(crate) place: CredentialPlace,
    /// Enough to recognise it by; never the secret part.
    pub(crate) hint: String,
}

/// A hash of all that a credential is made of.
pub(crate) type Fingerprint = [u8; 32];

/// What a credential is made of.
#[derive(Clone)]
pub(crate) enum Material {
    /// A value: an API key, an access key, a JSON document.
    Value(Secret),
    /// A profile of the AWS configuration files.
    AwsProfile(AwsProfile),
    /// The metadata server of a Google Cloud machine, at this host.
    GoogleMetadata(String),
}

/// A profile of the AWS configuration files. They are read when a request needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AwsProfile {
    pub(crate) name: String,
    pub(crate) credentials_file: PathBuf,
    pub(crate) config_file: PathBuf,
}

impl Key {
    /// A key of a stored value.
    pub(crate) fn of(secret: Secret, place: CredentialPlace) -> Self {
        let sensitive = |text: &str| {
            let mut value = HeaderValue::from_str(text).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        Self {
            bearer: sensitive(&format!("Bearer {}", secret.expose())),
            plain: sensitive(secret.expose()),
            fingerprint: fingerprint(&["value", secret.expose()]),
            place,
            hint: hint(&secret),
            material: Material::Value(secret),
        }
    }

    /// The key of an AWS profile. `stamp` changes with its files.
    pub(crate) fn of_profile(profile: AwsProfile, stamp: &str) -> Self {
        Self {
            bearer: None,
            plain: None,
            fingerprint: fingerprint(&[
                "profile",
                &profile.name,
                &profile.credentials_file.display().to_string(),
                stamp,
            ]),
            place: CredentialPlace::File,
            hint: format!("profile {}", profile.name),
            material: Material::AwsProfile(profile),
        }
    }

    /// The key of the machine's own service account.
    pub(crate) fn of_metadata(host: String) -> Self {
        Self {
            bearer: None,
            plain: None,
            fingerprint: fingerprint(&["metadata", &host]),
            place: CredentialPlace::Environment,
            hint: "machine's own".to_owned(),
            material: Material::GoogleMetadata(host),
        }
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.material
    }

    /// `Bearer VALUE`, marked sensitive; `None` when it isn't something a header can carry.
    pub(crate) const fn bearer(&self) -> Option<&HeaderValue> {
        self.bearer.as_ref()
    }

    /// `VALUE`, marked sensitive; `None` when it isn't something a header can carry.
    pub(crate) const fn plain(&self) -> Option<&HeaderValue> {
        self.plain.as_ref()
    }

    /// Whether this is another credential than it was.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        self.fingerprint != other.fingerprint
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &self.material {
            Material::Value(_) => "value",
            Material::AwsProfile(_) => "AWS profile",
            Material::GoogleMetadata(_) => "metadata server",
        };
        f.debug_struct("Key").field("material", &kind).field("place", &self.place).finish_non_exhaustive()
    }
}

fn fingerprint(parts: &[&str]) -> Fingerprint {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Of a document or a key pair the part that isn't secret; of a key its last characters.
fn hint(secret: &Secret) -> String {
    let value = secret.expose();
    if let Ok(document) = serde_json::from_str::<serde_json::Value>(value)
        && document.is_object()
    {
        let inner = document.get("Credentials").unwrap_or(&document);
        let text = |key: &str| inner.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        let named = text("client_email").or_else(|| text("AccessKeyId")).or_else(|| text("type"));
        return named.map_or_else(|| "document".to_owned(), |name| name.chars().take(80).collect());
    }
    match value.split_once(':') {
        Some((id, _)) if super::is_access_key_id(id) => id.to_owned(),
        _ => secret.hint(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_itself() {
        let document =
            r#"{"type":"service_account","client_email":"me@acme.iam","private_key":"-----BEGIN\nhunter2"}"#;
        for value in ["sk-live-0123456789hunter2-abcd", "AKIAIOSFODNN7EXAMPLE:hunter2/secret", document] {
            let key = Key::of(Secret::new(value), CredentialPlace::Keychain);
            let shown = format!("{key:?} {:?} {:?} {}", key.bearer(), key.plain(), key.hint);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_hint_is_enough_to_recognise_a_key_by() {
        let cases = [
            ("sk-live-0123456789abcd", "…abcd"),
            ("AKIAIOSFODNN7EXAMPLE:secret/secret", "AKIAIOSFODNN7EXAMPLE"),
            (r#"{"client_email":"me@acme.iam"}"#, "me@acme.iam"),
            (r#"{"Credentials":{"AccessKeyId":"ASIA123"}}"#, "ASIA123"),
            (r#"{"type":"authorized_user"}"#, "authorized_user"),
        ];
        for (value, expected) in cases {
            assert_eq!(Key::of(Secret::new(value), CredentialPlace::File).hint, expected, "{value}");
        }
    }

    #[test]
    fn a_document_is_a_key_though_no_header_can_carry_it() {
        let key = Key::of(Secret::new("{\n\"type\": \"service_account\"\n}"), CredentialPlace::File);
        assert!(key.bearer().is_none() && key.plain().is_none());
        assert!(Key::of(Secret::new("sk-1"), CredentialPlace::File).bearer().is_some());
    }
}
