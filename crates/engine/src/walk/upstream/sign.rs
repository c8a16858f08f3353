//! Presents a route's credential: a header, an AWS signature, or a Google access token fetched beforehand.
//!
//! It is the last thing done to a request: a signature covers the headers and the body as they are sent. What is
//! fetched is kept until shortly before it ends, fetched again by one request while the others go on with the old, and
//! dropped when the provider says it is no longer good.

mod aws;
mod fresh;
mod google;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use switchyard_domain::map::{Auth, Route};
use switchyard_domain::{Failure, FailureKind};
use url::Url;

use crate::core::blocking;
use crate::core::vault::{Fingerprint, Key, Material};
use crate::walk::header_names;
use crate::walk::request::OwnKey;

use super::pool::HttpClient;
use aws::AwsKeys;
use fresh::Fresh;
use google::Token;

/// More credentials than any map has: beyond, what was fetched is forgotten and fetched again.
const MOST_KEPT: usize = 256;

/// Fetched credentials, shared by all routes. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    http: HttpClient,
    kept: Arc<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    google: Mutex<HashMap<Fingerprint, Arc<Fresh<Token>>>>,
    aws: Mutex<HashMap<Fingerprint, Arc<Fresh<AwsKeys>>>>,
}

/// Whether what is presented is made of the credential, and ends by itself.
pub(super) const fn is_fetched(auth: Auth) -> bool {
    match auth {
        Auth::AwsSigv4 | Auth::GoogleOauth => true,
        Auth::None | Auth::Passthrough | Auth::Bearer | Auth::XApiKey | Auth::ApiKey | Auth::GoogApiKey => {
            false
        }
    }
}

/// A request as far as its signature is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) route: &'a Route,
    pub(super) method: &'a Method,
    pub(super) url: &'a Url,
    pub(super) body: &'a [u8],
}

/// What a request was presented with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// The credential itself.
    Itself,
    /// Something fetched for an earlier request: it may have ended in the meantime.
    Kept,
    /// Something fetched for this request.
    Fetched,
}

impl Signer {
    /// One that fetches over this line.
    pub(super) fn new(http: impl Into<HttpClient>) -> Self {
        Self { http: http.into(), kept: Arc::default() }
    }

    /// The same, fetching over another line.
    pub(super) fn through(&self, http: HttpClient) -> Self {
        Self { http, kept: Arc::clone(&self.kept) }
    }

    /// Adds what the route's provider wants to see to the headers.
    ///
    /// # Errors
    /// `credential_missing` when there is no usable credential, `key_rejected` when the one it is exchanged for was
    /// refused, a transport failure when that place can't be reached.
    pub(super) async fn sign(
        &self,
        call: Call<'_>,
        key: Option<&Key>,
        own: Option<&OwnKey>,
        headers: &mut HeaderMap,
    ) -> Result<Presented, Failure> {
        let route = call.route;
        match route.auth {
            Auth::None => {}
            Auth::Passthrough => {
                headers.extend(own.into_iter().flat_map(|own| own.headers.iter().cloned()));
            }
            Auth::Bearer => insert(headers, &header::AUTHORIZATION, key.and_then(Key::bearer), call, key)?,
            Auth::XApiKey => insert(headers, &header_names::X_API_KEY, key.and_then(Key::plain), call, key)?,
            Auth::ApiKey => insert(headers, &header_names::API_KEY, key.and_then(Key::plain), call, key)?,
            Auth::GoogApiKey => {
                insert(headers, &header_names::GOOG_API_KEY, key.and_then(Key::plain), call, key)?;
            }
            // Boxed: what fetches a token is large, and few requests do.
            Auth::AwsSigv4 => return Box::pin(self.aws(call, key, headers)).await,
            Auth::GoogleOauth => return Box::pin(self.google(call, key, headers)).await,
        }
        Ok(Presented::Itself)
    }

