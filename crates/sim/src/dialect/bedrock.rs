//! Amazon Bedrock's Converse and `ConverseStream`.
//!
//! After <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>.

mod access;
mod errors;
mod frames;
mod media;
mod models;
mod read;
mod rules;
mod thinking;
mod write;

use serde_json::{Value, json};

pub(crate) use access::check_access;
pub(crate) use errors::reason;
pub(super) use errors::{error_body, error_event, error_headers, malformed_event, misfit};
pub(super) use models::{model, models};
pub(super) use read::read;
pub(super) use write::{events, whole};

use crate::endpoint::{Endpoint, Operation};
use crate::schema::Schema;

static CONVERSE: Schema = Schema::new(include_str!("../../schemas/bedrock-converse.json"));

pub(super) fn schema(endpoint: &Endpoint) -> Option<&'static Schema> {
    match endpoint.operation {
        Operation::Complete | Operation::Stream => Some(&CONVERSE),
        Operation::CountTokens
        | Operation::Embed
        | Operation::BatchEmbed
        | Operation::Models
        | Operation::Model
        | Operation::Token
        | Operation::Unknown => None,
    }
}

pub(super) fn token_count(tokens: usize) -> Value {
    json!({ "inputTokens": tokens })
}

/// Whether a model of this id is one of Anthropic's, whatever region or profile it is called through.
fn is_claude(model: &str) -> bool {
    model.contains("anthropic") || model.contains("claude")
}
