use switchyard_domain::FailureKind as K;

use super::world::{after, failure};
use crate::classify::{Condemns as C, LONGEST_COOLDOWN_MS, Next as N, Source as S, classify};

/// kind, source, condemns, next, counts for the breaker, cooldown, reached the upstream.
type Row = (K, S, C, N, bool, Option<u64>, bool);

const ROWS: [Row; 35] = [
    (K::Dns, S::LocalNetwork, C::Route, N::NextRoute, true, None, false),
    (K::Connect, S::Route, C::Route, N::NextRoute, true, None, false),
    (K::ConnectTimeout, S::Route, C::Route, N::NextRoute, true, None, false),
    (K::Tls, S::Route, C::Route, N::NextRoute, true, None, false),
    (K::FirstByteTimeout, S::Route, C::Route, N::NextRoute, true, None, true),
    (K::FirstTokenTimeout, S::Route, C::Route, N::NextRoute, true, None, true),
    (K::IdleTimeout, S::Route, C::Route, N::NextRoute, true, None, true),
    (K::DeadlineExceeded, S::Route, C::Attempt, N::NextRoute, false, None, true),
    (K::Reset, S::Route, C::Route, N::RetryHere, true, None, true),
    (K::Cut, S::Route, C::Route, N::RetryHere, true, None, true),
    (K::Malformed, S::Route, C::Route, N::NextRoute, true, None, true),
    (K::Unreadable, S::Router, C::Attempt, N::OneOtherRoute, false, None, true),
    (K::EmptyBody, S::Route, C::Route, N::RetryHere, true, None, true),
    (K::Html, S::LocalNetwork, C::Route, N::NextRoute, true, None, false),
    (K::Redirect, S::LocalNetwork, C::Route, N::NextRoute, true, None, false),
    (K::InBandError, S::Route, C::Route, N::RetryHere, true, None, true),
    (K::RateLimited, S::Credential, C::Key, N::NextKey, false, Some(5_000), true),
    (K::Overloaded, S::Route, C::Route, N::RetryHere, true, None, true),
    (K::ServerError, S::Route, C::Route, N::RetryHere, true, None, true),
    (K::UpstreamTimeout, S::Route, C::Route, N::RetryHere, true, None, true),
    (K::KeyRejected, S::Credential, C::Key, N::NextKey, false, None, true),
    (K::Forbidden, S::Credential, C::Key, N::NextKey, false, Some(300_000), true),
    (K::Unpaid, S::Account, C::Account, N::NextRoute, false, None, true),
    (K::CredentialMissing, S::Credential, C::Nothing, N::NextRoute, false, None, false),
    (K::ModelNotFound, S::Route, C::Model, N::NextRoute, false, Some(60_000), true),
    (K::EndpointNotFound, S::Route, C::Route, N::NextRoute, true, None, true),
    (K::BadRequest, S::Client, C::Nothing, N::Answer, false, None, true),
    (K::ContextLength, S::Client, C::Nothing, N::NextRoute, false, None, true),
    (K::TooLarge, S::Client, C::Nothing, N::NextRoute, false, None, true),
    (K::ContentFilter, S::Client, C::Nothing, N::Answer, false, None, true),
    (K::NotTranslatable, S::Client, C::Attempt, N::NextRoute, false, None, false),
    (K::ClientAborted, S::Client, C::Nothing, N::Answer, false, None, false),
    (K::NoRoute, S::Router, C::Attempt, N::NextRoute, false, None, false),
    (K::Paused, S::Router, C::Attempt, N::NextRoute, false, None, false),
    (K::Internal, S::Router, C::Attempt, N::NextRoute, false, None, false),
];

#[test]
fn every_kind_of_failure_has_its_verdict() {
    let mut seen = std::collections::HashSet::new();
    for (kind, source, condemns, next, counts, cooldown, reached) in ROWS {
        assert!(seen.insert(kind), "{} stands twice in the table", kind.as_str());
        let verdict = classify(&failure(kind));
        let got = (
            verdict.source,
            verdict.condemns,
            verdict.next,
            verdict.counts_for_breaker,
            verdict.cooldown_ms,
            verdict.reached_upstream,
        );
        assert_eq!(got, (source, condemns, next, counts, cooldown, reached), "{}", kind.as_str());
    }
}

#[test]
fn retry_after_is_a_cooldown_of_the_target_and_never_longer_than_five_minutes() {
    for kind in [K::Overloaded, K::ServerError, K::UpstreamTimeout] {
        let verdict = classify(&after(kind, 2_000));
        assert_eq!((verdict.next, verdict.cooldown_ms), (N::NextRoute, Some(2_000)), "{}", kind.as_str());
        assert!(verdict.counts_for_breaker);
    }
    assert_eq!(classify(&after(K::RateLimited, 2_000)).cooldown_ms, Some(2_000));
    assert_eq!(classify(&after(K::RateLimited, 86_400_000)).cooldown_ms, Some(LONGEST_COOLDOWN_MS));
    assert_eq!(classify(&after(K::RateLimited, 0)).cooldown_ms, Some(5_000));
    assert_eq!(classify(&after(K::Overloaded, 0)).next, N::RetryHere);
    assert_eq!(classify(&after(K::BadRequest, 2_000)).cooldown_ms, None);
}

#[test]
fn what_a_caller_did_never_enters_a_routes_error_rate() {
    for (kind, source, ..) in ROWS {
        let tells = classify(&failure(kind)).tells_of_target();
        assert!(!(tells && source == S::Client), "{} is the caller's", kind.as_str());
    }
}
