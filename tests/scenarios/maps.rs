//! The routing map: applied whole or not at all, for the next request, and every version kept.

use futures_util::StreamExt;
use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, Latency, Profile};
use switchyard_tests::{Ask, Start, Yard, events_of, fast_map, merge, route, within};
use tempfile::TempDir;

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::Anthropic;

#[tokio::test]
async fn the_smallest_map_of_the_documentation_runs_unchanged() {
    const SMALLEST: &str = r#"{
  "hot": [
    { "provider": "anthropic", "model": "sonnet-4.6", "baseUrl": "${ANTHROPIC_BASE_URL}" },
    { "provider": "anthropic", "model": "haiku-4.5",  "baseUrl": "${ANTHROPIC_BASE_URL_2}" }
  ],
  "warm": [
    { "provider": "openai",  "model": "gpt-4o-mini",     "baseUrl": "https://api.openai.com/v1" },
    { "provider": "google",  "model": "gemini-3-flash",  "baseUrl": "${GEMINI_OPENAI_COMPAT}" }
  ],
  "cold": { "mode": "graceful_degrade", "queue": "ai-tasks", "notify": ["ops@yourco.com"] }
}
"#;
    let fleet = switchyard_sim::SimFleet::new();
    let (one, two) = ("sk-ant-one", "sk-gem-two");
    let add =
        async |name: &str, key: &str| fleet.add(Profile::new(name).dialect(CHAT).keys([key])).await.unwrap();
    let (hot, hot2, gemini) = (add("hot", one).await, add("hot2", one).await, add("gemini", two).await);
    let env = [
        ("ANTHROPIC_BASE_URL", hot.url().to_owned()),
        ("ANTHROPIC_BASE_URL_2", format!("{}/v1", hot2.url())),
        ("GEMINI_OPENAI_COMPAT", gemini.url().to_owned()),
        ("ANTHROPIC_API_KEY", one.to_owned()),
        ("GEMINI_API_KEY", two.to_owned()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let yard = Yard::start_with(Start { env, ..Start::default() }).await;
    let version = yard.apply_text(SMALLEST).await;
    assert_eq!(yard.get("/v1/map").await["document"], SMALLEST, "kept byte for byte");
    assert_eq!(yard.chat("hello").await.way(), ("hot", 1, false));
    hot.set_fault(Fault::Refuse).await.unwrap();
    let reply = yard.chat("hello").await;
    assert_eq!((reply.route(), reply.way()), ("anthropic/haiku-4.5", ("hot", 2, true)));
    hot2.set_fault(Fault::Refuse).await.unwrap();
    let reply = yard.chat("hello").await;
    assert_eq!(
        (reply.route(), reply.completion(CHAT).model.as_str()),
        ("google/gemini-3-flash", "gemini-3-flash")
    );
    assert_eq!(version, 1);
}

#[tokio::test]
async fn every_fault_is_told_at_once_and_nothing_changes() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let bad = json!({
        "hot": [
            { "provider": "hot", "model": "m", "baseUrl": "ftp://x" },
            { "provider": "hot", "baseUrl": "${NOT_SET_ANYWHERE}" },
        ],
        "warm": [{ "provider": "nobody", "model": "m" }],
        "retry": { "attempts": 9 },
        "sloMS": 5,
        "jobs": { "bulk": { "hot": ["no-such-route"] } },
    });
    let (status, problem) = yard.put("/v1/map", &json!({ "document": bad.to_string() })).await;
    assert_eq!((status, problem["code"].as_str().unwrap()), (422, "map_invalid"));
    let faults: Vec<String> = problem["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| format!("{}: {}", fault["path"].as_str().unwrap(), fault["message"].as_str().unwrap()))
        .collect();
    for named in [
        "hot[0].baseUrl: ",
        "hot[1].model: ",
        "hot[1].baseUrl: ",
        "warm[0].baseUrl: ",
        "retry.attempts: ",
        "sloMS: Unknown key. Did you mean `sloMs`?",
        "jobs.bulk.hot[0]: ",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(named)), "{named} is not among {faults:#?}");
    }
    let (_, checked) = yard.post("/v1/map/check", &json!({ "document": bad.to_string() })).await;
    assert_eq!(checked["faults"], problem["faults"]);
    for unreadable in ["", "{", "hot: [", "[]", "42"] {
        let (status, problem) = yard.put("/v1/map", &json!({ "document": unreadable })).await;
        assert_eq!(
            (status, problem["code"].as_str().unwrap()),
            (422, "map_invalid"),
            "{unreadable}: {problem}"
        );
    }
    assert_eq!(yard.snapshot().await.map.version, 1);
    assert_eq!(yard.get("/v1/map/versions").await.as_array().unwrap().len(), 1);
    assert_eq!(yard.chat("hello").await.way(), ("hot", 1, false));
}

