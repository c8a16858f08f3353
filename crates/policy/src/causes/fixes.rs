//! The fixes: one call of the control API each, and the same as a command.

use serde_json::{Value, json};
use switchyard_domain::RouteId;
use switchyard_domain::operate::FixView;

/// Why a fix was made, for the audit log.
const REASON: &str = "cause finder";

fn fix(label: String, command: String, method: &str, path: String, body: Option<&Value>) -> FixView {
    FixView { label, command, method: method.to_owned(), path, body: body.map(Value::to_string) }
}

pub(super) fn check_network() -> FixView {
    fix(
        "Check the network".to_owned(),
        "switchyard network".to_owned(),
        "POST",
        "/v1/network/check".to_owned(),
        None,
    )
}

pub(super) fn except(provider: &str) -> FixView {
    fix(
        format!("Leave {provider} out for now"),
        format!("switchyard failover --except {provider} --reason 'cause finder'"),
        "POST",
        "/v1/overrides/except".to_owned(),
        Some(&json!({ "provider": provider, "on": true, "reason": REASON })),
    )
}

pub(super) fn switch_off(route: &RouteId) -> FixView {
    fix(
        format!("Take {route} out of service"),
        format!("switchyard route off {route}"),
        "PUT",
        "/v1/routes/switch".to_owned(),
        Some(&json!({ "route": route, "inService": false })),
    )
}

pub(super) fn raise(key: &str, to: u32) -> FixView {
    set(format!("Raise the threshold to {to}"), key, to)
}

pub(super) fn one_try() -> FixView {
    set("Give one try per route".to_owned(), "retry.attempts", 1)
}

fn set(label: String, key: &str, to: u32) -> FixView {
    fix(
        label,
        format!("switchyard map set {key}={to} --reason 'cause finder'"),
        "POST",
        "/v1/map/set".to_owned(),
        Some(&json!({ "changes": { key: to }, "reason": REASON })),
    )
}

pub(super) fn test_key(key: &str) -> FixView {
    fix(
        format!("Test {key} again"),
        format!("switchyard credential test {key}"),
        "POST",
        format!("/v1/credentials/{}/test", escaped(key)),
        None,
    )
}

fn escaped(segment: &str) -> String {
    segment.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
