//! Google's OAuth token endpoint: access tokens for a service account's signed assertion or a user's refresh
//! token, and what Vertex AI thinks of a token it is shown.
//!
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>

use std::collections::HashMap;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::sigv4::decoded;

/// Of the service account every simulated provider knows. The key pair is for tests alone.
const PRIVATE_KEY: &str = include_str!("../keys/test-only-service-account.pem");
/// The public half, with which assertions are checked unless the profile says otherwise.
pub(crate) const PUBLIC_KEY: &str = include_str!("../keys/test-only-service-account.pub.pem");
const KEY_ID: &str = "sim0000000000000000000000000000000000001";
const EMAIL: &str = "sim@switchyard-sim.iam.gserviceaccount.com";
const PROJECT: &str = "switchyard-sim";
const CLIENT_ID: &str = "switchyard-sim.apps.googleusercontent.com";
const CLIENT_SECRET: &str = "sim-client-secret";
const REFRESH_TOKEN: &str = "1//sim-refresh-token";

const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const GOOGLE_AUDIENCE: &str = "https://oauth2.googleapis.com/token";
/// The longest an assertion may be good for.
const LONGEST_ASSERTION_S: u64 = 3600;
const SKEW_S: u64 = 300;

/// The key file of a service account whose tokens the provider at `url` issues and accepts.
pub(crate) fn service_account(url: &str) -> Value {
    json!({
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": KEY_ID,
        "private_key": PRIVATE_KEY,
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": format!("{url}/token"),
        "universe_domain": "googleapis.com",
    })
}

/// A user's application default credentials, as `gcloud auth application-default login` writes them.
pub(crate) fn authorized_user(url: &str) -> Value {
    json!({
        "type": "authorized_user",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
        "quota_project_id": PROJECT,
        "token_uri": format!("{url}/token"),
        "universe_domain": "googleapis.com",
    })
}

/// An OAuth error, as RFC 6749 has it.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) status: u16,
    error: &'static str,
    description: String,
}

impl Denied {
    fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: if error == "invalid_client" { 401 } else { 400 },
            error,
            description: description.into(),
        }
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "error": self.error, "error_description": self.description })
    }
}

/// What a token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Expired,
    Unknown,
}

/// The tokens a provider has issued.
#[derive(Default)]
pub(crate) struct TokenOffice {
    /// Token to the second since 1970 at which it ends.
    issued: HashMap<String, u64>,
    requests: u64,
}

impl std::fmt::Debug for TokenOffice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenOffice")
            .field("issued", &self.issued.len())
            .field("requests", &self.requests)
            .finish()
    }
}

/// What assertions are checked against.
pub(crate) struct Terms<'a> {
    /// A PEM `PUBLIC KEY`.
    pub(crate) public_key: &'a str,
    /// The address of this endpoint, the assertion's `aud`.
    pub(crate) audience: String,
    pub(crate) lifetime_s: u64,
}

impl TokenOffice {
    /// Answers `POST /token`.
    pub(crate) fn issue(&mut self, form: &[u8], terms: &Terms<'_>, now_s: u64) -> Result<Value, Denied> {
        self.requests += 1;
        let form = Form::read(form);
        let grant = form.get("grant_type")?;
        match grant {
            JWT_GRANT => check_assertion(form.get("assertion")?, terms, now_s)?,
            "refresh_token" => check_refresh(&form)?,
            other => {
                return Err(Denied::new("unsupported_grant_type", format!("Invalid grant_type: {other}")));
            }
        }
        let token = format!("ya29.sim-{:08}-{:08x}", self.requests, fingerprint(&terms.audience));
        self.issued.insert(token.clone(), now_s + terms.lifetime_s);
        let mut answer = json!({
            "access_token": token, "expires_in": terms.lifetime_s, "token_type": "Bearer",
        });
        if grant != JWT_GRANT {
            answer["scope"] = json!(SCOPE);
        }
        Ok(answer)
    }

    pub(crate) fn standing(&self, token: &str, now_s: u64) -> Standing {
        match self.issued.get(token) {
            Some(ends) if *ends > now_s => Standing::Good,
            Some(_) => Standing::Expired,
            None => Standing::Unknown,
        }
    }

    /// Ends every token issued so far.
    pub(crate) fn expire_all(&mut self) {
        self.issued.values_mut().for_each(|ends| *ends = 0);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }
}

/// A `application/x-www-form-urlencoded` body.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).replace('+', " ");
        let plain = |part: &str| String::from_utf8_lossy(&decoded(part)).into_owned();
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (plain(name), plain(value))).collect())
    }

    fn get(&self, name: &str) -> Result<&str, Denied> {
        let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        found
            .map(|(_, value)| value.as_str())
            .ok_or_else(|| Denied::new("invalid_request", format!("Missing required parameter: {name}")))
    }
}

fn check_refresh(form: &Form) -> Result<(), Denied> {
    if form.get("client_id")? != CLIENT_ID || form.get("client_secret")? != CLIENT_SECRET {
        return Err(Denied::new("invalid_client", "The OAuth client was not found."));
    }
    if form.get("refresh_token")? != REFRESH_TOKEN {
        return Err(Denied::new("invalid_grant", "Token has been expired or revoked."));
    }
    Ok(())
}

fn check_assertion(assertion: &str, terms: &Terms<'_>, now_s: u64) -> Result<(), Denied> {
    let invalid = |reason: &str| Denied::new("invalid_grant", reason);
    let malformed = || invalid("Bad Request");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
    let (head, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let part =
        |text: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok() };
    let (head, claims) = (part(head).ok_or_else(malformed)?, part(claims).ok_or_else(malformed)?);
    if head["alg"] != "RS256" {
        return Err(invalid("Invalid JWT: Failed signature algorithm. RS256 is expected."));
    }
    if claims["iss"] != EMAIL {
        return Err(invalid("Invalid grant: account not found"));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    let key = der(terms.public_key).ok_or_else(|| invalid("The profile's public key is no PEM."))?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    if key.verify(signed.as_bytes(), &signature).is_err() {
        return Err(invalid("Invalid JWT Signature."));
    }
    if claims["aud"] != terms.audience.as_str() && claims["aud"] != GOOGLE_AUDIENCE {
        return Err(invalid("Invalid JWT: Failed audience check. The right audience is the token endpoint."));
    }
    let (iat, exp) = (claims["iat"].as_u64(), claims["exp"].as_u64());
    let timely = iat.zip(exp).is_some_and(|(iat, exp)| {
        iat <= now_s + SKEW_S && exp + SKEW_S > now_s && exp > iat && exp - iat <= LONGEST_ASSERTION_S
    });
    if !timely {
        return Err(invalid(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your \
             iat and exp values in the JWT claim.",
        ));
    }
    let scope = claims["scope"].as_str().unwrap_or_default();
    if !scope.split(' ').any(|one| one == SCOPE) {
        return Err(Denied::new("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
    }
    Ok(())
}

/// The bytes of a PEM block.
fn der(pem: &str) -> Option<Vec<u8>> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body.trim()).ok().filter(|bytes| !bytes.is_empty())
}

/// FNV-1a, so that no two providers issue the same token.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