#[tokio::test]
async fn of_maps_applied_at_once_the_version_kept_last_is_the_one_that_runs() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    let documents: Vec<String> = (0..20)
        .map(|n| {
            let mut map = fast_map(&[route(&yard.provider("hot"))], &[]);
            map["name"] = json!(format!("map {n}"));
            map.to_string()
        })
        .collect();
    let bodies: Vec<_> = documents.iter().map(|document| json!({ "document": document })).collect();
    let applied = futures_util::future::join_all(bodies.iter().map(|body| yard.put("/v1/map", body))).await;
    assert!(applied.iter().all(|(status, _)| *status == 200), "{applied:?}");
    let kept = yard.get("/v1/map").await;
    let running = yard.snapshot().await.map;
    assert_eq!((running.version, running.name.as_str()), (21, kept["name"].as_str().unwrap()));
}

#[tokio::test]
async fn a_map_written_against_an_older_version_is_refused() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    let map = fast_map(&[route(&yard.provider("warm"))], &[]);
    assert_eq!(yard.apply(&map).await, 2);
    let (status, problem) =
        yard.put("/v1/map", &json!({ "document": map.to_string(), "baseVersion": 1 })).await;
    assert_eq!((status, problem["code"].as_str().unwrap()), (409, "stale_base_version"));
    for named in ["version 1", "version 2"] {
        assert!(problem["message"].as_str().unwrap().contains(named), "{problem}");
    }
    let within_document = merge(map.clone(), json!({ "version": 1 }));
    let (status, _) = yard.put("/v1/map", &json!({ "document": within_document.to_string() })).await;
    assert_eq!(status, 409);
    assert_eq!(yard.snapshot().await.map.version, 2);
    let (status, body) = yard.put("/v1/map", &json!({ "document": map.to_string(), "baseVersion": 2 })).await;
    assert_eq!((status, body["version"].as_i64()), (200, Some(3)));
}

#[tokio::test]
async fn a_map_counts_from_the_next_request_and_a_running_one_finishes_on_the_old() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    yard.provider("hot").set_latency(Latency { per_chunk_ms: 80, chunks: 12, ..Latency::default() });
    let response = yard.request(&Ask::chat("hello").streaming(true)).send().await.unwrap();
    let mut body = response.bytes_stream();
    let mut read = within("the first words", body.next()).await.unwrap().unwrap().to_vec();

    yard.apply(&fast_map(&[route(&yard.provider("warm"))], &[])).await;
    assert_eq!(yard.chat("hello").await.way(), ("hot", 1, false));
    assert_eq!((yard.provider("hot").calls(), yard.provider("warm").calls()), (1, 1));
    assert_eq!(yard.provider("hot").traffic().in_flight, 1, "the stream is still under way");

    while let Some(part) = within("the rest of the stream", body.next()).await {
        read.extend_from_slice(&part.unwrap());
    }
    assert_eq!(events_of(&read).pop().unwrap().data, "[DONE]");
}

