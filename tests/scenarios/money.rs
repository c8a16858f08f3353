//! Money: what requests cost, caps that hold, pauses that budgets and providers' alerts bring, and what outlives a crash.

use reqwest::Client;
use serde_json::{Value, json};
use switchyard_domain::Usd;
use switchyard_domain::api::{Money, Spend};
use switchyard_domain::event::StatusLevel;
use switchyard_sim::{Dialect, Fault, Profile};
use switchyard_tests::{Ask, Reply, Yard, fast_map, merge, route};

const CHAT: Dialect = Dialect::OpenaiChat;

/// A thousandth of a dollar for each token: a request costs cents, and caps are reached soon.
fn dear() -> Value {
    json!({ "price": { "input": 1000, "output": 1000, "cacheRead": 1000, "cacheWrite": 1000 } })
}

/// A router over one or two dear routes.
async fn over(names: &[&str], more: Value) -> Yard {
    let yard = Yard::start().await;
    yard.apply(&map(&yard, names, more).await).await;
    yard
}

async fn map(yard: &Yard, names: &[&str], more: Value) -> Value {
    let mut routes = Vec::new();
    for name in names {
        let provider = yard.add(Profile::new(*name).dialect(CHAT)).await;
        routes.push(merge(route(&provider), dear()));
    }
    // A slow machine is no outage.
    let patient = json!({ "timeouts": { "firstByteMs": 20_000 } });
    merge(merge(fast_map(&routes[..1], &routes[1..]), patient), more)
}

fn cost(reply: &Reply) -> Usd {
    Usd::from_dollars(reply.header("x-switchyard-cost").parse().unwrap()).unwrap()
}

/// Asks for an answer of at most so many tokens.
fn ask(tokens: u64) -> Ask {
    Ask::chat("hello").at_most(tokens)
}

async fn money(yard: &Yard) -> Money {
    serde_json::from_value(yard.get("/v1/budget").await).unwrap()
}

async fn spent(yard: &Yard, by: &str) -> Spend {
    serde_json::from_value(yard.get(&format!("/v1/budget/spend?by={by}")).await).unwrap()
}

#[tokio::test]
async fn what_a_request_costs_is_told_logged_and_in_the_ledger_to_the_nano_dollar() {
    let yard = over(&["hot"], json!({ "budget": { "monthUsd": 100 } })).await;
    let reply = yard.send(&ask(50)).await;
    let usage = reply.json()["usage"].clone();
    let tokens = usage["prompt_tokens"].as_i64().unwrap() + usage["completion_tokens"].as_i64().unwrap();
    assert!(tokens > 0);
    let told = cost(&reply);
    assert_eq!(told, Usd::from_nanos(tokens * 1_000_000), "a thousandth of a dollar a token");

    // A stream's cost is known at its end, so that it is in the log and not in a header.
    let streamed = yard.send(&ask(50).streaming(true)).await;
    assert_eq!(streamed.status, 200);
    let logged = yard.get("/v1/requests?limit=2").await;
    assert_eq!(logged[1]["costNanoUsd"], told.nanos(), "{logged}");
    assert_eq!(logged[1]["attempts"][0]["costBasis"], "usage");
    let stream = logged[0]["costNanoUsd"].as_i64().unwrap();
    assert!(stream > 0, "{logged}");

    for by in ["provider", "model", "route", "job", "client", "kind", "day"] {
        let spend = spent(&yard, by).await;
        assert_eq!(spend.rows.len(), 1, "{spend:?}");
        assert_eq!(spend.rows[0].cost_nano_usd, told + Usd::from_nanos(stream), "{spend:?}");
        assert_eq!(spend.rows[0].attempts, 2);
    }
    let money = money(&yard).await;
    assert_eq!((money.budgets[0].spent, money.breaches), ((told.nanos() + stream).unsigned_abs(), 0));
    // An error of the provider's costs nothing, and a free route nothing either.
    yard.provider("hot").set_fault(Fault::status(400)).await.unwrap();
    assert_eq!(yard.send(&ask(50)).await.status, 400);
    assert_eq!(spent(&yard, "kind").await.rows[0].attempts, 2);
}

