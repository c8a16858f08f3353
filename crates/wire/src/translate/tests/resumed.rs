//! A stream that goes on where an earlier one stopped.

use super::Dialect;
use super::dialects::options;
use crate::canonical::Delta;
use crate::notes::Notes;
use crate::pipe::Said;
use crate::{FinishReason, Usage, anthropic, openai_chat};

fn said() -> Said {
    Said {
        text: "One, two".to_owned(),
        id: "answer-1".to_owned(),
        model: "old".to_owned(),
        block: 2,
        usage: Usage { input_tokens: 10, output_tokens: 4, ..Usage::default() },
        ..Said::default()
    }
}

/// What the second upstream says.
fn rest() -> Vec<Delta<'static>> {
    vec![
        Delta::Start { id: Some("answer-2".into()), model: Some("new".into()) },
        Delta::Text(", three".into()),
        Delta::Finish { reason: FinishReason::Stop, stop_sequence: None },
        Delta::Usage(Usage { input_tokens: 14, output_tokens: 3, ..Usage::default() }),
        Delta::End,
    ]
}

fn resumed(dialect: Dialect) -> String {
    let mut out = Vec::new();
    let mut notes = Notes::default();
    if dialect == Dialect::OpenAiChat {
        let mut writer = openai_chat::stream::Writer::resume(&said(), &options());
        rest().iter().for_each(|delta| writer.write(delta, &mut notes, &mut out));
    } else {
        let mut writer = anthropic::stream::Writer::resume(&said(), &options());
        rest().iter().for_each(|delta| writer.write(delta, &mut notes, &mut out));
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_chat_stream_goes_on_in_the_same_answer() {
    let out = resumed(Dialect::OpenAiChat);
    let head = r#"data: {"id":"answer-1","object":"chat.completion.chunk","created":1741569952,"model":"new","choices""#;
    let expected = [
        format!(r#"{head}:[{{"index":0,"delta":{{"content":", three"}},"finish_reason":null}}]}}"#),
        format!(r#"{head}:[{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}"#),
        format!(
            r#"{head}:[],"usage":{{"prompt_tokens":24,"completion_tokens":7,"total_tokens":31,"prompt_tokens_details":{{"cached_tokens":0}}}}}}"#
        ),
        "data: [DONE]".to_owned(),
    ];
    assert_eq!(out, expected.join("\n\n") + "\n\n");
}

#[test]
fn a_messages_stream_goes_on_in_the_open_block() {
    let out = resumed(Dialect::AnthropicMessages);
    let expected = [
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":", three"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":24,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":7}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let data: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data, expected);
}
