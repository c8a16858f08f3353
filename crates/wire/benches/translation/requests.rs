//! Requests on their way to an upstream: a small one, and one with an image.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use switchyard_domain::Operation;
use switchyard_wire::{Dialect, Envelope, rewrite, translate_request};

use super::{Times, now};

/// The sizes measured, and about how many bytes each has.
const SIZES: [(&str, usize); 2] = [("4 kB", 4_000), ("200 kB", 200_000)];

/// The time a request takes to be ready for an upstream: translated, or (in its own dialect) read and given the
/// upstream's model.
pub(super) fn translation(caller: Dialect, upstream: Dialect, length: Duration) -> Vec<Value> {
    let measure = |(size, bytes): (&str, usize)| {
        let body = Bytes::from(request(caller, bytes).to_string());
        let p50_us = median_us(length / 4, || {
            if caller == upstream {
                let envelope =
                    Envelope::read(caller, Operation::Complete, &body).expect("the request is fine");
                rewrite(&body, &envelope, "upstream-model", true).len()
            } else {
                let translated = translate_request(caller, upstream, &body, model(upstream));
                translated.expect("the request can be translated").body.len()
            }
        });
        json!({ "caller": caller.as_str(), "upstream": upstream.as_str(), "size": size, "bytes": body.len(),
            "p50_us": p50_us })
    };
    SIZES.map(measure).into()
}

/// The time routing takes to read a request.
pub(super) fn envelope(caller: Dialect, length: Duration) -> Vec<Value> {
    let measure = |(size, bytes): (&str, usize)| {
        let body = request(caller, bytes).to_string();
        let p50_us = median_us(length / 4, || {
            let read = Envelope::read(caller, Operation::Complete, body.as_bytes());
            read.expect("the request is fine").message_count
        });
        json!({ "caller": caller.as_str(), "size": size, "bytes": body.len(), "p50_us": p50_us })
    };
    SIZES.map(measure).into()
}

fn median_us(length: Duration, mut work: impl FnMut() -> usize) -> f64 {
    let (mut times, mut whole) = (Times::default(), Duration::ZERO);
    for _ in 0..3 {
        black_box(work());
    }
    while whole < length {
        let begun = now();
        black_box(work());
        let time = begun.elapsed();
        whole += time;
        times.add(time);
    }
    times.percentile_us(50)
}

/// A model of the upstream that takes images and tools.
fn model(upstream: Dialect) -> &'static str {
    match upstream {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => "gpt-4o-mini",
        Dialect::AnthropicMessages => "claude-sonnet-4-6",
        Dialect::Gemini => "gemini-3-flash",
        Dialect::BedrockConverse => "anthropic.claude-sonnet-4-20250514-v1:0",
    }
}

/// A conversation with a tool, of about so many bytes; a large one has an image, which is most of it.
fn request(caller: Dialect, bytes: usize) -> Value {
    let sentence =
        "The 9:40 to Lisbon is late; which trains still reach Porto before noon, \"fast\" ones first?\n";
    let system = sentence.repeat(8);
    let question = sentence.repeat(10);
    let image =
        (bytes > 50_000).then(|| format!("iVBORw0KGgoAAAANSUhEUgAA{}", "kJ8a".repeat((bytes - 4_000) / 4)));
    let schema = json!({ "type": "object", "properties": { "from": { "type": "string" }, "to": { "type": "string" },
        "before": { "type": "string", "description": "A time, such as 12:00" } }, "required": ["from", "to"] });
    let (name, about) = ("find_trains", "Finds the trains of a day between two stations.");
    let url = image.as_ref().map(|image| format!("data:image/png;base64,{image}"));
    let turns = |mut last: Vec<Value>, text: &str| {
        last.push(json!({ "type": text, "text": question }));
        json!([{ "role": "user", "content": question }, { "role": "assistant", "content": question },
            { "role": "user", "content": last }])
    };
    match caller {
        Dialect::OpenAiResponses => {
            let image = url.map(|url| json!({ "type": "input_image", "image_url": url }));
            json!({ "model": "auto", "stream": true, "instructions": system, "max_output_tokens": 1024,
                "store": false, "input": turns(image.into_iter().collect(), "input_text"),
                "tools": [{ "type": "function", "name": name, "description": about, "parameters": schema }] })
        }
        Dialect::AnthropicMessages => {
            let source =
                image.map(|image| json!({ "type": "base64", "media_type": "image/png", "data": image }));
            let image = source.map(|source| json!({ "type": "image", "source": source }));
            json!({ "model": "auto", "stream": true, "system": system, "max_tokens": 1024,
                "messages": turns(image.into_iter().collect(), "text"),
                "tools": [{ "name": name, "description": about, "input_schema": schema }] })
        }
        Dialect::OpenAiChat | Dialect::Gemini | Dialect::BedrockConverse => {
            let image = url.map(|url| json!({ "type": "image_url", "image_url": { "url": url } }));
            let mut messages = turns(image.into_iter().collect(), "text");
            if let Some(messages) = messages.as_array_mut() {
                messages.insert(0, json!({ "role": "system", "content": system }));
            }
            json!({ "model": "auto", "stream": true, "max_tokens": 1024, "messages": messages,
                "tools": [{ "type": "function",
                    "function": { "name": name, "description": about, "parameters": schema } }] })
        }
    }
}
