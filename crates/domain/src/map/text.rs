//! Text to a JSON value, from JSON or YAML.

mod twice;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::fault::Fault;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON.
    Json,
    /// YAML 1.2.
    Yaml,
}

impl Format {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }

    /// JSON when the first character says so (`{` or `[`), else YAML.
    #[must_use]
    pub fn detect(document: &str) -> Self {
        if document.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']) {
            Self::Json
        } else {
            Self::Yaml
        }
    }
}

pub(super) fn parse(document: &str, format: Format) -> Result<Value, Fault> {
    let document = document.trim_start_matches('\u{feff}');
    if document.trim().is_empty() {
        return Err(Fault::new("", "The document is empty. The smallest map has `hot`, `warm` and `cold`."));
    }
    let value: Value = match format {
        Format::Json => {
            let value = serde_json::from_str(document).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                Fault::new("", format!("This is not valid JSON: line {line}, column {column}: {error}"))
            })?;
            // serde_json takes the last one, and whoever wrote the first would wonder.
            if let Some(fault) = twice::written_twice(document) {
                return Err(fault);
            }
            value
        }
        Format::Yaml => serde_saphyr::from_str(document).map_err(|error| {
            let said = format!("This is not valid YAML: {error}");
            // `.nan` and `.inf`.
            let fix = if said.contains("non-finite") { "\nWrite a number there." } else { "" };
            Fault::new("", said + fix)
        })?,
    };
    if value.is_object() {
        Ok(value)
    } else {
        Err(Fault::new("", "A map is an object with `hot`, `warm` and `cold`."))
    }
}
