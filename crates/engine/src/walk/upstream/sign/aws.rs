//! Signature Version 4: the keys it is made with, and the signature itself.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as signature};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::date_time::{DateTime, Format};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use switchyard_domain::map::Route;
use switchyard_domain::{Failure, FailureKind, Now, Secret};

use super::Call;
use crate::core::vault::is_access_key_id;

/// The name Bedrock's runtime and its model list sign under.
const SERVICE: &str = "bedrock";

/// Headers that intermediaries may change on the way, so they are sent but not signed.
const UNSIGNED: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Keys to sign with.
pub(super) struct AwsKeys {
    identity: Identity,
    /// When they end, UTC epoch milliseconds.
    pub(super) ends_wall_ms: Option<i64>,
}

impl std::fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsKeys").field("ends_wall_ms", &self.ends_wall_ms).finish_non_exhaustive()
    }
}

/// What `aws configure export-credentials` and every `credential_process` print, and `aws sts` a level deeper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Plain(Exported),
    #[serde(rename_all = "PascalCase")]
    Wrapped {
        credentials: Exported,
    },
}

impl AwsKeys {
    fn new(id: &str, secret: &str, token: Option<&str>, ends_wall_ms: Option<i64>) -> Self {
        let credentials = Credentials::from_keys(id, secret, token.map(str::to_owned));
        Self { identity: credentials.into(), ends_wall_ms }
    }

    /// Keys as a tool prints them; `None` when the text is something else.
    pub(super) fn exported(text: &str) -> Option<Self> {
        let exported = match serde_json::from_str(text).ok()? {
            Document::Plain(exported) | Document::Wrapped { credentials: exported } => exported,
        };
        let ends = match &exported.expiration {
            Some(text) => {
                let at = DateTime::from_str(text, Format::DateTimeWithOffset).ok()?;
                Some(at.to_millis().ok()?)
            }
            None => None,
        };
        let token = exported.session_token.as_deref().filter(|token| !token.is_empty());
        Some(Self::new(&exported.access_key_id, &exported.secret_access_key, token, ends))
    }

    /// `ID:SECRET` or `ID:SECRET:TOKEN`; `None` when the text is something else.
    pub(super) fn written(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (id, secret) = (parts.next()?.trim(), parts.next()?.trim());
        let token = parts.next().map(str::trim).filter(|token| !token.is_empty());
        (is_access_key_id(id) && !secret.is_empty()).then(|| Self::new(id, secret, token, None))
    }
}

/// Reads a stored value: keys to sign with, or `None` for a Bedrock API key, which is sent as it is.
pub(super) fn read(secret: &Secret, route: &Route) -> Result<Option<AwsKeys>, Failure> {
    let text = secret.expose();
    if text.starts_with('{') {
        let keys = AwsKeys::exported(text).ok_or_else(|| unusable(route))?;
        let now = crate::core::clock::now();
        if keys.ends_wall_ms.is_some_and(|ends| ends <= now.wall_ms) {
            let provider = &route.provider;
            let message = format!(
                "The AWS keys stored for {provider} have expired. Store new ones: `aws configure export-credentials | switchyard credential set {provider}`."
            );
            return Err(Failure::new(FailureKind::CredentialMissing, message));
        }
        return Ok(Some(keys));
    }
    if text.contains(':') {
        return AwsKeys::written(text).map(Some).ok_or_else(|| unusable(route));
    }
    // The id alone is the usual slip.
    if text.len() <= 24 && is_access_key_id(text) {
        return Err(unusable(route));
    }
    Ok(None)
}

pub(super) fn unusable(route: &Route) -> Failure {
    let message = format!(
        "The credential for {} is not one of AWS's. Store `ACCESS_KEY_ID:SECRET`, `ACCESS_KEY_ID:SECRET:SESSION_TOKEN`, the JSON of `aws configure export-credentials`, or a Bedrock API key.",
        route.provider
    );
    Failure::new(FailureKind::CredentialMissing, message)
}

/// Signs a request as it stands, and adds the signature.
pub(super) fn sign(call: Call<'_>, keys: &AwsKeys, headers: &mut HeaderMap, now: Now) -> Result<(), Failure> {
    let wall_ms = u64::try_from(now.wall_ms).unwrap_or(0);
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(wall_ms);
    let added = signed_for(call, SERVICE, keys, headers, time).map_err(|why| {
        Failure::new(
            FailureKind::Internal,
            format!("{}: the request could not be signed: {why}.", call.route.id),
        )
    })?;
    for (name, value) in added {
        let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            let message =
                format!("{}: the session token has characters a header can't carry.", call.route.provider);
            return Err(Failure::new(FailureKind::CredentialMissing, message));
        };
        value.set_sensitive(name == header::AUTHORIZATION || name == "x-amz-security-token");
        headers.insert(name, value);
    }
    Ok(())
}

/// The headers a signature consists of.
fn signed_for(
    call: Call<'_>,
    service: &str,
    keys: &AwsKeys,
    headers: &HeaderMap,
    time: SystemTime,
) -> Result<Vec<(String, String)>, String> {
    let region = call.route.region.as_deref().unwrap_or_default();
    let params = v4::SigningParams::builder()
        .identity(&keys.identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?;
    // A value that isn't text can't be signed; it is sent all the same.
    let signable = headers.iter().filter(|(name, _)| !UNSIGNED.contains(&name.as_str()));
    let signable = signable.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let request = SignableRequest::new(
        call.method.as_str(),
        call.url.as_str(),
        signable,
        SignableBody::Bytes(call.body),
    )
    .map_err(|error| error.to_string())?;
    let output = signature(request, &params.into()).map_err(|error| error.to_string())?;
    let added = output.output().headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(added.collect())
}

/// Whether a refusal says that temporary keys have ended.
pub(super) fn is_expired(headers: &HeaderMap) -> bool {
    let kind = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("ExpiredToken") || kind.starts_with("UnrecognizedClient")
}

#[cfg(test)]
mod tests;
