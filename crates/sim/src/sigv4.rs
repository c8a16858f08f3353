//! AWS Signature Version 4 as the receiving side checks it.
//!
//! Written from the signing specification and apart from the router's signer, so that the two cannot share
//! a mistake. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

mod date;

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use self::date::{basic, unix_s};
use crate::ask::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The name requests to Bedrock's runtime and control plane are signed for.
const SERVICE: &str = "bedrock";
/// How far a request's date may be from now.
const SKEW_S: u64 = 5 * 60;

/// A request as it was signed.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// As sent, still percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// What the `Authorization` header says.
struct Claim<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// The id of the access key the request says it was signed with.
pub(crate) fn access_key_id(headers: &HeaderMap) -> Option<&str> {
    Claim::read(header(headers, AUTHORIZATION.as_str())?).ok().map(|claim| claim.access_key)
}

impl Signed<'_> {
    /// Checks the signature against the keys (id and secret) the provider knows, at `now_s` seconds since 1970.
    pub(crate) fn verify(&self, keys: &[(String, String)], now_s: u64) -> Result<(), Refusal> {
        let authorization = header(self.headers, AUTHORIZATION.as_str())
            .ok_or_else(|| refused("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
        let claim = Claim::read(authorization)?;
        let Some((_, secret)) = keys.iter().find(|(id, _)| id == claim.access_key) else {
            let message = "The security token included in the request is invalid.";
            return Err(refused("UnrecognizedClientException", message));
        };
        if claim.service != SERVICE {
            let message = format!("Credential should be scoped to correct service: '{SERVICE}'. ");
            return Err(refused("InvalidSignatureException", message));
        }
        let stamp = header(self.headers, "x-amz-date").unwrap_or_default();
        self.check_date(&claim, stamp, now_s)?;
        self.check_signed_headers(&claim)?;
        let expected = claim.signature_of(&self.canonical(&claim), stamp, secret);
        if expected != claim.signature {
            let message = "The request signature we calculated does not match the signature you provided. Check \
                 your AWS Secret Access Key and signing method. Consult the service documentation for details.";
            return Err(refused("InvalidSignatureException", message));
        }
        Ok(())
    }

    fn check_date(&self, claim: &Claim<'_>, stamp: &str, now_s: u64) -> Result<(), Refusal> {
        let Some(signed_s) = unix_s(stamp) else {
            let message = format!(
                "Date must be in ISO-8601 'basic format'. Got '{stamp}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601"
            );
            return Err(refused("IncompleteSignatureException", message));
        };
        if !stamp.starts_with(claim.date) {
            let message = format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
                 '{stamp}', from '{stamp}'.",
                claim.date
            );
            return Err(refused("InvalidSignatureException", message));
        }
        let (now, oldest, newest) = (basic(now_s), now_s.saturating_sub(SKEW_S), now_s + SKEW_S);
        let message = if signed_s < oldest {
            format!("Signature expired: {stamp} is now earlier than {} ({now} - 5 min.)", basic(oldest))
        } else if signed_s > newest {
            format!(
                "Signature not yet current: {stamp} is still later than {} ({now} + 5 min.)",
                basic(newest)
            )
        } else {
            return Ok(());
        };
        Err(refused("InvalidSignatureException", message))
    }

    /// `host` and every `x-amz-` header must be signed, and what is signed must be there.
    fn check_signed_headers(&self, claim: &Claim<'_>) -> Result<(), Refusal> {
        let amz = self.headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        if let Some(name) = amz.chain(["host"]).find(|name| !claim.signed_headers.contains(name)) {
            let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
            return Err(refused("InvalidSignatureException", message));
        }
        let hash = header(self.headers, "x-amz-content-sha256");
        if hash.is_some_and(|hash| hash != hex(digest::digest(&digest::SHA256, self.body).as_ref())) {
            let message = "The value passed in x-amz-content-sha256 does not match the hash of the body.";
            return Err(refused("InvalidSignatureException", message));
        }
        Ok(())
    }

    fn canonical(&self, claim: &Claim<'_>) -> String {
        let mut text =
            format!("{}\n{}\n{}\n", self.method, canonical_path(self.path), canonical_query(self.query));
        for name in &claim.signed_headers {
            let values: Vec<String> = self
                .headers
                .get_all(*name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            let _ = writeln!(text, "{name}:{}", values.join(","));
        }
        let _ = write!(text, "\n{}\n", claim.signed_headers.join(";"));
        text + &hex(digest::digest(&digest::SHA256, self.body).as_ref())
    }
}

impl<'a> Claim<'a> {
    fn read(authorization: &'a str) -> Result<Self, Refusal> {
        let lacks = |part: &str| {
            let message = format!("Authorization header requires '{part}' parameter.");
            refused("IncompleteSignatureException", message)
        };
        let fields = authorization.strip_prefix(ALGORITHM).ok_or_else(|| lacks("Credential"))?;
        let field = |name: &'static str| {
            let mut parts = fields.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(key, _)| *key == name).map(|(_, value)| value).ok_or_else(|| lacks(name))
        };
        let credential = field("Credential")?;
        let mut scope = credential.split('/');
        let mut next = || scope.next().filter(|part| !part.is_empty());
        let (Some(access_key), Some(date), Some(region), Some(service), Some("aws4_request"), None) =
            (next(), next(), next(), next(), next(), next())
        else {
            let message = format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{credential}'"
            );
            return Err(refused("IncompleteSignatureException", message));
        };
        Ok(Self {
            access_key,
            date,
            region,
            service,
            signed_headers: field("SignedHeaders")?.split(';').collect(),
            signature: field("Signature")?,
        })
    }

    fn signature_of(&self, canonical: &str, stamp: &str, secret: &str) -> String {
        let Self { date, region, service, .. } = self;
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("{ALGORITHM}\n{stamp}\n{date}/{region}/{service}/aws4_request\n{hash}");
        let first = format!("AWS4{secret}").into_bytes();
        let key = [date, region, service, "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
        hex(&mac(&key, &to_sign))
    }
}

fn refused(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(403, message).code(code)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Every service but S3 signs the path without dots and doubled slashes, and encoded once more than it is sent.
fn canonical_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let trailing = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{trailing}", kept.iter().map(|s| encoded(s.as_bytes())).collect::<Vec<_>>().join("/"))
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(&decoded(name)), encoded(&decoded(value))))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// The bytes a percent-encoded text stands for; a stray `%` stands for itself.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| byte == b'%') {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}