#[tokio::test]
async fn versions_are_kept_compared_and_restored() {
    let mut yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    let second = fast_map(&[route(&yard.provider("warm"))], &[]);
    let body = json!({ "document": second.to_string(), "reason": "hot is too dear", "source": "cli" });
    assert_eq!(yard.put("/v1/map", &body).await.1["version"], 2);
    let versions = yard.get("/v1/map/versions").await;
    let listed: Vec<(&Value, &Value)> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|version| (&version["version"], &version["reason"]))
        .collect();
    assert_eq!(listed, [(&json!(2), &json!("hot is too dear")), (&json!(1), &Value::Null)]);
    let diff = yard.get("/v1/map/diff?from=1&to=2").await["diff"].as_str().unwrap().to_owned();
    assert!(diff.contains("v1") && diff.contains("v2") && diff.lines().any(|l| l.starts_with('-')), "{diff}");
    assert_eq!(yard.get("/v1/map/diff?from=2&to=2").await["diff"], "");
    assert_eq!(yard.try_get("/v1/map/diff?from=2&to=99").await.0, 404);

    assert_eq!(yard.chat("hello").await.completion(CHAT).model, "warm-1");
    let (status, restored) = yard.post("/v1/map/restore", &json!({ "version": 1 })).await;
    assert_eq!((status, &restored["version"]), (200, &json!(3)));
    assert_eq!(yard.chat("hello").await.completion(CHAT).model, "hot-1");
    assert_eq!(yard.get("/v1/map").await["document"], yard.get("/v1/map/versions/1").await["document"]);
    assert_eq!(yard.post("/v1/map/restore", &json!({ "version": 99 })).await.0, 404);

    yard.restart().await;
    assert_eq!(yard.snapshot().await.map.version, 3, "the running map outlives a crash");
    assert_eq!(yard.chat("hello").await.completion(CHAT).model, "hot-1");
}

#[tokio::test]
async fn a_map_can_be_written_in_yaml() {
    let yard = Yard::start().await;
    let hot = yard.add(Profile::new("hot").dialect(MESSAGES)).await;
    let yaml = format!(
        "# my routes\nname: travels\nhot:\n  - provider: hot\n    model: hot-1\n    baseUrl: {}\n    dialect: anthropic\n    \
         auth: none\njobs:\n  bulk:\n    sloMs: 60000\nprobe: {{ everyMs: 0 }}\n",
        hot.url()
    );
    yard.apply_text(&yaml).await;
    let running = yard.get("/v1/map").await;
    assert_eq!(
        (&running["format"], &running["document"], &running["name"]),
        (&json!("yaml"), &json!(yaml), &json!("travels"))
    );
    assert_eq!(yard.send(&Ask::chat("hello").header("x-switchyard-job", "bulk")).await.route(), "hot/hot-1");
    let (status, problem) =
        yard.put("/v1/map", &json!({ "document": "hot:\n  - provider: hot\n    modle: x\n" })).await;
    assert_eq!(status, 422);
    assert!(problem.to_string().contains("Did you mean `model`?"), "{problem}");
}

