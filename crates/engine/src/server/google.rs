//! The key of Google's clients, which they send in a header of their own or in the query.

use http::request::Parts;
use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

/// The header Google's clients send their key in.
pub(super) const KEY: &str = "x-goog-api-key";

/// Takes the key of `?key=` into the header, where keys are looked for and nothing repeats them.
pub(super) fn take_key(parts: &mut Parts) {
    if parts.headers.contains_key(KEY) {
        return;
    }
    let query = parts.uri.query().unwrap_or_default();
    let Some(key) = query.split('&').find_map(|pair| pair.strip_prefix("key=")) else { return };
    let key: Vec<u8> = percent_decode_str(key).collect();
    if let Ok(mut key) = HeaderValue::from_bytes(&key) {
        key.set_sensitive(true);
        parts.headers.insert(HeaderName::from_static(KEY), key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_query_stands_in_the_header_and_shows_nowhere() {
        let parts = |target: &str, own: Option<&str>| {
            let request = http::Request::get(target);
            let request = own.iter().fold(request, |request, own| request.header(KEY, *own));
            let mut parts = request.body(()).unwrap().into_parts().0;
            take_key(&mut parts);
            parts.headers
        };
        let headers = parts("/v1beta/models?alt=sse&key=sy_1%32", None);
        assert_eq!(headers[KEY], "sy_12");
        assert!(!format!("{headers:?}").contains("sy_12"));
        assert_eq!(parts("/v1beta/models?key=b", Some("a"))[KEY], "a");
        assert!(parts("/v1beta/models?monkey=b", None).is_empty());
    }
}
