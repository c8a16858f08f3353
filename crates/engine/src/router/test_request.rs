//! One real request through the whole pipeline, to see it work.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use switchyard_domain::api::{TestAnswer, TestRequest};
use switchyard_domain::{Problem, RouteId, Tier};

use super::Router;
use super::compat::{find, not_asked};
use crate::core::clock;
use crate::walk::pipeline;
use crate::walk::reply::Reply;
use crate::walk::request::{ProxyRequest, RequestParts};
use crate::watch::one_route;

const PROMPT: &str = "Answer in one short sentence: is the line clear?";

impl Router {
    /// Sends one small request the way a client's would go, or to one route alone, and waits for its end.
    ///
    /// # Errors
    /// `no_map` while no map runs; `not_found_route`; `conflict_not_asked` where the one route could not be asked.
    pub async fn test_request(&self, test: TestRequest) -> Result<TestAnswer, Problem> {
        let running = self.running_map()?;
        let only = test.route.as_ref().map(|route| find(&running, route.as_str())).transpose()?;
        let body = json!({
            "model": test.model.as_deref().unwrap_or("auto"),
            "max_tokens": 64,
            "stream": test.stream,
            "messages": [{ "role": "user", "content": test.prompt.as_deref().unwrap_or(PROMPT) }],
        });
        let mut headers = HeaderMap::new();
        // A person waits for it: an error says more than a receipt.
        headers.insert("x-switchyard-interactive", HeaderValue::from_static("true"));
        let arrival = RequestParts::own(headers);
        let (id, arrived) = (arrival.id.clone(), arrival.arrived);
        let request = ProxyRequest::read(arrival, Bytes::from(body.to_string()), &running.map)
            .map_err(|reply| Problem::new("invalid_test_request", reply.message))?;
        let request = Arc::new(request);
        let reply = match only {
            Some(ix) => Box::pin(one_route::ask_route(
                &self.state.watch.network,
                &self.state.walk,
                &running,
                &request,
                ix,
            ))
            .await
            .map_err(|why| not_asked(&running.map.route(ix).id, &why))?,
            None => Box::pin(pipeline::respond(&self.state.walk, &running, request)).await,
        };
        Ok(read(reply, test.stream, id, clock::span_ms(arrived, clock::now())).await)
    }
}

async fn read(
    reply: Reply,
    stream: bool,
    request_id: switchyard_domain::RequestId,
    to_head_ms: u32,
) -> TestAnswer {
    let begun = clock::now();
    let (parts, body) = reply.into_parts();
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = if stream && parts.status.is_success() { streamed(&bytes) } else { whole(&bytes) };
    TestAnswer {
        status: parts.status.as_u16(),
        route: header("x-switchyard-route").map(RouteId::from),
        tier: header("x-switchyard-tier").and_then(|tier| {
            [Tier::Hot, Tier::Warm, Tier::Cold].into_iter().find(|known| known.as_str() == tier)
        }),
        attempts: header("x-switchyard-attempts").and_then(|count| count.parse().ok()).unwrap_or(0),
        duration_ms: to_head_ms + clock::span_ms(begun, clock::now()),
        text,
        request_id,
        job_id: header("x-switchyard-job-id"),
    }
}

fn whole(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = value.pointer("/choices/0/message/content").or_else(|| value.pointer("/error/message"));
    text.and_then(Value::as_str).map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}

fn streamed(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|chunk| chunk.pointer("/choices/0/delta/content")?.as_str().map(str::to_owned))
        .collect()
}
