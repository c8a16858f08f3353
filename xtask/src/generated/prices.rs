//! The price list the router carries: the data bundled with `genai-prices`, cut down to what is asked of it and into
//! pieces, so that a router reads the lines of its own providers and never the whole list.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::command::Cmd;

/// The crate whose data it is.
const CRATE: &str = "genai-prices";

/// Who there is, by API address: an array of providers without models.
const VENDORS: &str = "crates/engine/src/prices/vendors.json";

/// The same providers with their models, one a line.
const MODELS: &str = "crates/engine/src/prices/models.jsonl";

/// Members of a provider that find it, in the order they are written. Models follow.
const OF_VENDORS: [&str; 5] = ["id", "name", "api_pattern", "provider_match", "fallback_model_providers"];

/// Members of a model that find it, price it and say what it takes.
const OF_MODELS: [&str; 4] = ["id", "match", "context_window", "prices"];

/// Each document's place and text, as the data of the locked version has it.
pub(super) fn documents(root: &Path) -> Result<[(&'static str, String); 2]> {
    let file = data_file(root)?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let [vendors, models] = excerpt(&text).with_context(|| format!("cannot cut {}", file.display()))?;
    Ok([(VENDORS, vendors), (MODELS, models)])
}

/// Where Cargo keeps the crate's data.
fn data_file(root: &Path) -> Result<PathBuf> {
    let metadata = Cmd::cargo(root, ["metadata", "--format-version", "1", "--locked"]).output()?;
    let metadata: Value = serde_json::from_str(&metadata).context("`cargo metadata` printed no JSON")?;
    let packages = metadata["packages"].as_array().context("`cargo metadata` names no packages")?;
    let package = packages.iter().find(|package| package["name"] == CRATE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.with_context(|| format!("`cargo metadata` does not name {CRATE}"))?;
    Ok(Path::new(manifest).with_file_name("data").join("prices.json"))
}

/// The vendors' document and the models'.
fn excerpt(text: &str) -> Result<[String; 2]> {
    let list: Vec<Value> = serde_json::from_str(text)?;
    let (mut vendors, mut models) = (Vec::new(), String::new());
    for provider in &list {
        let mut provider_of = kept(provider, &OF_VENDORS);
        vendors.push(Value::Object(provider_of.clone()));
        provider_of
            .insert("models".to_owned(), members(provider).map(|model| describe(model, &list)).collect());
        models.push_str(&Value::Object(provider_of).to_string());
        models.push('\n');
    }
    Ok([serde_json::to_string_pretty(&vendors)?, models])
}

fn members(provider: &Value) -> impl Iterator<Item = &Value> {
    provider["models"].as_array().into_iter().flatten()
}

fn kept(value: &Value, names: &[&str]) -> Map<String, Value> {
    let member = |name: &&str| Some(((*name).to_owned(), value.get(*name)?.clone()));
    names.iter().filter_map(member).collect()
}

/// A model; where its provider is silent on its window, with that of whoever else serves it.
fn describe(model: &Value, list: &[Value]) -> Value {
    let mut model = kept(model, &OF_MODELS);
    if model.get("context_window").is_none_or(Value::is_null) {
        let mut namesakes = list.iter().flat_map(members).filter(|other| Some(&other["id"]) == model.get("id"));
        if let Some(window) = namesakes.find_map(|other| other["context_window"].as_u64()) {
            model.insert("context_window".to_owned(), window.into());
        }
    }
    Value::Object(model)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_excerpt_keeps_what_is_asked_for_and_lends_windows_between_namesakes() {
        let list = json!([
            { "id": "b", "name": "B", "api_pattern": "b", "extractors": [1], "models": [
                { "id": "m", "name": "M", "match": { "equals": "m" }, "prices": { "input_mtok": 1 } },
                { "id": "alone", "match": { "equals": "alone" }, "prices": {} }
            ] },
            { "id": "a", "name": "A", "api_pattern": "a", "fallback_model_providers": ["b"], "models": [
                { "id": "m", "match": { "equals": "m" }, "prices": {}, "context_window": 8 }
            ] }
        ]);
        let [vendors, models] = excerpt(&list.to_string()).unwrap();
        let vendors: Value = serde_json::from_str(&vendors).unwrap();
        assert_eq!(vendors[0], json!({ "id": "b", "name": "B", "api_pattern": "b" }));
        assert_eq!(vendors[1]["fallback_model_providers"], json!(["b"]));
        let lines: Vec<Value> = models.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(models.starts_with(r#"{"id":"b","#), "found by how its line begins: {models}");
        assert_eq!(
            lines[0]["models"],
            json!([
                { "id": "m", "match": { "equals": "m" }, "prices": { "input_mtok": 1 }, "context_window": 8 },
                { "id": "alone", "match": { "equals": "alone" }, "prices": {} }
            ])
        );
    }
}
