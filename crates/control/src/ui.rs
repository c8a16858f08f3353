//! The window's files, built from `ui/` and carried in the binary.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::refusal::no_such_path;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Files;

/// Nothing from elsewhere, nothing inline but styles, and in no one's frame.
const POLICY: &str = "default-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Files with a hash of their content in their name never change.
const HASHED: &str = "assets/";
/// What build.rs writes into the page that stands in for a window that was not built.
const NOT_BUILT: &[u8] = b"content=\"window-not-built\"";

/// Whether this binary carries the window, and not only the page that says how to build it.
#[must_use]
pub fn is_built() -> bool {
    Files::get("index.html")
        .is_some_and(|page| !page.data.windows(NOT_BUILT.len()).any(|part| part == NOT_BUILT))
}

/// Whether the path is one of the window's files.
pub(crate) fn has(path: &str) -> bool {
    find(path).is_some()
}

fn find(path: &str) -> Option<(&str, EmbeddedFile)> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    // A path is a name in the bundle, never a way through directories.
    let plain = !name.split('/').any(|part| part.is_empty() || part.starts_with('.'));
    plain.then(|| Files::get(name)).flatten().map(|file| (name, file))
}

/// Answers with a file of the window, or says that there is none.
pub(crate) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let Some((name, file)) = find(uri.path()).filter(|_| matches!(method, Method::GET | Method::HEAD)) else {
        return no_such_path(uri).await.into_response();
    };
    let tag = tag(&file);
    let cache = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen == tag.as_str()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = file.data.into_response();
        if let Ok(kind) = HeaderValue::from_str(&content_type(file.metadata.mimetype())) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn tag(file: &EmbeddedFile) -> String {
    let hash: String =
        file.metadata.sha256_hash().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}

fn content_type(kind: &str) -> String {
    let text = kind.starts_with("text/") || kind.ends_with("javascript") || kind.ends_with("json");
    if text { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}