#[tokio::test]
async fn a_job_is_chosen_by_header_by_model_name_and_by_rule() {
    let jobs = json!({ "jobs": {
        "bulk": { "hot": ["warm"], "warm": [], "match": [{ "model": "gpt-*" }] },
        "night": { "hot": ["warm"], "match": [{ "client": "night-*" }] },
    }});
    let yard = Yard::over(&[CHAT], &[MESSAGES], jobs).await;
    let (_, night) = yard.post("/v1/clients", &json!({ "name": "night-shift" })).await;
    let night = format!("Bearer {}", night["key"].as_str().unwrap());
    for (ask, job) in [
        (Ask::chat("hi"), "default"),
        (Ask::chat("hi").model("gpt-4o"), "bulk"),
        (Ask::chat("hi").model("switchyard/bulk"), "bulk"),
        (Ask::chat("hi").header("x-switchyard-job", "bulk"), "bulk"),
        (Ask::messages("hi").header("x-switchyard-job", "bulk"), "bulk"),
        (Ask::chat("hi").header("authorization", &night), "night"),
        (Ask::chat("hi").model("gpt-4o").header("x-switchyard-job", "default"), "default"),
    ] {
        let reply = yard.send(&ask).await;
        assert_eq!(reply.route(), if job == "default" { "hot" } else { "warm" }, "{ask:?}");
        assert!(!reply.completion(ask.dialect).text.is_empty());
        assert_eq!(yard.get("/v1/requests?limit=1").await[0]["job"], job, "{ask:?}");
    }
    assert_eq!(yard.chat("hi").await.way(), ("hot", 1, false), "the jobs not named keep the default");
}

#[tokio::test]
async fn the_model_asked_for_is_a_preference() {
    let yard = Yard::start().await;
    let add = async |name: &str| yard.add(Profile::new(name).dialect(CHAT)).await;
    let (a, b, c) = (add("a").await, add("b").await, add("c").await);
    let aliased = merge(route(&b), json!({ "aliases": ["fast", "small"] }));
    let upstream = merge(route(&c), json!({ "upstreamModel": "vendor/c:free" }));
    yard.apply(&fast_map(&[route(&a), aliased], &[upstream])).await;
    for (model, answers) in [
        ("auto", "a"),
        ("never-heard-of", "a"),
        ("a-1", "a"),
        ("b-1", "b"),
        ("fast", "b"),
        ("small", "b"),
        ("c-1", "a"),
    ] {
        let reply = yard.send(&Ask::chat("hi").model(model)).await;
        assert_eq!((reply.route(), reply.way()), (answers, ("hot", 1, false)), "{model}");
    }
    b.set_fault(Fault::Refuse).await.unwrap();
    let reply = yard.send(&Ask::chat("hi").model("fast")).await;
    assert_eq!((reply.route(), reply.way()), ("a", ("hot", 2, true)), "a preference is no condition");
    a.set_fault(Fault::Refuse).await.unwrap();
    let reply = yard.send(&Ask::chat("hi")).await;
    assert_eq!((reply.route(), reply.completion(CHAT).model.as_str()), ("c", "vendor/c:free"));
}

#[tokio::test]
async fn weights_split_the_traffic_of_a_tier() {
    let yard = Yard::start().await;
    let add = async |name: &str| yard.add(Profile::new(name).dialect(CHAT)).await;
    let (a, b, spare) = (add("a").await, add("b").await, add("spare").await);
    let weigh = |provider, weight: u32| merge(route(provider), json!({ "weight": weight }));
    yard.apply(&fast_map(&[weigh(&a, 75), weigh(&b, 25), weigh(&spare, 0)], &[])).await;
    let requests = 400;
    for _ in 0..requests {
        assert_eq!(yard.chat("hi").await.status, 200);
    }
    // Six standard deviations of 400 draws at 0.75: 400 * 0.75 +- 52. A fair split strays further once in 500 million.
    assert!((248..=352).contains(&a.calls()), "{} of {requests}", a.calls());
    assert_eq!((a.calls() + b.calls(), spare.calls()), (requests, 0));
    for provider in [&a, &b] {
        provider.set_fault(Fault::Refuse).await.unwrap();
    }
    assert_eq!(yard.chat("hi").await.route(), "spare", "weight 0 is the last resort");
}

