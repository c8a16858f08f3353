//! Answers that go on where another one stopped.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Profile, SimProvider};

use crate::{ask, json_of, post, refused};

const MESSAGES: Dialect = Dialect::Anthropic;

async fn named(name: &str) -> SimProvider {
    SimProvider::start_with(Profile::new(name)).await.unwrap()
}

fn after(said: &str, then: Option<&str>) -> Value {
    let mut body = ask("how to price a trial");
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({ "role": "assistant", "content": said }));
    if let Some(wish) = then {
        messages.push(json!({ "role": "user", "content": wish }));
    }
    body
}

async fn text(sim: &SimProvider, dialect: Dialect, body: &Value) -> String {
    let (status, answer) = json_of(post(sim.url(), dialect, body)).await;
    assert_eq!(status, 200, "{answer}");
    let text = if dialect == MESSAGES {
        &answer["content"][0]["text"]
    } else {
        &answer["choices"][0]["message"]["content"]
    };
    text.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_prefill_is_continued_to_the_letter_wherever_it_was_cut() {
    let sim = named("acme").await;
    let full = text(&sim, MESSAGES, &ask("how to price a trial")).await;
    for at in [1, 4, 17, 30, 60, full.len() - 1] {
        let said = &full[..at];
        if said.ends_with(' ') {
            continue;
        }
        assert_eq!(format!("{said}{}", text(&sim, MESSAGES, &after(said, None)).await), full);
    }
}

#[tokio::test]
async fn another_provider_takes_over_the_words_but_not_the_signature() {
    let (first, second) = (named("acme").await, named("beta").await);
    let full = text(&first, MESSAGES, &ask("how to price a trial")).await;
    for at in [5, 25, 48] {
        let said = full[..at].trim_end();
        let whole = format!("{said}{}", text(&second, MESSAGES, &after(said, None)).await);
        let body = |text: &str| text.split_once("] ").unwrap().1.to_owned();
        assert_eq!(body(&whole), body(&full), "{whole}");
    }
}

#[tokio::test]
async fn an_instruction_to_continue_is_followed_with_some_words_repeated() {
    let wish = Some("Continue exactly where you stopped.");
    for dialect in [MESSAGES, Dialect::OpenaiChat] {
        let sim = named("acme").await;
        let full = text(&sim, dialect, &ask("how to price a trial")).await;
        assert_eq!(text(&sim, dialect, &after(&full[..40], wish)).await, full[40..], "{dialect:?}");
        let repeating = SimProvider::start_with(Profile::new("acme").repeats_chars(9)).await.unwrap();
        assert_eq!(text(&repeating, dialect, &after(&full[..40], wish)).await, full[31..], "{dialect:?}");
        let other = text(&sim, dialect, &after("Something else.", wish)).await;
        assert!(other.contains("Continue exactly"), "{other}");
    }
}

#[tokio::test]
async fn a_prefill_is_refused_where_the_vendor_refuses_it() {
    let sim = named("acme").await;
    refused(sim.url(), MESSAGES, &after("It ends ", None), "messages: final assistant content cannot end")
        .await;
    let newest = SimProvider::start_with(Profile::new("acme").prefill(false)).await.unwrap();
    let message = "This model does not support assistant message prefill. The conversation must end with a user \
                   message.";
    refused(newest.url(), MESSAGES, &after("It ends", None), message).await;
    // OpenAI's dialect has no such thing: the question is answered anew.
    let answer = text(&newest, Dialect::OpenaiChat, &after("It ends", None)).await;
    assert!(answer.starts_with("[m-1 @ acme]"), "{answer}");
}