    /// Forgets what was fetched for a credential if the provider's answer says that it is no longer good. True when a
    /// new one is worth a try.
    pub(super) fn outdated(
        &self,
        key: Option<&Key>,
        presented: Presented,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> bool {
        let Some(key) = key.filter(|_| presented != Presented::Itself) else { return false };
        if !(status == StatusCode::UNAUTHORIZED
            || status == StatusCode::FORBIDDEN && aws::is_expired(headers))
        {
            return false;
        }
        let fetched = (lock(&self.kept.google).remove(&key.fingerprint).is_some())
            | (lock(&self.kept.aws).remove(&key.fingerprint).is_some());
        fetched && presented == Presented::Kept
    }

    async fn aws(
        &self,
        call: Call<'_>,
        key: Option<&Key>,
        headers: &mut HeaderMap,
    ) -> Result<Presented, Failure> {
        let key = key.ok_or_else(|| missing(call.route))?;
        let (keys, presented) = match key.material() {
            Material::Value(secret) => match aws::read(secret, call.route)? {
                // A Bedrock API key stands for itself.
                None => {
                    insert(headers, &header::AUTHORIZATION, key.bearer(), call, Some(key))?;
                    return Ok(Presented::Itself);
                }
                Some(keys) => (Arc::new(keys), Presented::Itself),
            },
            Material::AwsProfile(profile) => {
                let slot = slot(&self.kept.aws, key.fingerprint);
                slot.get(|| session::of_profile(profile, call.route)).await?
            }
            Material::GoogleMetadata(_) => return Err(aws::unusable(call.route)),
        };
        // Every byte of the body is hashed.
        blocking::run(call.body.len(), || aws::sign(call, &keys, headers, crate::core::clock::now()))?;
        Ok(presented)
    }

    async fn google(
        &self,
        call: Call<'_>,
        key: Option<&Key>,
        headers: &mut HeaderMap,
    ) -> Result<Presented, Failure> {
        let key = key.ok_or_else(|| missing(call.route))?;
        if let Some(token) = google::plain_token(key) {
            headers.insert(header::AUTHORIZATION, token.clone());
            return Ok(Presented::Itself);
        }
        let slot = slot(&self.kept.google, key.fingerprint);
        let client = self.http.client();
        let (token, presented) = slot.get(|| google::fetch(&client, key, call.route)).await?;
        headers.insert(header::AUTHORIZATION, token.bearer.clone());
        if let Some(project) = &token.quota_project {
            headers.insert("x-goog-user-project", project.clone());
        }
        Ok(presented)
    }
}

/// Everything in the headers that must not be quoted.
pub(super) fn sensitive(headers: &HeaderMap) -> impl Iterator<Item = &HeaderValue> {
    headers.values().filter(|value| value.is_sensitive())
}

fn insert(
    headers: &mut HeaderMap,
    name: &HeaderName,
    value: Option<&HeaderValue>,
    call: Call<'_>,
    key: Option<&Key>,
) -> Result<(), Failure> {
    match (value, key) {
        (Some(value), _) => {
            headers.insert(name, value.clone());
            Ok(())
        }
        (None, None) => Err(missing(call.route)),
        (None, Some(_)) => {
            let provider = &call.route.provider;
            let message = format!(
                "The credential stored for {provider} is not an API key. Run `switchyard credential set {provider}` and give the key alone."
            );
            Err(Failure::new(FailureKind::CredentialMissing, message))
        }
    }
}

fn missing(route: &Route) -> Failure {
    let provider = &route.provider;
    let otherwise = match route.auth {
        Auth::AwsSigv4 => ", or set up an AWS profile",
        Auth::GoogleOauth => ", or run `gcloud auth application-default login`",
        Auth::Bearer | Auth::XApiKey | Auth::ApiKey | Auth::GoogApiKey | Auth::None | Auth::Passthrough => "",
    };
    let message =
        format!("There is no key for {provider}. Run `switchyard credential set {provider}`{otherwise}.");
    Failure::new(FailureKind::CredentialMissing, message)
}

fn slot<T>(kept: &Mutex<HashMap<Fingerprint, Arc<Fresh<T>>>>, of: Fingerprint) -> Arc<Fresh<T>> {
    let mut kept = lock(kept);
    if kept.len() >= MOST_KEPT && !kept.contains_key(&of) {
        kept.clear();
    }
    Arc::clone(kept.entry(of).or_default())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
