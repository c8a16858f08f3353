//! One request from its first byte to its script: recorded, struck by a fault, checked, answered.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::answer::{check_prefill, compose, prompt_tokens};
use crate::ask::Refusal;
use crate::dialect;
use crate::endpoint::{Endpoint, Operation};
use crate::fault::Fault;
use crate::playback::{BrokenOff, Playback, ResetSwitch};
use crate::profile::Dialect;
use crate::provider::Provider;
use crate::recording::{BODY_KEPT, Received, kept_headers};
use crate::refusals;
use crate::script::{Errors, Script};

/// A request read to its end.
pub(crate) struct Arrived {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    /// As sent, not decoded.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
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
    let bytes = body.to_bytes();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default();
    let endpoint = Endpoint::of(&path, query, &head.headers, provider.dialect());
    let body: Result<Value, _> = serde_json::from_slice(&bytes);
    let named = body.as_ref().ok().and_then(|body| body["model"].as_str()).map(str::to_owned);
    let model = endpoint.model.clone().or(named);
    let streams = body.as_ref().is_ok_and(|body| body["stream"] == true);
    let received = Received {
        seq: 0,
        method: head.method.to_string(),
        path: path.clone(),
        model: model.clone(),
        stream: streams || endpoint.operation == Operation::Stream,
        headers: kept_headers(&head.headers),
        body: bytes.slice(..bytes.len().min(BODY_KEPT)),
        body_bytes: bytes.len(),
        fault: None,
        status: None,
        ended: false,
        aborted: false,
    };
    let call = endpoint.operation.is_call() && head.method == Method::POST;
    let mut exchange = provider.receive(received, call);
    let fault = if call { provider.strike(model.as_deref()) } else { provider.strike_listing() };
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
    let arrived = Arrived { endpoint, method: head.method, path, headers: head.headers, bytes, body, seq };
    let mut script = arrived.script(&provider, fault.as_ref());
    if arrived.method == Method::HEAD {
        script.steps.clear();
    }
    tokio::time::sleep(script.head_delay).await;
    exchange.answered(script.status);
    Ok(respond(&arrived, script, exchange))
}

fn respond(arrived: &Arrived, script: Script, exchange: crate::provider::OpenExchange) -> Response<Playback> {
    let mut response = Response::new(Playback::new(script.steps, exchange));
    // A fault's code is checked when it is set, and ours are all valid.
    *response.status_mut() = http::StatusCode::from_u16(script.status).unwrap_or_default();
    *response.headers_mut() = script.headers;
    let name = dialect::request_id_header(arrived.endpoint.dialect);
    if let Ok(id) = HeaderValue::from_str(&format!("req_sim{:08}", arrived.seq)) {
        response.headers_mut().insert(name, id);
    }
    response
}

impl Arrived {
    fn script(&self, provider: &Provider, fault: Option<&Fault>) -> Script {
        let dialect = self.endpoint.dialect;
        match fault {
            Some(Fault::Status { code, retry_after_s, body: Some(body) }) => {
                return Script::status_with_body(*code, *retry_after_s, body);
            }
            Some(Fault::Status { code, retry_after_s, body: None }) => {
                let refusal = Refusal {
                    retry_after_s: *retry_after_s,
                    ..Refusal::new(*code, refusals::reason(dialect, *code))
                };
                return Script::refusal(dialect, &refusal, self.seq);
            }
            Some(Fault::Html { redirect }) => return Script::captive_portal(*redirect),
            Some(Fault::EmptyBody) => return Script::empty(),
            Some(_) | None => {}
        }
        let mut script = self
            .healthy(provider, fault)
            .unwrap_or_else(|refusal| Script::refusal(dialect, &refusal, self.seq));
        if let Some(Fault::SlowHeaders { ms }) = fault {
            script.head_delay = Duration::from_millis(*ms);
        }
        script
    }

