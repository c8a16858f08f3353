//! Whom Bedrock lets in: requests signed with an access key, or the bearer of a Bedrock API key.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html>

use http::header::AUTHORIZATION;

use crate::ask::Refusal;
use crate::clock;
use crate::exchange::Arrived;
use crate::profile::{Dialect, KeyState};
use crate::provider::Provider;
use crate::refusals;
use crate::sigv4::{self, Signed};

/// Checks who asks. The profile's `keys` are API keys; what is thought of an access key goes by its id.
pub(crate) fn check_access(arrived: &Arrived, provider: &Provider) -> Result<(), Refusal> {
    let dialect = arrived.endpoint.dialect;
    let authorization = arrived.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(key) = authorization.and_then(|value| value.strip_prefix("Bearer ")) {
        let unknown = Refusal::new(403, "Authentication failed: Please make sure your API Key is valid.");
        return judge(provider.key_state(Some(key)), unknown, dialect);
    }
    let signed = Signed {
        method: arrived.method.as_str(),
        path: &arrived.path,
        query: &arrived.endpoint.query,
        headers: &arrived.headers,
        body: &arrived.bytes,
    };
    signed.verify(&provider.profile().aws_keys, clock::unix_s())?;
    let opinion = sigv4::access_key_id(&arrived.headers).and_then(|id| provider.key_opinion(id));
    let unknown = Refusal::new(403, "The security token included in the request is invalid.");
    judge(opinion.unwrap_or(KeyState::Good), unknown.code("UnrecognizedClientException"), dialect)
}

fn judge(state: KeyState, unknown: Refusal, dialect: Dialect) -> Result<(), Refusal> {
    match state {
        KeyState::Revoked => Err(unknown),
        KeyState::Unpaid => Err(Refusal::new(
            403,
            "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must be provided. \
             Your AWS Marketplace subscription for this model cannot be completed at this time.",
        )),
        KeyState::Good | KeyState::RateLimited { .. } => refusals::key(dialect, state, true),
    }
}
