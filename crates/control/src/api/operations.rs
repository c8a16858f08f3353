//! Where the operations go: to the server that answers them, or into the document that describes them.
//!
//! Each is put together only where it is wanted. The document takes megabytes, and a router is seldom asked for it.

use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::{HttpMethod, OpenApi};

use super::AppState;

/// What `#[utoipa::path]` makes of a handler.
pub(crate) trait Documented: utoipa::Path + SchemaReferences + Tags<'static> {}

impl<P: utoipa::Path + SchemaReferences + Tags<'static>> Documented for P {}

/// Takes the operations, one after the other.
pub(crate) trait Operations: Sized {
    /// One more. `P` describes the handler.
    fn with<P, H, T>(self, handler: H) -> Self
    where
        P: Documented,
        H: Handler<T, AppState>,
        T: 'static;
}

impl Operations for axum::Router<AppState> {
    fn with<P, H, T>(self, handler: H) -> Self
    where
        P: Documented,
        H: Handler<T, AppState>,
        T: 'static,
    {
        let methods = P::methods().iter().map(filter).reduce(MethodFilter::or);
        match methods {
            Some(methods) => self.route(&P::path(), on(methods, handler)),
            None => self,
        }
    }
}

impl Operations for OpenApi {
    fn with<P, H, T>(mut self, _handler: H) -> Self
    where
        P: Documented,
        H: Handler<T, AppState>,
        T: 'static,
    {
        let mut operation = P::operation();
        operation.tags.get_or_insert_default().extend(P::tags().into_iter().map(str::to_owned));
        self.paths.add_path_operation(P::path(), P::methods(), operation);
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        self.components.get_or_insert_default().schemas.extend(schemas);
        self
    }
}

const fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}

/// Makes a file's `operations`, which adds its handlers: `operations![list, add];`
macro_rules! operations {
    [$($handler:ident),+ $(,)?] => {
        pastey::paste! {
            pub(super) fn operations<O: $crate::api::operations::Operations>(into: O) -> O {
                into$(.with::<[<__path_ $handler>], _, _>($handler))+
            }
        }
    };
}

pub(crate) use operations;