#[tokio::test]
async fn a_cap_holds_under_many_callers_and_the_money_is_spent_to_its_end() {
    let more = json!({ "budget": { "monthUsd": 2, "pauseAtPercent": 100, "waitMs": 5_000 }, "flags": { "enable_cold_queue": false } });
    let yard = over(&["hot"], more).await;
    let mut answered = Usd::ZERO;
    let mut refused = 0;
    // Each may cost a tenth of the cap, and costs less.
    for _ in 0..12 {
        let asked: Vec<_> = (0..20)
            .map(|n| {
                let request = yard.request(&ask(150).streaming(n % 4 == 0));
                tokio::spawn(async move { request.send().await.unwrap() })
            })
            .collect();
        for reply in asked {
            let reply = reply.await.unwrap();
            match reply.status().as_u16() {
                200 => {
                    if let Some(cost) = reply.headers().get("x-switchyard-cost") {
                        answered =
                            answered + Usd::from_dollars(cost.to_str().unwrap().parse().unwrap()).unwrap();
                    }
                    reply.bytes().await.unwrap();
                }
                402 => {
                    refused += 1;
                    assert_eq!(reply.headers()["x-should-retry"], "false");
                    let said: Value = reply.json().await.unwrap();
                    assert_eq!(said["error"]["code"], "budget_exhausted", "{said}");
                    let message = said["error"]["message"].as_str().unwrap();
                    assert!(message.contains("total/monthUsd"), "{message}");
                }
                other => panic!("{other}: {}", reply.text().await.unwrap()),
            }
        }
    }
    let money = money(&yard).await;
    let budget = &money.budgets[0];
    assert!(refused > 0 && answered > Usd::ZERO);
    assert!(budget.spent <= budget.cap && money.breaches == 0, "{money:?}");
    assert!(budget.spent * 10 >= budget.cap * 8, "of $2 only {} is spent", budget.spent);
    assert_eq!((budget.reserved, budget.unsettled), (0, 0), "{budget:?}");
    assert_eq!(spent(&yard, "kind").await.rows[0].cost_nano_usd.nanos().unsigned_abs(), budget.spent);
    // A smaller request fits where the larger one did not.
    let left = (budget.cap - budget.spent) / 1_000_000;
    let bytes = serde_json::to_vec(&ask(1).body).unwrap().len() as u64;
    if left > bytes + 1 {
        assert_eq!(yard.send(&ask(1)).await.status, 200);
    }
}

#[tokio::test]
async fn a_route_whose_budget_is_spent_is_passed_over_and_a_free_one_still_answers() {
    let yard = Yard::start().await;
    let (hot, warm) = (
        yard.add(Profile::new("hot").dialect(CHAT)).await,
        yard.add(Profile::new("warm").dialect(CHAT)).await,
    );
    let free = merge(route(&warm), json!({ "price": "free" }));
    let caps = json!({ "budget": { "pauseAtPercent": 100, "providers": { "hot": { "dayUsd": 0.001 } } } });
    yard.apply(&merge(fast_map(&[merge(route(&hot), dear())], &[free]), caps)).await;
    let reply = yard.send(&ask(50)).await;
    assert_eq!(reply.way(), ("warm", 1, true), "the budget's route was no attempt: {}", reply.json());
    assert_eq!(cost(&reply), Usd::ZERO);
    assert_eq!(hot.calls(), 0);
    assert!(
        !matches!(yard.route("hot").await.lamp, StatusLevel::Out | StatusLevel::Stop),
        "nobody is blamed"
    );
}

