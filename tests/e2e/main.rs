//! The real window, driven as a person would: a demo starts, Hot breaks, the path moves to Warm, the desktop says
//! so, the incident tells its course, Hot heals, the path comes home; and traffic is moved by hand, there and back. The
//! notification daemon on the session bus is ours, the rest is real.

mod daemon;
mod window;

use std::time::Duration;

use anyhow::{Context, Result};
use daemon::Daemon;
use serde_json::json;
use window::{Window, until};

/// Long enough for a slow machine that also compiles, short enough to fail before anybody gives up.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_hot_is_seen_in_the_window_and_on_the_desktop() -> Result<()> {
    let daemon = Daemon::start().await?;
    let window = Window::open().await?;
    let story = tell(&window, &daemon).await;
    if story.is_err() {
        window.shoot("failed-failover").await.ok();
    }
    window.close().await?;
    story
}

async fn tell(window: &Window, daemon: &Daemon) -> Result<()> {
    window.click("demo-start").await.context("the first run offers simulated providers")?;
    window.sees("tier-hot", "data-in-use", "true").await?;
    for route in
        ["anthropic/sonnet-4.6", "anthropic/haiku-4.5", "openai/gpt-4o-mini", "google/gemini-3-flash"]
    {
        window.sees(&format!("route-{route}"), "data-circuit", "closed").await?;
    }
    window.shoot("1-demo").await?;

    window.click("test-request").await?;
    window.reads("last-requests", "sonnet-4.6").await.context("the test request is in the list")?;
    window.shoot("2-test-request").await?;

    // The demo's map tests an open circuit every 30 s; nobody wants to watch that.
    quicken(window, &[("breaker", json!({ "halfOpenEveryMs": 1_000 }))]).await?;

    window.choose("fault-anthropic", "500").await?;
    let moved = until(PATIENCE, "requests are answered by Warm", async || {
        let answer = ask(window).await?;
        anyhow::ensure!(answer.status == 200, "a client got {} while Warm was there", answer.status);
        Ok((answer.tier == "warm").then_some(answer))
    })
    .await?;
    assert_eq!(moved.route, "openai/gpt-4o-mini");
    // Enough for both circuits of Hot to open.
    until(PATIENCE, "the window shows that Hot's circuit is open", async || {
        ask(window).await?;
        Ok(window.has("route-anthropic/sonnet-4.6", "data-circuit", "open").await?.then_some(()))
    })
    .await?;
    window.sees("tier-warm", "data-in-use", "true").await?;
    window.reads("status-state", "Running on Warm").await?;
    let failover = daemon.heard(PATIENCE, "Running on Warm").await?;
    assert_eq!(failover.app, "Switchyard");
    assert!(failover.body.contains("gpt-4o-mini answers"), "{failover:?}");
    assert!(failover.body.contains("Nothing was lost"), "{failover:?}");
    window.shoot("3-on-warm").await?;

    window
        .names("banner-title", " kept · 0 lost")
        .await
        .context("the banner counts what was kept, and that nothing was lost")?;
    window.click("banner-incident").await.context("an incident was opened by itself")?;
    for told in ["sonnet-4.6", "Circuit open.", "Warm took over: gpt-4o-mini answers."] {
        window.reads("timeline", told).await?;
    }
    window.shoot("4-incident").await?;
    window.click("sheet-close").await?;
    window.misses("sheet").await?;

    window.choose("fault-anthropic", "none").await?;
    until(PATIENCE, "the window shows that Hot is in use again", async || {
        let answer = ask(window).await?;
        anyhow::ensure!(answer.status == 200, "a client got {} during the recovery", answer.status);
        Ok(window.has("tier-hot", "data-in-use", "true").await?.then_some(()))
    })
    .await?;
    window.sees("route-anthropic/sonnet-4.6", "data-circuit", "closed").await?;
    let recovery = daemon.heard(PATIENCE, "Back on Hot").await?;
    assert!(recovery.body.contains("answers"), "{recovery:?}");
    window.shoot("5-back-on-hot").await?;

    let said: Vec<String> = daemon.all().into_iter().map(|notification| notification.title).collect();
    assert_eq!(said, ["Running on Warm", "Back on Hot"], "one notice each, not one per request");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_is_moved_by_hand_and_brought_home_in_steps() -> Result<()> {
    let window = Window::open().await?;
    let story = move_and_return(&window).await;
    if story.is_err() {
        window.shoot("failed-move").await.ok();
    }
    window.close().await?;
    story
}

async fn move_and_return(window: &Window) -> Result<()> {
    window.click("demo-start").await?;
    window.sees("tier-hot", "data-in-use", "true").await?;
    quicken(
        window,
        &[("shift", json!({ "minCalls": 1 })), ("failback", json!({ "stepMs": 1_000, "minCalls": 1 }))],
    )
    .await?;

    window.click("move-traffic").await?;
    window.click("mode-immediate").await?;
    window.write("reason", "anthropic is slow today").await?;
    window.shoot("6-move").await?;
    window.click("submit").await?;
    window.misses("sheet").await?;
    window.sees("shift-1", "data-phase", "away").await?;
    window.sees("tier-warm", "data-in-use", "true").await?;
    window.sees("tier-hot", "data-in-use", "false").await.context("the lit path left Hot")?;
    window.reads("status-state", "Running on Warm").await?;
    let answer = ask(window).await?;
    assert_eq!((answer.status, answer.tier.as_str()), (200, "warm"));
    window.shoot("7-moved").await?;

    window.click("banner-hold").await?;
    window.sees("shift-1", "data-held", "true").await?;
    window.click("banner-goOn").await?;
    window.sees("shift-1", "data-held", "false").await?;
    window.click("banner-failback").await?;
    window.sees("shift-1", "data-phase", "returning").await?;
    window.shoot("8-returning").await?;
    // Each step waits for calls to judge.
    until(PATIENCE, "all traffic is home", async || {
        let answer = ask(window).await?;
        anyhow::ensure!(answer.status == 200, "a client got {} on the way home", answer.status);
        Ok(window.reads_now("status-state", "All clear").await?.then_some(()))
    })
    .await?;
    window.misses("shift-1").await?;
    window.sees("tier-hot", "data-in-use", "true").await?;
    assert_eq!(ask(window).await?.tier, "hot");
    window.shoot("9-home").await
}

/// Applies the demo's map with other numbers.
async fn quicken(window: &Window, settings: &[(&str, serde_json::Value)]) -> Result<()> {
    let (status, map) = window.control("GET", "/v1/map", json!(null)).await?;
    anyhow::ensure!(status == 200, "{status}: {map}");
    let mut document: serde_json::Value =
        serde_json::from_str(map["document"].as_str().context("a map without a document")?)?;
    for (key, value) in settings {
        document[*key] = value.clone();
    }
    let apply = json!({ "document": document.to_string(), "baseVersion": map["version"], "source": "api" });
    let (status, answer) = window.control("PUT", "/v1/map", apply).await?;
    anyhow::ensure!(status == 200, "{status}: {answer}");
    Ok(())
}

struct Answer {
    status: u16,
    route: String,
    tier: String,
}

/// One request, as an app with an OpenAI SDK sends it.
async fn ask(window: &Window) -> Result<Answer> {
    let body = json!({ "model": "auto", "messages": [{ "role": "user", "content": "Good morning" }] });
    let response = window
        .http
        .post(format!("{}/v1/chat/completions", window.proxy_url()?))
        .bearer_auth(window.client_key()?)
        .json(&body)
        .send()
        .await?;
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let (route, tier) = (header("x-switchyard-route"), header("x-switchyard-tier"));
    Ok(Answer { status: response.status().as_u16(), route, tier })
}