#[tokio::test]
async fn the_kill_switch_holds_until_it_is_reset_even_across_a_crash() {
    let mut yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    let switch = |on: bool| json!({ "route": "hot", "inService": on });
    assert_eq!(yard.put("/v1/routes/switch", &switch(false)).await.0, 204);
    assert_eq!(yard.chat("hi").await.way(), ("warm", 1, true));
    yard.restart().await;
    assert_eq!(yard.chat("hi").await.route(), "warm");
    assert_eq!(yard.route("hot").await.signal, "Out of use");
    yard.post("/v1/map/restore", &json!({ "version": 1 })).await;
    assert_eq!(yard.chat("hi").await.route(), "warm", "a new map does not reset it");
    assert_eq!(yard.put("/v1/routes/switch", &switch(true)).await.0, 204);
    assert_eq!(yard.chat("hi").await.way(), ("hot", 1, false));
    assert_eq!(yard.provider("hot").calls(), 1);
    let (status, problem) =
        yard.put("/v1/routes/switch", &json!({ "route": "hto", "inService": true })).await;
    assert_eq!(status, 404);
    assert!(problem["message"].as_str().unwrap().contains("hot, warm"), "{problem}");
}

#[tokio::test]
async fn warm_can_be_switched_off() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({ "flags": { "enable_warm_fallback": false } })).await;
    yard.provider("hot").set_fault(Fault::Refuse).await.unwrap();
    assert_eq!(yard.chat("hi").await.status, 202);
    assert_eq!(yard.provider("warm").calls(), 0);
}

#[tokio::test]
async fn a_local_key_can_be_made_unnecessary() {
    let yard = Yard::over(&[CHAT], &[], json!({ "flags": { "require_client_key": false } })).await;
    let reply = yard.raw(
        "/v1/chat/completions",
        &[("content-type", "application/json")],
        Ask::chat("hi").body.to_string(),
    );
    assert_eq!(reply.await.status, 200);
}

#[tokio::test]
async fn models_are_listed_in_both_shapes() {
    let yard = Yard::over(&[CHAT], &[MESSAGES], json!({ "jobs": { "bulk": {} } })).await;
    let bearer = format!("Bearer {}", yard.key());
    let list = yard.fetch("/v1/models", &[("authorization", &bearer)]).await.json();
    assert_eq!((&list["object"], &list["data"][0]["object"]), (&json!("list"), &json!("model")));
    let ids = |list: &Value| -> Vec<String> {
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    };
    for id in ["hot-1", "warm-1", "auto", "switchyard/bulk"] {
        assert!(ids(&list).contains(&id.to_owned()), "{id} is not in {list}");
    }
    let headers = [("x-api-key", yard.key()), ("anthropic-version", "2023-06-01")];
    let other = yard.fetch("/v1/models", &headers).await.json();
    assert_eq!((&other["data"][0]["type"], &other["has_more"]), (&json!("model"), &json!(false)));
    assert!(
        other["data"][0]["display_name"].is_string() && other["data"][0]["created_at"].is_string(),
        "{other}"
    );
    assert_eq!(ids(&other), ids(&list));
}

#[tokio::test]
async fn a_stored_map_whose_variable_is_gone_leaves_a_router_that_says_so() {
    let fleet = switchyard_sim::SimFleet::new();
    let hot = fleet.add(Profile::new("hot").dialect(CHAT)).await.unwrap();
    let root = TempDir::new().unwrap();
    let env = vec![("MY_BASE_URL".to_owned(), hot.url().to_owned())];
    let mut yard = Yard::start_in(root, Start { env, ..Start::default() }).await;
    yard.apply(&fast_map(&[merge(route(&hot), json!({ "baseUrl": "${MY_BASE_URL}" }))], &[])).await;
    assert_eq!(yard.chat("hi").await.status, 200);
    yard.start_next(Start::default());
    yard.restart().await;
    let reply = yard.chat("hi").await;
    assert_eq!((reply.status, reply.error(CHAT).0.as_str()), (503, "no_map"));
    assert!(reply.error(CHAT).1.contains("MY_BASE_URL"), "{reply:?}");
    yard.apply(&fast_map(&[route(&hot)], &[])).await;
    assert_eq!(yard.chat("hi").await.status, 200, "a good map can be applied over it");
}
