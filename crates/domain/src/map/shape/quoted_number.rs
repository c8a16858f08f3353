//! A number somebody wrote as a text: `"5"`, `"$1,000.50"`, `"100 USD"`.

use serde_json::Value;

/// ` Write 1000.50 without quotes or signs.` where a text stands for a number; else nothing.
pub(super) fn fix(value: &Value, schema: &Value) -> String {
    let wants_number = matches!(schema.get("type").and_then(Value::as_str), Some("number" | "integer"));
    let number = value.as_str().filter(|_| wants_number).and_then(number_in);
    number.map_or_else(String::new, |number| format!(" Write {number} without quotes or signs."))
}

fn number_in(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('$').trim_end_matches("USD").trim_end_matches('$').trim();
    let plain: String = text.chars().filter(|c| !matches!(c, ',' | '_')).collect();
    let is_plain = plain.starts_with(|c: char| c.is_ascii_digit())
        && plain.chars().all(|c| c.is_ascii_digit() || c == '.');
    (is_plain && plain.parse::<f64>().is_ok()).then_some(plain)
}
