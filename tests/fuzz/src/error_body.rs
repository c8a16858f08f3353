//! Errors of providers, and ours to callers.

use switchyard_wire::error_body::MESSAGE_LIMIT;
use switchyard_wire::{ErrorReply, error_event, error_response, meaning, read_error};

use crate::choices::{CALLERS, Choices};
use crate::json::assert_json;
use crate::told;

/// A key a provider might quote.
const KEY: &str = "sk-proj-Zx81kQw93LmTf7RbVn24HcYd60PsJgUe";

/// Whatever an error says, its message is short and holds no key, and the caller gets it in its own dialect.
pub fn run(choices: &Choices, data: &[u8]) {
    let (before, after) = choices.split(data);
    // A word of its own, as providers quote it.
    let data = [before, b" ", KEY.as_bytes(), b" ", after].concat();
    let content_type = match choices.number() % 3 {
        0 => None,
        1 => Some("text/html; charset=utf-8"),
        _ => Some("application/json"),
    };
    let error = read_error(content_type, &data);
    assert!(error.message.chars().count() <= MESSAGE_LIMIT, "{} characters", error.message.chars().count());
    for told in [Some(&error.message), error.code.as_ref(), error.kind.as_ref(), error.param.as_ref()] {
        let told = told.map_or("", String::as_str);
        assert!(!told.contains(KEY), "a key is told: {told}");
    }
    let status = 400 + u16::from(choices.number());
    let _ = meaning(status, &error);
    let reply = ErrorReply {
        status,
        kind: error.kind.unwrap_or_default(),
        code: error.code,
        message: error.message,
        param: error.param,
        request_id: choices.flag(0).then(|| "req-1".to_owned()),
    };
    for caller in CALLERS {
        assert_json(&error_response(caller, &reply), "an error's body");
        told::each(&error_event(caller, &reply, 7), |_, data| assert_json(data, "an error event"));
    }
}
