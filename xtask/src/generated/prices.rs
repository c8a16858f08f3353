//! The price list the router carries: the data bundled with `genai-prices`, cut down to what is asked of it and into
//! pieces, so that a router reads the lines of its own providers and never the whole list.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::command::Cmd;

/// The crate whose data it is.
const CRATE: &str = "genai-prices";

/// Who there is, by API address: an array of providers without models.
const VENDORS: &str = "crates/prices/data/vendors.json";

/// The same providers with their models, one a line.
const MODELS: &str = "crates/prices/data/models.jsonl";

/// What finds a provider, in the order it is written; what the models are asked about follows. Numbers keep their
/// spelling: a price read and written again may be another one.
#[derive(Clone, Deserialize, Serialize)]
struct Provider {
    id: String,
    name: String,
    api_pattern: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_match: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fallback_model_providers: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    models: Vec<Model>,
}

/// What finds a model, prices it and says how much it takes.
#[derive(Clone, Deserialize, Serialize)]
struct Model {
    id: String,
    r#match: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<Box<RawValue>>,
    /// Other prices by service tier or batch, over the standard ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_variants: Option<Box<RawValue>>,
}

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
    let mut list: Vec<Provider> = serde_json::from_str(text)?;
    lend_windows(&mut list);
    let mut models = String::new();
    for provider in &mut list {
        models.push_str(&serde_json::to_string(provider)?);
        models.push('\n');
        provider.models.clear();
    }
    Ok([serde_json::to_string_pretty(&list)?, models])
}

/// Where a provider is silent on a model's window, whoever else serves it is believed.
fn lend_windows(list: &mut [Provider]) {
    let mut known = HashMap::new();
    for model in list.iter().flat_map(|provider| &provider.models) {
        if let Some(window) = model.context_window {
            known.entry(model.id.clone()).or_insert(window);
        }
    }
    for model in list.iter_mut().flat_map(|provider| &mut provider.models) {
        model.context_window = model.context_window.or_else(|| known.get(&model.id).copied());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_excerpt_keeps_what_is_asked_for_and_lends_windows_between_namesakes() {
        let list = r#"[
            {"id":"b","name":"B","api_pattern":"b","extractors":[1],"models":[
                {"id":"m","name":"M","match":{"equals":"m"},"prices":{"input_mtok":0.140},
                 "price_variants":[{"when":{"processing":"batch"},"prices":{"input_mtok":0.07}}]},
                {"id":"alone","match":{"equals":"alone"},"prices":{}}]},
            {"id":"a","name":"A","api_pattern":"a","fallback_model_providers":["b"],"models":[
                {"id":"m","match":{"equals":"m"},"prices":{},"context_window":8}]}
        ]"#;
        let [vendors, models] = excerpt(list).unwrap();
        let vendors: Value = serde_json::from_str(&vendors).unwrap();
        assert_eq!(
            vendors,
            json!([
                { "id": "b", "name": "B", "api_pattern": "b" },
                { "id": "a", "name": "A", "api_pattern": "a", "fallback_model_providers": ["b"] }
            ])
        );
        let lines: Vec<&str> = models.lines().collect();
        assert_eq!(
            lines[0],
            r#"{"id":"b","name":"B","api_pattern":"b","models":[{"id":"m","match":{"equals":"m"},"context_window":8,"prices":{"input_mtok":0.140},"price_variants":[{"when":{"processing":"batch"},"prices":{"input_mtok":0.07}}]},{"id":"alone","match":{"equals":"alone"},"prices":{}}]}"#,
            "found by how its line begins, its numbers as they were written"
        );
        assert_eq!(lines.len(), 2);
    }
}
