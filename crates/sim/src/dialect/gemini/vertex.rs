//! Whom Vertex AI lets in: the bearer of an access token, which the provider's own OAuth endpoint issues.

use http::header::AUTHORIZATION;
use serde_json::Value;

use crate::ask::Refusal;
use crate::clock;
use crate::exchange::Arrived;
use crate::google_token::{Denied, Standing, Terms};
use crate::profile::KeyState;
use crate::provider::Provider;
use crate::refusals;

const EXPECTED: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
     https://developers.google.com/identity/sign-in/web/devconsole-project.";

/// Answers `POST /token`.
pub(crate) fn token(arrived: &Arrived, provider: &Provider) -> Result<Value, Denied> {
    let profile = provider.profile();
    let terms = Terms {
        public_key: &profile.token_public_key,
        audience: format!("{}/token", provider.url()),
        lifetime_s: profile.token_lifetime_s,
    };
    provider.tokens(|office| office.issue(&arrived.bytes, &terms, clock::unix_s()))
}

/// Checks the token of a request to Vertex AI. A token among the profile's keys is good without having been
/// issued, and is judged as the key it is.
pub(crate) fn check_token(arrived: &Arrived, provider: &Provider) -> Result<(), Refusal> {
    let header = |name: &str| arrived.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    let Some(token) = bearer else {
        if header("x-goog-api-key").is_some() || arrived.endpoint.parameter("key").is_some() {
            let message = "API keys are not supported by this API. Expected OAuth2 access token or other \
                           authentication credentials that assert a principal. See \
                           https://cloud.google.com/docs/authentication";
            return Err(Refusal::new(401, message).code("CREDENTIALS_MISSING"));
        }
        let message = format!("Request is missing required authentication credential. {EXPECTED}");
        return Err(Refusal::new(401, message).code("CREDENTIALS_MISSING"));
    };
    let dialect = arrived.endpoint.dialect;
    let own_opinion = provider.key_opinion(token);
    match provider.tokens(|office| office.standing(token, clock::unix_s())) {
        Standing::Good => refusals::key(dialect, own_opinion.unwrap_or(KeyState::Good), true),
        Standing::Expired => Err(unauthenticated("ACCESS_TOKEN_EXPIRED")),
        Standing::Unknown => match own_opinion {
            Some(KeyState::Revoked) | None => Err(unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED")),
            Some(state) => refusals::key(dialect, state, true),
        },
    }
}

fn unauthenticated(reason: &'static str) -> Refusal {
    Refusal::new(401, format!("Request had invalid authentication credentials. {EXPECTED}")).code(reason)
}