    /// The answer of a provider in working order; `fault` may still spoil how it is sent.
    fn healthy(&self, provider: &Provider, fault: Option<&Fault>) -> Result<Script, Refusal> {
        let Endpoint { dialect, operation, .. } = self.endpoint;
        if operation != Operation::Token {
            self.check_key(provider)?;
        }
        if operation == Operation::Unknown || !self.endpoint.served_by(provider.dialect()) {
            return Err(Refusal::new(404, format!("Unknown request URL: {} {}", self.method, self.path))
                .code("unknown_url"));
        }
        let method = if operation.is_listing() { Method::GET } else { Method::POST };
        if self.method != method && !(operation.is_listing() && self.method == Method::HEAD) {
            return Err(Refusal::new(405, format!("{} is not allowed for {}", self.method, self.path)));
        }
        match operation {
            Operation::Models => Ok(Script::json(200, &dialect::models(dialect, provider.models()))),
            Operation::Model => {
                let model = self.endpoint.model.as_deref().unwrap_or_default();
                check_model(provider, dialect, model)?;
                Ok(Script::json(200, &dialect::model(dialect, model)))
            }
            Operation::Complete | Operation::Stream => self.complete(provider, fault),
            Operation::CountTokens => {
                let ask = dialect::read(&self.endpoint, self.checked_body(provider)?, provider)?;
                check_model(provider, dialect, &ask.model)?;
                Ok(Script::json(200, &dialect::token_count(dialect, prompt_tokens(&ask))))
            }
            Operation::Embed | Operation::BatchEmbed => self.embed(provider, fault),
            Operation::Token => Ok(match dialect::gemini::token(self, provider) {
                Ok(token) => Script::json(200, &token),
                Err(denied) => Script::json(denied.status, &denied.body()),
            }),
            Operation::Unknown => Err(Refusal::new(404, "Not found")),
        }
    }

    fn complete(&self, provider: &Provider, fault: Option<&Fault>) -> Result<Script, Refusal> {
        let dialect = self.endpoint.dialect;
        let ask = dialect::read(&self.endpoint, self.checked_body(provider)?, provider)?;
        check_model(provider, dialect, &ask.model)?;
        let window = provider.profile().context_chars;
        if let Some(window) = window.filter(|window| ask.prompt_chars() > *window) {
            return Err(refusals::context(dialect, ask.prompt_chars(), window));
        }
        check_prefill(provider.profile(), &ask)?;

        let mut pace = provider.pace(self.seq);
        let filtered = fault == Some(&Fault::ContentFilter);
        let recalled = provider.memory(|memory| memory.recall(&ask));
        let answer = compose(provider.profile(), &ask, self.seq, pace.chunks(), filtered, recalled);
        dialect::remember(provider, dialect, &ask, &answer);
        let errors = Errors { endpoint: &self.endpoint, provider: provider.name(), seq: self.seq };
        Ok(if ask.stream {
            let events = dialect::events(provider.name(), dialect, &ask, &answer);
            Script::stream(events, &errors, &mut pace, fault)
        } else {
            let body = Bytes::from(dialect::whole(provider.name(), dialect, &ask, &answer).to_string());
            Script::whole(&body, &errors, &mut pace, fault)
        })
    }

    fn embed(&self, provider: &Provider, fault: Option<&Fault>) -> Result<Script, Refusal> {
        let body = self.checked_body(provider)?;
        let model = self.endpoint.model.as_deref().or_else(|| body["model"].as_str());
        check_model(provider, self.endpoint.dialect, model.unwrap_or_default())?;
        let answer = Bytes::from(dialect::embeddings(&self.endpoint, body)?.to_string());
        let errors = Errors { endpoint: &self.endpoint, provider: provider.name(), seq: self.seq };
        Ok(Script::whole(&answer, &errors, &mut provider.pace(self.seq), fault))
    }

    /// The body, if it is JSON and fits the vendor's schema.
    fn checked_body(&self, provider: &Provider) -> Result<&Value, Refusal> {
        if self.endpoint.dialect == Dialect::Anthropic && !self.headers.contains_key("anthropic-version") {
            return Err(Refusal::field("anthropic-version", "anthropic-version: header is required"));
        }
        let body = self.body.as_ref().map_err(|error| refusals::not_json(self.endpoint.dialect, error))?;
        if provider.profile().strict
            && let Some(schema) = dialect::schema(&self.endpoint)
        {
            schema.check(body).map_err(|misfit| dialect::misfit(&self.endpoint, &misfit))?;
        }
        Ok(body)
    }

    fn check_key(&self, provider: &Provider) -> Result<(), Refusal> {
        match self.endpoint.dialect {
            Dialect::BedrockConverse => return dialect::bedrock::check_access(self, provider),
            Dialect::Gemini if self.endpoint.vertex => return dialect::gemini::check_token(self, provider),
            Dialect::Gemini | Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic => {}
        }
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let authorization = header(AUTHORIZATION.as_str());
        let named = ["x-api-key", "api-key", "x-goog-api-key"].into_iter().find_map(header);
        let bearer = authorization.and_then(|value| value.strip_prefix("Bearer "));
        let key = bearer.or(named).or_else(|| self.endpoint.parameter("key"));
        refusals::key(self.endpoint.dialect, provider.key_state(key), key.is_some())
    }
}

fn check_model(provider: &Provider, dialect: Dialect, model: &str) -> Result<(), Refusal> {
    let models = provider.models();
    if models.is_empty() || models.iter().any(|known| known == model) {
        return Ok(());
    }
    Err(refusals::model(dialect, model))
}
