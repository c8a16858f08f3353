//! The running router. The only room that talks upstream.
