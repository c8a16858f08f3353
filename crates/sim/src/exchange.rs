//! One request from its first byte to its script: recorded, struck by a fault, checked, answered.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::answer::{compose, tokens};
use crate::ask::{Ask, Refusal};
use crate::dialect;
use crate::fault::Fault;
use crate::playback::{BrokenOff, Playback, ResetSwitch};
use crate::profile::{Dialect, KeyState};
use crate::provider::Provider;
use crate::recording::{BODY_KEPT, Received, kept_headers};
use crate::script::{Errors, Script};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Completion(Dialect),
    Models,
    Unknown,
}

impl Endpoint {
    /// By the path's end: what comes before it (`/v1`, `/v1beta/openai`, a provider's name) is the base URL's.
    fn of(path: &str) -> Self {
        if path.ends_with("/chat/completions") {
            Self::Completion(Dialect::OpenaiChat)
        } else if path.ends_with("/messages") {
            Self::Completion(Dialect::Anthropic)
        } else if path.ends_with("/models") {
            Self::Models
        } else {
            Self::Unknown
        }
    }
}

/// A request read to its end.
struct Call {
    endpoint: Endpoint,
    dialect: Dialect,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Result<Value, serde_json::Error>,
    seq: u64,
}

/// Answers one request, or breaks the connection off.
pub(crate) async fn answer(
    provider: Provider,
    request: Request<Incoming>,
    reset: ResetSwitch,
) -> Result<Response<Playback>, BrokenOff> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(BrokenOff);
    };
    let body = body.to_bytes();
    let path = head.uri.path().to_owned();
    let endpoint = Endpoint::of(&path);
    let dialect = match (endpoint, provider.dialect()) {
        (Endpoint::Completion(dialect), _) | (Endpoint::Models | Endpoint::Unknown, Some(dialect)) => dialect,
        (Endpoint::Models | Endpoint::Unknown, None) if head.headers.contains_key("anthropic-version") => {
            Dialect::Anthropic
        }
        (Endpoint::Models | Endpoint::Unknown, None) => Dialect::OpenaiChat,
    };
    let json: Result<Value, _> = serde_json::from_slice(&body);
    let model = json.as_ref().ok().and_then(|json| json["model"].as_str()).map(str::to_owned);
    let received = Received {
        seq: 0,
        method: head.method.to_string(),
        path: path.clone(),
        model: model.clone(),
        stream: json.as_ref().is_ok_and(|json| json["stream"] == true),
        headers: kept_headers(&head.headers),
        body: body.slice(..body.len().min(BODY_KEPT)),
        body_bytes: body.len(),
        fault: None,
        status: None,
        ended: false,
        aborted: false,
    };
    let completion = matches!(endpoint, Endpoint::Completion(_)) && head.method == Method::POST;
    let mut exchange = provider.receive(received, completion);
    let fault = if completion { provider.strike(model.as_deref()) } else { provider.strike_listing() };
    exchange.met(fault.as_ref());

    match fault {
        Some(Fault::Silence) => pending::<()>().await,
        // A request that slipped in while the port was being closed meets what its successors meet, or worse.
        Some(Fault::Reset { .. } | Fault::Refuse) => {
            reset.arm();
            exchange.end();
            return Err(BrokenOff);
        }
        Some(_) | None => {}
    }
    let seq = exchange.seq();
    let call = Call { endpoint, dialect, method: head.method, path, headers: head.headers, body: json, seq };
    let mut script = call.script(&provider, fault.as_ref());
    if call.method == Method::HEAD {
        script.steps.clear();
    }
    tokio::time::sleep(script.head_delay).await;
    exchange.answered(script.status);
    Ok(respond(&call, script, exchange))
}

fn respond(call: &Call, script: Script, exchange: crate::provider::OpenExchange) -> Response<Playback> {
    let mut response = Response::new(Playback::new(script.steps, exchange));
    // A fault's code is checked when it is set, and ours are all valid.
    *response.status_mut() = http::StatusCode::from_u16(script.status).unwrap_or_default();
    *response.headers_mut() = script.headers;
    let name = match call.dialect {
        Dialect::OpenaiChat => "x-request-id",
        Dialect::Anthropic => "request-id",
    };
    if let Ok(id) = HeaderValue::from_str(&format!("req_sim{:08}", call.seq)) {
        response.headers_mut().insert(name, id);
    }
    response
}

impl Call {
    fn script(&self, provider: &Provider, fault: Option<&Fault>) -> Script {
        match fault {
            Some(Fault::Status { code, retry_after_s, body: Some(body) }) => {
                return Script::status_with_body(*code, *retry_after_s, body);
            }
            Some(Fault::Status { code, retry_after_s, body: None }) => {
                let refusal = Refusal { retry_after_s: *retry_after_s, ..Refusal::new(*code, reason(*code)) };
                return Script::refusal(self.dialect, &refusal, self.seq);
            }
            Some(Fault::Html { redirect }) => return Script::captive_portal(*redirect),
            Some(Fault::EmptyBody) => return Script::empty(),
            Some(_) | None => {}
        }
        let mut script = self
            .healthy(provider, fault)
            .unwrap_or_else(|refusal| Script::refusal(self.dialect, &refusal, self.seq));
        if let Some(Fault::SlowHeaders { ms }) = fault {
            script.head_delay = Duration::from_millis(*ms);
        }
        script
    }

