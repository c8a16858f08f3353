//! The request as a route wants it: body, headers, key.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use switchyard_domain::map::{Auth, Route};
use switchyard_domain::{Dialect, Failure, FailureKind};
use switchyard_wire::{Degradation, rewrite, translate_request};

use crate::intake::{Ask, OwnKey};
use crate::vault::Key;

/// The version of the Messages API that is asked for where the caller named none.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// A body ready to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) body: Bytes,
    pub(super) translation: Translation,
}

/// What was done to the body, for the way back.
#[derive(Debug)]
pub(super) struct Translation {
    /// Whether the answer has to be translated back.
    pub(super) needed: bool,
    /// Whether usage was asked for on our own account.
    pub(super) asked_usage: bool,
    /// What could not be carried over.
    pub(super) lost: Vec<String>,
}

/// Writes the body for a route.
pub(super) fn write(route: &Route, ask: &Ask) -> Result<Outgoing, Failure> {
    let envelope = &ask.envelope;
    if route.dialect == ask.dialect {
        let asked_usage = ask.dialect == Dialect::OpenAiChat
            && envelope.stream
            && envelope.include_usage != Some(true)
            && route.usage_in_stream;
        let body = rewrite(&ask.body, envelope, &route.upstream_model, asked_usage);
        return Ok(Outgoing {
            body,
            translation: Translation { needed: false, asked_usage, lost: Vec::new() },
        });
    }
    let translated = translate_request(ask.dialect, route.dialect, &ask.body, &route.upstream_model)
        .map_err(|error| {
            let param = error.field().map(str::to_owned);
            Failure { param, ..Failure::new(FailureKind::NotTranslatable, error.to_string()) }
        })?;
    let lost = named(&translated.degraded);
    Ok(Outgoing {
        body: translated.body.into(),
        translation: Translation { needed: true, asked_usage: false, lost },
    })
}

/// What could not be carried over, as it stands in the response header: `field_dropped messages[0].name`.
pub(super) fn named(degraded: &[Degradation]) -> Vec<String> {
    degraded.iter().map(|lost| format!("{} {}", lost.code, lost.field)).collect()
}

/// The headers that are the same for every request of a route.
pub(super) fn fixed_headers(route: &Route) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("switchyard/", env!("CARGO_PKG_VERSION"))),
    );
    if route.dialect == Dialect::AnthropicMessages {
        headers.insert("anthropic-version", HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    for (name, value) in &route.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` can't be sent"))?;
        // Written values may come from credentials.
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Adds the caller's headers that mean something upstream. The map's own headers win.
pub(super) fn forward(headers: &mut HeaderMap, route: &Route, ask: &Ask) {
    let same = route.dialect == ask.dialect;
    for (name, value) in &ask.headers {
        let vendor = name.as_str().starts_with("anthropic-") || name.as_str().starts_with("openai-");
        if (same || !vendor) && !route.headers.iter().any(|(own, _)| own == name.as_str()) {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers.insert("idempotency-key", ask.upstream_idempotency_key.clone());
}

/// Presents the key.
pub(super) fn authorize(headers: &mut HeaderMap, route: &Route, key: Option<&Key>, own: Option<&OwnKey>) {
    match (route.auth, key) {
        (Auth::Bearer, Some(key)) => {
            headers.insert(header::AUTHORIZATION, key.bearer.clone());
        }
        (Auth::XApiKey, Some(key)) => {
            headers.insert("x-api-key", key.plain.clone());
        }
        (Auth::Passthrough, _) => {
            for (name, value) in own.into_iter().flat_map(|own| &own.headers) {
                headers.insert(name.clone(), value.clone());
            }
        }
        (Auth::ApiKey, Some(key)) => {
            headers.insert("api-key", key.plain.clone());
        }
        (Auth::GoogApiKey, Some(key)) => {
            headers.insert("x-goog-api-key", key.plain.clone());
        }
        (Auth::AwsSigv4 | Auth::GoogleOauth, Some(_)) | (Auth::None, _) => {}
        (
            Auth::Bearer
            | Auth::XApiKey
            | Auth::ApiKey
            | Auth::GoogApiKey
            | Auth::AwsSigv4
            | Auth::GoogleOauth,
            None,
        ) => {}
    }
}
