//! Where a route's requests go, and what they carry besides the body.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::super::address::normalized;
use super::super::defaults::Defaults;
use super::super::fault::Path;
use super::super::preset::{Layout, Preset};
use super::super::proven::Timeouts;
use super::super::raw::{RawProvider, RawRoute, RawTimeouts};
use super::super::variables::expand;
use super::Proof;
use super::place::Named;

/// Callers' headers that no map can have passed on: keys of all kinds, and what belongs to one connection.
const NEVER_FORWARDED: [&str; 22] = [
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-security-token",
    "x-api-key",
    "x-goog-api-key",
];

/// Headers that hold a key.
const HOLD_KEYS: [&str; 7] = [
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-amz-security-token",
    "x-api-key",
    "x-goog-api-key",
];

/// Whether it is a header's name (RFC 9110, 5.6.2).
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl Proof<'_> {
    /// The base URL as written on the route or its provider, if it is.
    pub(super) fn written_base_url(&mut self, raw: &RawRoute, named: Named<'_>, path: &Path) -> Option<Url> {
        let at = path.field("baseUrl");
        let written = raw.base_url.as_deref().or_else(|| named.declared.and_then(|p| p.base_url.as_deref()));
        let Some(written) = written else {
            let missing = match named.preset {
                None => {
                    Some(format!("Missing. `{}` is not a known provider, so write its base URL.", named.name))
                }
                Some(Preset { layout: Layout::Account, .. }) => Some(
                    "Missing. Write your resource's address, for example https://NAME.openai.azure.com."
                        .into(),
                ),
                Some(_) => None,
            };
            if let Some(message) = missing.filter(|_| raw.provider.is_some() && !self.has_fault_at(&at)) {
                self.fault(&at, message);
            }
            return None;
        };
        let text = expand(written, self.variables, &at, &mut self.faults)?;
        // The text may hold a secret after expansion, so messages show only what was written.
        match Url::parse(&text) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                self.fault(&at, format!("`{written}` must start with http:// or https://."));
                None
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => {
                self.fault(&at, format!("`{written}` has no host."));
                None
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                self.fault(&at, format!("`{written}` must not have a query or fragment."));
                None
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.fault(
                    &at,
                    "A base URL must not hold a user name or password. Store the key as a credential.",
                );
                None
            }
            Ok(url) => Some(normalized(url)),
            Err(error) => {
                self.fault(&at, format!("`{written}` is not a URL ({error}). Write https://host/path."));
                None
            }
        }
    }

    pub(super) fn headers(
        &mut self,
        raw: &RawRoute,
        declared: Option<&RawProvider>,
        path: &Path,
    ) -> Vec<(String, String)> {
        let mut merged: BTreeMap<String, String> = BTreeMap::new();
        for headers in [declared.and_then(|p| p.headers.as_ref()), raw.headers.as_ref()].into_iter().flatten()
        {
            merged.extend(headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
        }
        let at = path.field("headers");
        let mut out = Vec::new();
        for (name, value) in merged {
            if !is_header_name(&name) {
                self.fault(&at.field(&name), "Not a header name. Use letters, digits and hyphens.");
            } else if matches!(name.as_str(), "host" | "content-length" | "transfer-encoding" | "connection")
            {
                self.fault(&at.field(&name), "This header is set by the router. Remove it.");
            } else if HOLD_KEYS.contains(&name.as_str()) && !value.contains("${") {
                self.fault(
                    &at.field(&name),
                    "A key written into a map lies in every copy of it. Store it with `switchyard credential set NAME` \
                     and write ${NAME}, or leave the header out and name a `credential`.",
                );
            } else if let Some(value) = expand(&value, self.variables, &at.field(&name), &mut self.faults) {
                if value.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b)) {
                    out.push((name, value));
                } else {
                    self.fault(&at.field(&name), "The value has characters a header can't carry.");
                }
            }
        }
        out
    }

    /// Names of callers' headers to be passed on, in small letters.
    pub(super) fn forward_headers(
        &mut self,
        raw: &RawRoute,
        declared: Option<&RawProvider>,
        path: &Path,
    ) -> Vec<String> {
        let mut names = BTreeSet::new();
        let written = [declared.and_then(|p| p.forward_headers.as_ref()), raw.forward_headers.as_ref()];
        for (index, name) in written.into_iter().flatten().flat_map(|list| list.iter().enumerate()) {
            let name = name.trim().to_ascii_lowercase();
            let at = path.field("forwardHeaders").index(index);
            if !is_header_name(&name) {
                self.fault(&at, "Not a header name. Use letters, digits and hyphens.");
            } else if NEVER_FORWARDED.contains(&name.as_str()) || name.starts_with("x-switchyard-") {
                let message = format!(
                    "`{name}` is never passed on: it belongs to the caller's connection or holds its key. To pass on a \
                     caller's own key write \"auth\": \"passthrough\"."
                );
                self.fault(&at, message);
            } else {
                names.insert(name);
            }
        }
        names.into_iter().collect()
    }

    pub(super) fn timeouts(
        &mut self,
        own: Option<&RawTimeouts>,
        providers: Option<&RawTimeouts>,
        path: &Path,
    ) -> Timeouts {
        let layers = [own, providers, self.raw.timeouts.as_ref()];
        let pick =
            |get: fn(&RawTimeouts) -> Option<u64>| layers.iter().flatten().find_map(|layer| get(layer));
        let timeouts = Timeouts {
            connect_ms: pick(|t| t.connect_ms).unwrap_or(Defaults::CONNECT_MS),
            first_byte_ms: pick(|t| t.first_byte_ms),
            first_token_ms: pick(|t| t.first_token_ms),
            reasoning_ms: pick(|t| t.reasoning_ms),
            keep_alive_ms: pick(|t| t.keep_alive_ms),
            idle_ms: pick(|t| t.idle_ms),
            idle_with_tools_ms: pick(|t| t.idle_with_tools_ms),
            tool_call_ms: pick(|t| t.tool_call_ms),
            answer_ms: pick(|t| t.answer_ms),
            body_ms: pick(|t| t.body_ms),
            total_ms: pick(|t| t.total_ms),
        };
        if let Some(total) = timeouts.total_ms.filter(|total| *total < timeouts.connect_ms) {
            let message =
                format!("{total} ms is shorter than connectMs ({} ms). Raise it.", timeouts.connect_ms);
            self.fault(&path.field("timeouts").field("totalMs"), message);
        }
        timeouts
    }
}
