//! Images that are seen and words that are remembered, in every dialect.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Profile, SimProvider};

use crate::{json_of, post};

const DIALECTS: [Dialect; 5] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::Anthropic,
    Dialect::Gemini,
    Dialect::BedrockConverse,
];

/// Eight pixels square: plain ones in every way a PNG writes a colour, and one that is half red and half blue.
const RED: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mN4ICCAFTEMLQkANj9AAZ7SH1wAAAAASUVORK5CYII=";
const GREEN_WITH_ALPHA: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAYAAADED76LAAAAEklEQVR42mMQOKDwHx9mGBkKAI4Ze8FMUr9AAAAAAElFTkSuQmCC";
const BLUE_OF_A_PALETTE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAMAAADz0U65AAAABlBMVEUAAAAQIPCReMwBAAAADklEQVR42mNghAIGyhgACUgAQUh82I8AAAAASUVORK5CYII=";
const WHITE_OF_16_BITS: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIEAAAAACx9D0UAAAAD0lEQVR42mP4jwYYBkYAAOB3f4HavgLMAAAAAElFTkSuQmCC";
const BLACK_OF_GREY: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADElEQVR42mNgoA4AAABIAAEQRe/SAAAAAElFTkSuQmCC";
const HALF_RED: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR42mP4z8AAR0jM/wxDSwIA6TA/wcg4RrMAAAAASUVORK5CYII=";
/// The right first bytes, and nothing behind them.
const CUT_OFF: &str = "iVBORw0KGgo=";

async fn sim(dialect: Dialect) -> SimProvider {
    SimProvider::start_with(Profile::new("acme").dialect(dialect)).await.unwrap()
}

/// A question with the images it is about, as the dialect writes it.
fn question(dialect: Dialect, text: &str, images: &[&str]) -> Value {
    let url = |data: &str| format!("data:image/png;base64,{data}");
    let parts = |said: Value, image: &dyn Fn(&str) -> Value| -> Value {
        std::iter::once(said).chain(images.iter().map(|data| image(data))).collect()
    };
    match dialect {
        Dialect::OpenaiChat => {
            let parts = parts(
                json!({ "type": "text", "text": text }),
                &|data| json!({ "type": "image_url", "image_url": { "url": url(data) } }),
            );
            json!({ "model": "m-1", "messages": [{ "role": "user", "content": parts }] })
        }
        Dialect::OpenaiResponses => {
            let parts = parts(
                json!({ "type": "input_text", "text": text }),
                &|data| json!({ "type": "input_image", "image_url": url(data), "detail": "auto" }),
            );
            json!({ "model": "m-1", "input": [{ "role": "user", "content": parts }] })
        }
        Dialect::Anthropic => {
            let parts = parts(
                json!({ "type": "text", "text": text }),
                &|data| json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": data } }),
            );
            json!({ "model": "m-1", "max_tokens": 200, "messages": [{ "role": "user", "content": parts }] })
        }
        Dialect::Gemini => {
            let parts = parts(
                json!({ "text": text }),
                &|data| json!({ "inlineData": { "mimeType": "image/png", "data": data } }),
            );
            json!({ "contents": [{ "role": "user", "parts": parts }] })
        }
        Dialect::BedrockConverse => {
            let parts = parts(
                json!({ "text": text }),
                &|data| json!({ "image": { "format": "png", "source": { "bytes": data } } }),
            );
            json!({ "messages": [{ "role": "user", "content": parts }] })
        }
    }
}

async fn answer(sim: &SimProvider, dialect: Dialect, body: &Value) -> String {
    let request = match dialect {
        Dialect::BedrockConverse => {
            let url = format!("{}/model/{}/converse", sim.url(), "m-1");
            crate::bedrock::signed(&crate::bedrock::RIGHT, "POST", &url, &body.to_string())
        }
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic | Dialect::Gemini => {
            post(sim.url(), dialect, body)
        }
    };
    let (status, answer) = json_of(request).await;
    assert_eq!(status, 200, "{dialect:?}: {answer}");
    let text = match dialect {
        Dialect::OpenaiChat => &answer["choices"][0]["message"]["content"],
        Dialect::OpenaiResponses => &answer["output"][0]["content"][0]["text"],
        Dialect::Anthropic => &answer["content"][0]["text"],
        Dialect::Gemini => &answer["candidates"][0]["content"]["parts"][0]["text"],
        Dialect::BedrockConverse => &answer["output"]["message"]["content"][0]["text"],
    };
    text.as_str().unwrap_or_else(|| panic!("{dialect:?}: {answer}")).to_owned()
}