    /// The answer of a provider in working order; `fault` may still spoil how it is sent.
    fn healthy(&self, provider: &Provider, fault: Option<&Fault>) -> Result<Script, Refusal> {
        self.check_key(provider)?;
        match self.endpoint {
            Endpoint::Models => {
                if ![Method::GET, Method::HEAD].contains(&self.method) {
                    return Err(Refusal::new(
                        405,
                        format!("{} is not allowed for {}", self.method, self.path),
                    ));
                }
                Ok(Script::json(200, &dialect::models(self.dialect, provider.models())))
            }
            Endpoint::Completion(dialect) if provider.dialect().is_none_or(|only| only == dialect) => {
                if self.method != Method::POST {
                    return Err(Refusal::new(
                        405,
                        format!("{} is not allowed for {}", self.method, self.path),
                    ));
                }
                self.complete(provider, fault)
            }
            Endpoint::Completion(_) | Endpoint::Unknown => {
                Err(Refusal::new(404, format!("Unknown request URL: {} {}", self.method, self.path))
                    .code("unknown_url"))
            }
        }
    }

    fn complete(&self, provider: &Provider, fault: Option<&Fault>) -> Result<Script, Refusal> {
        if self.dialect == Dialect::Anthropic && !self.headers.contains_key("anthropic-version") {
            return Err(Refusal::field("anthropic-version", "anthropic-version: header is required"));
        }
        let body = self.body.as_ref().map_err(|error| {
            Refusal::field("body", format!("We could not parse the JSON body of your request: {error}"))
        })?;
        let ask = dialect::read(self.dialect, body)?;
        check_model(provider, &ask)?;
        self.check_context(provider, &ask)?;

        let mut pace = provider.pace(self.seq);
        let filtered = fault == Some(&Fault::ContentFilter);
        let answer = compose(provider.name(), &ask, self.seq, pace.chunks(), filtered);
        let errors = Errors { dialect: self.dialect, seq: self.seq };
        Ok(if ask.stream {
            let events = dialect::events(self.dialect, &answer, ask.include_usage);
            Script::stream(events, &errors, &mut pace, fault)
        } else {
            let body = Bytes::from(dialect::whole(self.dialect, &answer).to_string());
            Script::whole(&body, &errors, &mut pace, fault)
        })
    }

    fn check_key(&self, provider: &Provider) -> Result<(), Refusal> {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        let key = bearer.or_else(|| header("x-api-key")).or_else(|| header("x-goog-api-key"));
        match (provider.key_state(key), self.dialect) {
            (KeyState::Good, _) => Ok(()),
            (KeyState::Revoked, _) if key.is_none() => {
                Err(Refusal::new(401, "You didn't provide an API key."))
            }
            (KeyState::Revoked, Dialect::OpenaiChat) => Err(Refusal::new(401, "Incorrect API key provided.")),
            (KeyState::Revoked, Dialect::Anthropic) => Err(Refusal::new(401, "invalid x-api-key")),
            (KeyState::Unpaid, Dialect::OpenaiChat) => {
                let message = "You exceeded your current quota, please check your plan and billing details.";
                Err(Refusal::new(429, message).code("insufficient_quota"))
            }
            (KeyState::Unpaid, Dialect::Anthropic) => {
                Err(Refusal::new(402, "Your credit balance is too low to access the Anthropic API."))
            }
            (KeyState::RateLimited { retry_after_s }, _) => {
                Err(Refusal { retry_after_s: Some(retry_after_s), ..Refusal::new(429, reason(429)) })
            }
        }
    }

    fn check_context(&self, provider: &Provider, ask: &Ask) -> Result<(), Refusal> {
        let Some(window) = provider.profile().context_chars.filter(|window| ask.prompt_chars > *window)
        else {
            return Ok(());
        };
        let (asked, most) = (tokens(ask.prompt_chars), tokens(window));
        let message = match self.dialect {
            Dialect::OpenaiChat => format!(
                "This model's maximum context length is {most} tokens. However, your messages resulted in {asked} \
                 tokens. Please reduce the length of the messages."
            ),
            Dialect::Anthropic => format!("prompt is too long: {asked} tokens > {most} maximum"),
        };
        Err(Refusal::field("messages", message).code("context_length_exceeded"))
    }
}

fn check_model(provider: &Provider, ask: &Ask) -> Result<(), Refusal> {
    let models = provider.models();
    if models.is_empty() || models.contains(&ask.model) {
        return Ok(());
    }
    let message = match provider.dialect() {
        Some(Dialect::Anthropic) => format!("model: {}", ask.model),
        Some(Dialect::OpenaiChat) | None => {
            format!("The model `{}` does not exist or you do not have access to it.", ask.model)
        }
    };
    Err(Refusal { param: Some("model".to_owned()), ..Refusal::new(404, message) })
}

/// What a provider says with a status, where nothing better is known.
fn reason(status: u16) -> &'static str {
    match status {
        400 => "The request could not be understood.",
        401 => "Incorrect API key provided.",
        402 => "Your account has no credit left.",
        403 => "Country, region, or territory not supported.",
        404 => "The model does not exist or you do not have access to it.",
        408 => "The request took too long to arrive.",
        413 => "The request is too large.",
        429 => "Rate limit reached. Please try again later.",
        502 => "Bad gateway.",
        503 => "The engine is currently overloaded, please try again later.",
        504 => "The upstream did not answer in time.",
        529 => "Overloaded",
        _ => "The server had an error while processing your request. Sorry about that!",
    }
}