#[tokio::test]
async fn at_its_mark_a_budget_pauses_new_work_which_waits_and_is_answered_once_a_person_lets_it() {
    let mut yard = over(&["hot"], json!({ "budget": { "monthUsd": 1, "pauseAtPercent": 5 } })).await;
    let mut replies = 0;
    while money(&yard).await.pauses.is_empty() {
        let reply = yard.send(&ask(20)).await;
        assert_eq!(reply.status, 200, "{} {}", reply.json(), yard.get("/v1/queue").await);
        replies += 1;
        assert!(replies < 50, "the mark never came");
    }
    let waits = yard.send(&ask(20)).await;
    assert_eq!(waits.status, 202, "{}", waits.json());
    let snapshot = yard.snapshot().await;
    assert!(snapshot.pause.paused, "{:?}", snapshot.pause);
    assert_eq!(snapshot.pause.causes[0].cause.to_string(), "budget/total/monthUsd");
    assert!(snapshot.budgets[0].percent >= 5);
    // A person's own resume is not enough, and it holds through a crash.
    assert_eq!(yard.post("/v1/resume", &json!({})).await.0, 204);
    let before = money(&yard).await.budgets[0].spent;
    yard.kill9().await;
    yard.restart().await;
    let after = money(&yard).await;
    assert_eq!(after.pauses[0].cause.to_string(), "budget/total/monthUsd");
    let figure = after.budgets[0].spent + after.budgets[0].unsettled;
    assert!(figure >= before, "after a crash the figure is never less: {after:?}");
    assert_eq!(yard.send(&ask(20)).await.status, 202);

    let told = yard.cli(&["budget", "resume", "--reason", "it is fine"], "").await;
    assert!(told.code == Some(0) && told.out.contains("total/monthUsd is open until its cap."), "{told:?}");
    assert_eq!(yard.send(&ask(20)).await.status, 200);
    yard.wait_for("the queue to be answered", |now| now.cold.waiting == 0).await;
    let kinds = spent(&yard, "kind").await;
    assert!(kinds.rows.iter().any(|row| row.name == "cold" && row.attempts == 2), "{kinds:?}");
    let told = yard.cli(&["budget"], "").await;
    assert!(
        told.code == Some(0) && told.out.contains("total/monthUsd") && told.out.contains("$1"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_providers_alert_pauses_at_once_and_only_its_secret_opens_it() {
    let yard = over(&["hot"], json!({ "budget": { "webhookHosts": ["hooks.example.com"] } })).await;
    let told = yard.cli(&["budget", "webhook"], "").await;
    let address = told.out.trim().to_owned();
    assert!(address.starts_with(yard.control_url()) && address.contains("/budget/webhook/"), "{told:?}");
    let post = async |url: &str, body: &str, host: Option<&str>| {
        let request = Client::new().post(url).body(body.to_owned());
        let request = host.into_iter().fold(request, |request, host| request.header("host", host));
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    let alert = |percent: f64| json!({ "provider": "gemini", "percentUsed": percent }).to_string();
    assert_eq!(post(&format!("{}/budget/webhook", yard.control_url()), &alert(90.0), None).await.0, 401);
    assert_eq!(post(&format!("{address}x"), &alert(90.0), None).await.0, 401);
    assert_eq!(post(&address, &alert(90.0), Some("evil.example.com")).await.0, 403);
    let (status, said) =
        post(&address, &json!({ "provider": "nobody", "percentUsed": 90 }).to_string(), None).await;
    assert!(status == 422 && said.contains("provider: "), "{said}");
    assert_eq!(post(&address, &alert(79.0), None).await.0, 204);
    assert!(money(&yard).await.pauses.is_empty(), "below the mark");

    assert_eq!(post(&address, &alert(85.0), Some("hooks.example.com")).await.0, 204);
    assert_eq!(yard.send(&ask(20)).await.status, 202);
    let causes = money(&yard).await.pauses;
    assert_eq!(causes[0].cause.to_string(), "webhook/google", "{causes:?}");
    assert!(causes[0].reason.contains("85 %"), "{causes:?}");
    // A person's own pause is not lifted from outside.
    assert_eq!(yard.post("/v1/pause", &json!({ "reason": "lunch" })).await.0, 204);
    let resume = address.replace("/webhook/", "/resume/");
    assert_eq!(post(&resume, "", None).await.0, 204);
    let causes = money(&yard).await.pauses;
    assert_eq!(causes.iter().map(|pause| pause.cause.to_string()).collect::<Vec<_>>(), ["manual"]);
    assert_eq!(yard.send(&ask(20)).await.status, 202);
    assert_eq!(yard.post("/v1/resume", &json!({})).await.0, 204);
    assert_eq!(yard.send(&ask(20)).await.status, 200);
    // The secret opens nothing else, and is in no log.
    let secret = address.rsplit('/').next().unwrap();
    let other = Client::new().get(format!("{}/v1/snapshot", yard.control_url())).bearer_auth(secret);
    assert_eq!(other.send().await.unwrap().status(), 401);
    assert!(!yard.log().contains(secret));
}

#[tokio::test]
async fn a_cap_written_in_the_middle_of_a_month_counts_what_the_month_has_cost() {
    let mut yard = over(&["hot"], json!({})).await;
    let told = cost(&yard.send(&ask(50)).await);
    assert!(money(&yard).await.budgets.is_empty(), "nothing is capped");
    yard.process().terminate();
    assert!(yard.take_process().ended().await.0.success());
    yard.restart().await;
    let (status, said) =
        yard.post("/v1/map/set", &json!({ "changes": { "budget": { "monthUsd": 5 } } })).await;
    assert_eq!(status, 200, "{said}");
    let budget = money(&yard).await.budgets.remove(0);
    assert_eq!(budget.spent, told.nanos().unsigned_abs(), "{budget:?}");
    // A cap below what is spent is taken and says so.
    let set = json!({ "changes": { "budget.monthUsd": 0.001 } });
    assert_eq!(yard.post("/v1/map/set", &set).await.0, 200);
    let told = yard.cli(&["budget"], "").await;
    assert!(told.out.contains("reached"), "{told:?}");
    for (value, names) in [(json!(-1), "budget.monthUsd"), (json!("5$"), "budget.monthUsd")] {
        let (status, said) =
            yard.post("/v1/map/set", &json!({ "changes": { "budget.monthUsd": value } })).await;
        assert!(status == 422 && said.to_string().contains(names), "{said}");
    }
    let (status, said) =
        yard.post("/v1/map/set", &json!({ "changes": { "budget.timeZone": "Lisbon" } })).await;
    assert!(status == 422 && said.to_string().contains("Europe/Lisbon"), "{said}");
}

#[tokio::test]
async fn a_hang_up_is_paid_for_and_no_crash_gives_money_back() {
    let mut yard = over(&["hot"], json!({ "budget": { "monthUsd": 50 } })).await;
    let hot = yard.provider("hot");
    hot.set_fault(Fault::Silence).await.unwrap();
    let request = yard.request(&ask(100).streaming(true));
    let hanging = tokio::spawn(async move { request.send().await });
    yard.wait_for("money to be held", |now| now.budgets[0].reserved > 0).await;
    hanging.abort();
    let held = yard.wait_for("the hang-up to be paid for", |now| now.budgets[0].reserved == 0).await;
    assert!(held.budgets[0].spent > 0, "{:?}", held.budgets);
    hot.heal().await.unwrap();
    assert_eq!(yard.send(&ask(100)).await.status, 200);
    let before = money(&yard).await.budgets[0].spent;
    for _ in 0..3 {
        yard.kill9().await;
        yard.restart().await;
        let budget = money(&yard).await.budgets.remove(0);
        assert!(budget.spent + budget.unsettled >= before, "{budget:?} after {before}");
        assert!(budget.spent + budget.unsettled <= budget.cap);
    }
    // A clean stop gives back what was only leased.
    yard.process().terminate();
    assert!(yard.take_process().ended().await.0.success());
    yard.restart().await;
    let stopped = money(&yard).await.budgets.remove(0);
    yard.process().terminate();
    assert!(yard.take_process().ended().await.0.success());
    yard.restart().await;
    let again = money(&yard).await.budgets.remove(0);
    assert_eq!(stopped.spent + stopped.unsettled, again.spent + again.unsettled, "{stopped:?} {again:?}");
}

#[tokio::test]
async fn a_stream_that_is_left_is_paid_for_as_far_as_it_went_though_it_reported_one_token() {
    let yard = Yard::start().await;
    let provider = yard.add(Profile::new("hot").dialect(Dialect::Anthropic)).await;
    let patient = json!({ "timeouts": { "firstByteMs": 20_000 }, "budget": { "monthUsd": 50 } });
    yard.apply(&merge(fast_map(&[merge(route(&provider), dear())], &[]), patient)).await;
    provider.set_fault(Fault::StallStream { after_chunks: 3 }).await.unwrap();
    let long = Ask::messages(&"tell me more ".repeat(40)).at_most(400).streaming(true);
    let mut reply = yard.request(&long).send().await.unwrap();
    let mut heard = String::new();
    while heard.matches("text_delta").count() < 3 {
        heard += &String::from_utf8_lossy(&reply.chunk().await.unwrap().unwrap());
    }
    drop(reply);
    yard.wait_for("the hang-up to be paid for", |now| now.budgets[0].reserved == 0).await;
    let kinds = spent(&yard, "kind").await;
    assert!(kinds.rows[0].output_tokens > 2, "{kinds:?}");
    assert_eq!(kinds.rows[0].estimated_nano_usd, kinds.rows[0].cost_nano_usd);
}