#[tokio::test]
async fn the_colour_of_a_plain_image_is_named_in_every_dialect() {
    for dialect in DIALECTS {
        let sim = sim(dialect).await;
        for (image, colour) in [
            (RED, "red"),
            (GREEN_WITH_ALPHA, "green"),
            (BLUE_OF_A_PALETTE, "blue"),
            (WHITE_OF_16_BITS, "white"),
            (BLACK_OF_GREY, "black"),
        ] {
            let said =
                answer(&sim, dialect, &question(dialect, "Which colour fills this image?", &[image])).await;
            let whole = format!("[m-1 @ acme] The image is {colour}. It came with 1 image.");
            assert_eq!(said, whole, "{dialect:?}");
        }
        let both = question(dialect, "Name the color of each", &[RED, BLACK_OF_GREY]);
        let said = answer(&sim, dialect, &both).await;
        assert!(said.contains("The images are red and black."), "{dialect:?}: {said}");
    }
}

#[tokio::test]
async fn what_cannot_be_seen_gets_the_usual_answer() {
    let dialect = Dialect::OpenaiChat;
    let sim = sim(dialect).await;
    let asked = "Which colour fills this image?";
    let bare = answer(&sim, dialect, &question(dialect, asked, &[])).await;
    for image in [HALF_RED, CUT_OFF] {
        let said = answer(&sim, dialect, &question(dialect, asked, &[image])).await;
        assert_eq!(said, format!("{bare} It came with 1 image."));
    }
    let said = answer(&sim, dialect, &question(dialect, "Describe it", &[RED])).await;
    assert!(!said.contains("red"), "nobody asked for its colour: {said}");
    let mut remote = question(dialect, asked, &[RED]);
    remote["messages"][0]["content"][1]["image_url"]["url"] = json!("https://example.com/red.png");
    let said = answer(&sim, dialect, &remote).await;
    assert_eq!(said, format!("{bare} It came with 1 image."), "an address is not fetched");
}

#[tokio::test]
async fn a_code_word_is_remembered_from_the_middle_of_a_long_prompt() {
    let filler = "Wagons of timber wait beside wagons of grain. ".repeat(400);
    let asked = "\n\nWhich code word does the text above name? Answer with that word alone";
    for dialect in DIALECTS {
        let sim = sim(dialect).await;
        let told = format!("{filler}The code word is heliotrope. {filler}{asked}");
        assert_eq!(
            answer(&sim, dialect, &question(dialect, &told, &[])).await,
            "[m-1 @ acme] heliotrope",
            "{dialect:?}"
        );
    }
}

#[tokio::test]
async fn only_a_question_brings_the_code_word_back_and_only_one_that_was_told() {
    let dialect = Dialect::OpenaiChat;
    let sim = sim(dialect).await;
    for asked in [
        "The code word is Mauve-7. Say hello",
        "What is the code word?",
        "The code word is Mauve-7. How are you?",
    ] {
        let said = answer(&sim, dialect, &question(dialect, asked, &[])).await;
        assert_ne!(said, "[m-1 @ acme] Mauve-7", "{asked}");
        assert!(said.contains('"'), "the usual answer repeats what was asked: {said}");
    }
    let mut remembered = question(dialect, "What is the code word?", &[]);
    let earlier = json!({ "role": "system", "content": "the CODE word is Mauve-7, keep it" });
    remembered["messages"].as_array_mut().unwrap().insert(0, earlier);
    assert_eq!(answer(&sim, dialect, &remembered).await, "[m-1 @ acme] Mauve-7");
}
