//! Bodies that come compressed, from clients and from providers: they are what they would be uncompressed.

use async_compression::Level;
use async_compression::tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use serde_json::json;
use switchyard_sim::Dialect;
use switchyard_tests::{Act, Ask, Canned, Reply, Yard, far, fast_map, path, within};
use tokio::io::AsyncWriteExt;

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::Anthropic;

/// A coding, and whether its deflate is the bare one.
const CODINGS: [(&str, bool); 5] =
    [("gzip", false), ("deflate", false), ("deflate", true), ("br", false), ("zstd", false)];

const ANSWER: &str = "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\
    \"message\":{\"role\":\"assistant\",\"content\":\"caf\u{e9}\"},\"finish_reason\":\"stop\"}],\
    \"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";

const EVENTS: [&str; 3] = [
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"caf\"}}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\u{e9}\"}}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
];

/// The body, encoded and flushed part by part; the parts so far stand in one list.
async fn encoded(coding: (&str, bool), parts: &[&str]) -> Vec<u8> {
    macro_rules! by {
        ($encoder:ident) => {{
            let mut encoder = $encoder::with_quality(Vec::new(), Level::Fastest);
            for part in parts {
                encoder.write_all(part.as_bytes()).await.unwrap();
                encoder.flush().await.unwrap();
            }
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    match coding {
        ("gzip", _) => by!(GzipEncoder),
        ("deflate", false) => by!(ZlibEncoder),
        ("deflate", true) => by!(DeflateEncoder),
        ("br", _) => by!(BrotliEncoder),
        _ => by!(ZstdEncoder),
    }
}

async fn posted(yard: &Yard, path: &str, encoding: &str, body: Vec<u8>) -> Reply {
    let bearer = format!("Bearer {}", yard.key());
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("content-encoding", encoding),
    ];
    yard.raw(path, &headers, body).await
}

#[tokio::test]
async fn a_compressed_request_is_the_request_it_was() {
    let canned = Canned::start("HTTP/1.1 200 OK\ncontent-type: application/json", ANSWER.as_bytes()).await;
    let yard = Yard::start().await;
    let limits = json!({ "limits": { "maxBodyBytes": 1_048_576, "maxBytesInFlight": 1_048_576 } });
    yard.apply(&switchyard_tests::merge(fast_map(&[canned.route("openai-chat")], &[]), limits)).await;
    let ask = Ask::chat(&"0123456789abcdef".repeat(10_000)).body.to_string();
    let expected = ask.replacen("\"auto\"", "\"up/m:1\"", 1);
    for coding in CODINGS {
        let reply = posted(&yard, path(CHAT), coding.0, encoded(coding, &[&ask]).await).await;
        assert_eq!(reply.status, 200, "{coding:?}: {reply:?}");
        let sent = canned.taken().pop().unwrap();
        assert!(sent.body == expected.as_bytes(), "{coding:?}: {} bytes went upstream", sent.body.len());
        assert_eq!(sent.header("content-encoding"), None);
        assert_eq!(sent.header("content-length").unwrap(), expected.len().to_string());
    }
    let inner = encoded(("gzip", false), &[&ask]).await;
    let mut outer = ZstdEncoder::new(Vec::new());
    outer.write_all(&inner).await.unwrap();
    outer.shutdown().await.unwrap();
    let reply = posted(&yard, path(CHAT), "gzip, zstd", outer.into_inner()).await;
    assert_eq!(reply.status, 200, "{reply:?}");

    // What an encoding unfolds to is what counts, against one body and against all that are under way.
    let bomb = " ".repeat(4 * 1_048_576);
    for coding in CODINGS {
        let bomb = encoded(coding, &[&bomb]).await;
        assert!(bomb.len() < 1_048_576, "{coding:?}: {} bytes", bomb.len());
        let reply = posted(&yard, path(CHAT), coding.0, bomb).await;
        let (code, message) = reply.error(CHAT);
        assert_eq!((reply.status, code.as_str()), (413, "body_too_large"), "{coding:?}: {message}");
    }
    for dialect in [CHAT, RESPONSES, MESSAGES] {
        for (encoding, body, status, code, names) in [
            ("gzip", ask.clone().into_bytes(), 400, "invalid_encoding", "gzip"),
            ("zstd", encoded(("zstd", false), &[&ask]).await[..40].to_vec(), 400, "invalid_encoding", "zstd"),
            ("br, compress", ask.clone().into_bytes(), 415, "unsupported_encoding", "compress"),
        ] {
            let reply = posted(&yard, path(dialect), encoding, body).await;
            let (told, message) = reply.error(dialect);
            assert_eq!((reply.status, told.as_str()), (status, code), "{message}");
            assert!(message.contains(names), "{message}");
            let accepted = if status == 415 { "gzip, deflate, br, zstd" } else { "" };
            assert_eq!(reply.header("accept-encoding"), accepted);
        }
    }
    let reply = posted(&yard, path(CHAT), "identity", ask.into_bytes()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn an_answer_that_comes_compressed_though_nobody_asked_is_read() {
    for (at, coding) in CODINGS.into_iter().enumerate() {
        let head = format!(
            "HTTP/1.1 200 OK\ncontent-type: application/json\ncontent-encoding: {}\nx-ratelimit-limit: 1\nx-ratelimit-limit: 2",
            coding.0
        );
        let whole = Canned::start(&head, &encoded(coding, &[ANSWER]).await).await;
        let head =
            format!("HTTP/1.1 200 OK\ncontent-type: text/event-stream\ncontent-encoding: {}", coding.0);
        let stream = Canned::in_pieces(&head, &encoded(coding, &EVENTS).await, 9).await;
        let yard = Yard::start().await;
        // Both ways upstream: the short one on this machine, and the one to everybody else.
        let way = |route| if at % 2 == 0 { far(route) } else { route };
        yard.apply(&fast_map(&[way(whole.route("openai-chat"))], &[])).await;
        let reply = yard.send(&Ask::chat("hello").header("accept-encoding", "gzip, br")).await;
        assert_eq!((reply.status, &reply.body[..]), (200, ANSWER.as_bytes()), "{coding:?}");
        for (name, value) in [("content-encoding", ""), ("content-length", ANSWER.len().to_string().as_str())]
        {
            assert_eq!(reply.header(name), value, "{coding:?}: {name}");
        }
        let lines: Vec<_> = reply.headers.get_all("x-ratelimit-limit").iter().collect();
        assert_eq!(lines, ["1", "2"], "every line of a header comes back");
        let sent = whole.taken().pop().unwrap();
        assert_eq!(sent.header("accept-encoding").as_deref(), Some("identity"));
        assert_eq!(yard.send(&Ask::messages("hello")).await.completion(MESSAGES).text, "caf\u{e9}");

        yard.apply(&fast_map(&[way(stream.route("openai-chat"))], &[])).await;
        let reply = yard.send(&Ask::chat("hello").streaming(true)).await;
        assert_eq!(String::from_utf8_lossy(&reply.body), EVENTS.concat(), "{coding:?}");
        let reply = yard.send(&Ask::responses("hello").streaming(true)).await;
        assert_eq!(reply.completion(RESPONSES).text, "caf\u{e9}", "{coding:?}");
    }
}

#[tokio::test]
async fn errors_vectors_and_counts_are_read_compressed_too() {
    let yard = Yard::start().await;
    let gzip = ("gzip", false);
    let head =
        |status: &str| format!("HTTP/1.1 {status}\ncontent-type: application/json\ncontent-encoding: gzip");
    let fault = r#"{"error":{"message":"max_tokens is too large","type":"invalid_request_error","param":"max_tokens"}}"#;
    let refusing = Canned::start(&head("400 Bad Request"), &encoded(gzip, &[fault]).await).await;
    yard.apply(&fast_map(&[refusing.route("openai-chat")], &[])).await;
    for stream in [false, true] {
        let reply = yard.send(&Ask::chat("hello").streaming(stream)).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(reply.error(CHAT).1.contains("max_tokens is too large"), "{reply:?}");
    }
    let vectors =
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"e"}"#;
    let embedding = Canned::start(&head("200 OK"), &encoded(gzip, &[vectors]).await).await;
    yard.apply(&fast_map(&[embedding.route("openai-chat")], &[])).await;
    let body = json!({ "model": "m-canned", "input": "a" }).to_string();
    let reply = posted(&yard, "/v1/embeddings", "zstd", encoded(("zstd", false), &[&body]).await).await;
    assert_eq!((reply.status, &reply.body[..]), (200, vectors.as_bytes()), "{reply:?}");
    let counting = Canned::start(&head("200 OK"), &encoded(gzip, &[r#"{"input_tokens":14}"#]).await).await;
    yard.apply(&fast_map(&[counting.route("anthropic")], &[])).await;
    let body = Ask::messages("hello").body.to_string();
    let reply =
        posted(&yard, "/v1/messages/count_tokens", "br", encoded(("br", false), &[&body]).await).await;
    assert_eq!(reply.json(), json!({ "input_tokens": 14 }));
}

#[tokio::test]
async fn no_event_waits_in_a_decoder_for_the_next_one() {
    for coding in CODINGS {
        let (first, all) = (encoded(coding, &EVENTS[..1]).await, encoded(coding, &EVENTS).await);
        // How far the two agree is the first event, without the end of the body.
        let agreed = first.iter().zip(&all).take_while(|(a, b)| a == b).count();
        let head =
            format!("HTTP/1.1 200 OK\ncontent-type: text/event-stream\ncontent-encoding: {}", coding.0);
        let canned = Canned::acting(&head, [Act::Say(all[..agreed].to_vec()), Act::Hang]).await;
        let yard = Yard::start().await;
        let patient = json!({ "timeouts": { "firstTokenMs": 60_000, "idleMs": 60_000 }, "sloMs": 60_000 });
        yard.apply(&switchyard_tests::merge(fast_map(&[canned.route("openai-chat")], &[]), patient)).await;
        let mut reply =
            within("a head", yard.request(&Ask::chat("hello").streaming(true)).send()).await.unwrap();
        let event = within("the first event", reply.chunk()).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&event), EVENTS[0], "{coding:?}");
    }
}
