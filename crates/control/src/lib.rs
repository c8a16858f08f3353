//! The one control API: an axum Router with an OpenAPI document.
