//! The walk of a request: admit, serve by a route, answer or park. One page, one direction.

mod idempotent;

use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, header};
use switchyard_domain::map::CacheMode;
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, Operation, Tier};
use switchyard_policy::spend::Work;
use switchyard_wire::count_body;

use crate::core::clock;
use crate::core::{Running, lock};
use crate::walk::cold;
use crate::walk::exchange::{Ending, Exchange};
use crate::walk::header_names;
use crate::walk::reply::{self, Reply, ReplyBody, RoutingHeaders};
use crate::walk::request::ProxyRequest;
use crate::walk::serve::{Answered, Served, Unserved, serve, settle};
use crate::walk::shed;
use crate::walk::stream_body::StreamBody;
use crate::walk::upstream::{Answer, Whole};
use crate::walk::{LiveMap, Walk};

pub(crate) use self::idempotent::respond;

async fn answer(walk: &Arc<Walk>, running: &Arc<LiveMap>, request: &Arc<ProxyRequest>) -> Reply {
    let mut exchange = Exchange::open(walk, request.view(), request.arrived);
    if request.operation == Operation::CountTokens {
        return count(walk, running, request, exchange).await;
    }
    shed::came(walk, request, &mut exchange);
    if let Some(why) =
        walk.core.holds(Work { provider: None, client: &request.client, job: &request.job.name })
    {
        let unserved = Unserved { attempts: 0, reached_upstream: false, why, again_in_ms: 60_000 };
        return Box::pin(cold::park(walk, running, request, exchange, unserved)).await;
    }
    if let Some(unserved) = shed::gives_way(walk, running, request) {
        return Box::pin(cold::park(walk, running, request, exchange, unserved)).await;
    }
    match serve(walk, running, request, &mut exchange).await {
        Served::Answered(answered) => commit(walk, running, request, exchange, *answered),
        Served::Refused { failure, attempts } => {
            let reply =
                reply::failure(request.dialect, &failure, &RoutingHeaders::none(&request.id, attempts));
            exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
            reply
        }
        Served::Unserved(unserved) => match stale(walk, running, request, &unserved) {
            Some((reply, lost)) => {
                exchange.lost([lost]);
                exchange.end(Ending::Unserved { outcome: Ended::Answered, status: 200, degraded: true });
                reply
            }
            None => Box::pin(cold::park(walk, running, request, exchange, unserved)).await,
        },
    }
}

/// An answer the same request had a while ago, where the map says that this is better than none, and what its record
/// says of it. Work that is stopped on purpose gets none.
fn stale(
    walk: &Walk,
    running: &Running,
    request: &ProxyRequest,
    unserved: &Unserved,
) -> Option<(Reply, String)> {
    if matches!(unserved.why.kind, FailureKind::Paused | FailureKind::AllOff) {
        return None;
    }
    // A route that may still be called is no reason to answer with something old.
    let all_out = {
        let current_tier = &lock(&walk.tier_since).current_tier;
        current_tier.tier == Tier::Cold && current_tier.route.is_none()
    };
    let (body, age_ms) = lock(&walk.stale).find(&running.map, request, all_out, clock::now())?;
    let mut answer = reply::json(StatusCode::OK, body);
    let lost = [format!("stale_answer {}s", age_ms / 1_000)];
    RoutingHeaders { degraded: true, lost: &lost, ..RoutingHeaders::none(&request.id, unserved.attempts) }
        .mark(answer.headers_mut());
    answer.headers_mut().insert("x-switchyard-cache", HeaderValue::from_static("stale"));
    answer.headers_mut().insert(header::AGE, HeaderValue::from(age_ms / 1_000));
    let [lost] = lost;
    Some((answer, lost))
}

