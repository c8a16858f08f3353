//! The key of Google's clients, which they send in a header of their own or in the query.

use http::HeaderValue;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::walk::header_names::GOOG_API_KEY;

/// Takes the key of `?key=` into the header, where keys are looked for and nothing repeats them.
pub(super) fn take_key(parts: &mut Parts) {
    if parts.headers.contains_key(&GOOG_API_KEY) {
        return;
    }
    let query = parts.uri.query().unwrap_or_default();
    let Some(key) = query.split('&').find_map(|pair| pair.strip_prefix("key=")) else { return };
    let key: Vec<u8> = percent_decode_str(key).collect();
    if let Ok(mut key) = HeaderValue::from_bytes(&key) {
        key.set_sensitive(true);
        parts.headers.insert(&GOOG_API_KEY, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_query_stands_in_the_header_and_shows_nowhere() {
        let parts = |target: &str, own: Option<&str>| {
            let request = http::Request::get(target);
            let request = own.iter().fold(request, |request, own| request.header(&GOOG_API_KEY, *own));
            let mut parts = request.body(()).unwrap().into_parts().0;
            take_key(&mut parts);
            parts.headers
        };
        let headers = parts("/v1beta/models?alt=sse&key=sy_1%32", None);
        assert_eq!(headers[&GOOG_API_KEY], "sy_12");
        assert!(!format!("{headers:?}").contains("sy_12"));
        assert_eq!(parts("/v1beta/models?key=b", Some("a"))[&GOOG_API_KEY], "a");
        assert!(parts("/v1beta/models?monkey=b", None).is_empty());
    }
}
