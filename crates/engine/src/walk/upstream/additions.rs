//! Members that this router adds to requests by itself. A provider that refuses one is asked again without it, and from
//! then on never with it. What a caller wrote is not ours to take away.

use std::sync::atomic::{AtomicU8, Ordering};

use switchyard_domain::map::Route;
use switchyard_domain::{Dialect, Failure, FailureKind, Operation};

use crate::walk::request::ProxyRequest;

/// A set of members that are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Additions(u8);

impl Additions {
    /// `stream_options.include_usage` of a chat stream: metering needs it.
    pub(super) const USAGE: Self = Self(1);
    /// `store: false` of a translated Responses request: nothing is left with a provider the caller did not choose.
    const STORE: Self = Self(2);
    /// `include` of a translated Responses request: the seal that takes reasoning from one tool call to the next.
    const INCLUDE: Self = Self(4);

    /// Each with its member, and the names it is refused by.
    const ALL: [(Self, &'static str, &'static [&'static str]); 3] = [
        (Self::USAGE, "stream_options", &["stream_options", "include_usage"]),
        (Self::STORE, "store", &["store"]),
        (Self::INCLUDE, "include", &["include", "reasoning.encrypted_content"]),
    ];

    /// What is added to a request to this route, and what is left out of it since its map or its provider does not want
    /// it.
    pub(super) fn of(route: &Route, request: &ProxyRequest, refused: Self) -> (Self, Self) {
        if request.operation != Operation::Complete {
            return (Self::default(), Self::default());
        }
        let dialect = route.dialect_for(request.dialect);
        let is_own = dialect == request.dialect;
        let all = match dialect {
            Dialect::OpenAiChat if !request.envelope.stream => Self::default(),
            Dialect::OpenAiChat if is_own && request.envelope.include_usage == Some(true) => Self::default(),
            Dialect::OpenAiChat => Self::USAGE,
            Dialect::OpenAiResponses if !is_own => Self::STORE.and(Self::INCLUDE),
            Dialect::OpenAiResponses
            | Dialect::AnthropicMessages
            | Dialect::Gemini
            | Dialect::BedrockConverse => Self::default(),
        };
        let unwanted = if route.usage_in_stream { refused } else { refused.and(Self::USAGE) };
        let added = all.without(unwanted);
        (added, all.without(added))
    }

    pub(super) const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }

    pub(super) const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    pub(super) const fn without(self, some: Self) -> Self {
        Self(self.0 & !some.0)
    }

    /// The members they stand in.
    pub(super) fn members(self) -> Vec<&'static str> {
        Self::ALL.iter().filter(|(one, ..)| self.has(*one)).map(|(_, member, _)| *member).collect()
    }

    /// Those of these that a refusal names.
    pub(super) fn refused_by(self, failure: &Failure) -> Option<Self> {
        let is_refusal = failure.kind == FailureKind::BadRequest && matches!(failure.status, Some(400 | 422));
        let named = |(one, _, names): &(Self, &str, &[&str])| {
            self.has(*one) && names.iter().any(|name| is_named(failure, name))
        };
        Self::ALL.into_iter().find(named).map(|(one, ..)| one).filter(|_| is_refusal)
    }
}

/// Whether a refusal names a member: as its parameter, or in its message as a name and not as a word of a sentence.
fn is_named(failure: &Failure, name: &str) -> bool {
    let is_member = |text: &str| {
        let text = text.strip_prefix("body.").unwrap_or(text);
        text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    if failure.param.as_deref().is_some_and(is_member) {
        return true;
    }
    if name.contains(['_', '.']) {
        return failure.message.contains(name);
    }
    ['\'', '"', '`'].iter().any(|quote| failure.message.contains(&format!("{quote}{name}{quote}")))
        || failure.message.rsplit([' ', ':']).next().is_some_and(|last| last.trim_end_matches('.') == name)
}

/// What a route has refused so far.
#[derive(Debug, Default)]
pub(super) struct Refused(AtomicU8);

impl Refused {
    pub(super) fn so_far(&self) -> Additions {
        Additions(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn note(&self, refused: Additions) {
        self.0.fetch_or(refused.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, param: Option<&str>, message: &str) -> Failure {
        let failure = Failure::new(FailureKind::BadRequest, message);
        Failure { status: Some(status), param: param.map(str::to_owned), ..failure }
    }

    #[test]
    fn a_refusal_of_what_was_added_is_known_by_the_name_it_gives() {
        let all = Additions(7);
        for (status, param, message, expected) in [
            (400, None, "Unrecognized request argument supplied: stream_options", Some(Additions::USAGE)),
            (422, Some("stream_options"), "Extra inputs are not permitted", Some(Additions::USAGE)),
            (400, Some("stream_options.include_usage"), "no", Some(Additions::USAGE)),
            (
                422,
                None,
                r#"[{"loc":["body","stream_options"],"msg":"Extra inputs"}]"#,
                Some(Additions::USAGE),
            ),
            (400, None, "json: unknown field \"include_usage\"", Some(Additions::USAGE)),
            (400, None, "Unknown parameter: 'store'.", Some(Additions::STORE)),
            (400, None, "Unsupported parameter: include", Some(Additions::INCLUDE)),
            (400, Some("include[0]"), "Encrypted content is not supported", Some(Additions::INCLUDE)),
            (400, None, "The vector store was not found", None),
            (400, None, "messages: must include a user turn", None),
            (400, Some("stream"), "must be a boolean", None),
            (500, None, "stream_options", None),
        ] {
            assert_eq!(all.refused_by(&refusal(status, param, message)), expected, "{message}");
        }
        assert_eq!(Additions::default().refused_by(&refusal(400, Some("store"), "no")), None, "not ours");
    }
}