/// A prompt's length is asked of a route that counts; where none does, it is estimated here, whatever its routes say
/// against being asked. Counting costs nothing, so no pause holds it, and it is never queued.
async fn count(
    walk: &Arc<Walk>,
    running: &Arc<LiveMap>,
    request: &Arc<ProxyRequest>,
    mut exchange: Exchange,
) -> Reply {
    match serve(walk, running, request, &mut exchange).await {
        Served::Answered(answered) => commit(walk, running, request, exchange, *answered),
        Served::Refused { failure, attempts } if attempts > 0 && is_of_the_prompt(&failure) => {
            let reply =
                reply::failure(request.dialect, &failure, &RoutingHeaders::none(&request.id, attempts));
            exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
            reply
        }
        Served::Refused { attempts, .. } | Served::Unserved(Unserved { attempts, .. }) => {
            let lost = ["token_count_estimated messages".to_owned()];
            let mut reply = reply::json(
                StatusCode::OK,
                count_body(request.dialect, request.envelope.estimated_prompt_tokens()),
            );
            let routing =
                RoutingHeaders { degraded: true, lost: &lost, ..RoutingHeaders::none(&request.id, attempts) };
            routing.mark(reply.headers_mut());
            exchange.lost(lost);
            exchange.end(Ending::Unserved { outcome: Ended::Answered, status: 200, degraded: true });
            reply
        }
    }
}

/// The members a prompt lies in.
const PROMPT: [&str; 6] = ["messages", "contents", "system", "tools", "tool_choice", "thinking"];

/// Whether a count was refused for a fault of the prompt, which its caller has to hear of: it names the place. Anything
/// else is the counting's own.
fn is_of_the_prompt(failure: &Failure) -> bool {
    let names = |text: &str| PROMPT.iter().any(|member| text.contains(member));
    failure.kind == FailureKind::BadRequest
        && (names(&failure.message) || failure.param.as_deref().is_some_and(names))
}

/// The commit point: from here on the caller sees this answer and no other.
pub(crate) fn commit(
    walk: &Arc<Walk>,
    running: &Arc<LiveMap>,
    request: &Arc<ProxyRequest>,
    mut exchange: Exchange,
    answered: Answered,
) -> Reply {
    let Answered { answer, attempts, degraded } = answered;
    let (route, tier) = exchange.served_by().cloned().unzip();
    let asked = request.envelope.model.as_str();
    let unknown_model = (!running.map.knows_model(&request.client, asked)).then_some(asked);
    let routing = |degraded, lost| RoutingHeaders {
        id: &request.id,
        route: route.as_ref(),
        tier,
        attempts,
        degraded,
        lost,
        unknown_model,
        cost: None,
    };
    match answer {
        Answer::Whole(whole) => {
            let ending = settle(&mut exchange, degraded, &whole);
            let Whole { status, headers, body, lost, .. } = *whole;
            if running.map.cache_mode != CacheMode::Off {
                lock(&walk.stale).keep(&running.map, request, status, &body, clock::now());
            }
            let cost = exchange.cost();
            exchange.end(ending);
            let mut reply = Response::new(ReplyBody::Whole(Some(body)));
            *reply.status_mut() = status;
            *reply.headers_mut() = headers;
            RoutingHeaders { cost, ..routing(degraded || !lost.is_empty(), &lost) }.mark(reply.headers_mut());
            reply
        }
        Answer::Stream(mut opened) => {
            let lost = std::mem::take(&mut opened.lost);
            exchange.tell_losses(&lost);
            let degraded = degraded || !lost.is_empty();
            let mut headers = std::mem::take(&mut opened.headers);
            routing(degraded, &lost).mark(&mut headers);
            let body = StreamBody::new(walk, running, request, exchange, *opened, degraded);
            let mut reply = Response::new(ReplyBody::Stream(Box::new(body), None));
            *reply.headers_mut() = headers;
            reply
        }
    }
}

/// The all-off switch: an answer at once, and nothing is sent, queued or held.
fn switched_off(walk: &Arc<Walk>, request: &ProxyRequest, why: &str) -> Reply {
    let exchange = Exchange::open(walk, request.view(), request.arrived);
    let message = format!("AI is switched off here ({why}). Nothing was sent or queued.");
    let failure =
        Failure { code: Some("ai_disabled".to_owned()), ..Failure::new(FailureKind::AllOff, message) };
    let mut reply = reply::failure(request.dialect, &failure, &RoutingHeaders::none(&request.id, 0));
    reply.headers_mut().insert(&header_names::SHOULD_RETRY, HeaderValue::from_static("false"));
    exchange.end(Ending::unserved(Ended::Refused, reply.status().as_u16()));
    reply
}
