//! Whose a failure may be, by its kind: the provider's, or the way's to it.

use switchyard_domain::{Failure, FailureKind};

/// `511 Network Authentication Required`: what a captive portal should answer (RFC 6585, section 6).
const SIGN_IN_FIRST: u16 = 511;

/// What a failure may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureOrigin {
    /// The provider: it answered, or the fault lies with the request, the key or this router.
    Provider,
    /// The provider or a connection that died.
    Connection,
    /// The provider or the way to it.
    Way,
}

impl FailureOrigin {
    pub(super) fn failure(failure: &Failure) -> Self {
        use FailureKind as K;
        if failure.status == Some(SIGN_IN_FIRST) {
            return Self::Way;
        }
        match failure.kind {
            K::Dns | K::Connect | K::ConnectTimeout | K::Tls | K::Html | K::Redirect => Self::Way,
            K::FirstByteTimeout | K::FirstTokenTimeout | K::IdleTimeout | K::Reset | K::Cut => {
                Self::Connection
            }
            K::DeadlineExceeded
            | K::Malformed
            | K::Unreadable
            | K::EmptyBody
            | K::InBandError
            | K::RateLimited
            | K::Overloaded
            | K::ServerError
            | K::UpstreamTimeout
            | K::KeyRejected
            | K::Forbidden
            | K::Unpaid
            | K::CredentialMissing
            | K::ModelNotFound
            | K::EndpointNotFound
            | K::BadRequest
            | K::ContextLength
            | K::TooLarge
            | K::ContentFilter
            | K::NotTranslatable
            | K::ClientAborted
            | K::NoRoute
            | K::Paused
            | K::BudgetExhausted
            | K::Shed
            | K::AllOff
            | K::Offline
            | K::Internal => Self::Provider,
        }
    }
}

/// Whether a failure may be of the network: nothing of it came from the provider's own HTTP.
#[must_use]
pub fn may_be_the_networks(failure: &Failure) -> bool {
    FailureOrigin::failure(failure) != FailureOrigin::Provider
}

/// Whether a failure came as an HTTP answer of the provider's own: then the network carried it.
pub(crate) fn is_an_answer(failure: &Failure) -> bool {
    failure.status.is_some() && FailureOrigin::failure(failure) == FailureOrigin::Provider
}
