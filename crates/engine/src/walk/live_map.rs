//! The running map with a way to each of its routes.

use std::ops::Deref;
use std::sync::Arc;

use switchyard_domain::map::RouteIx;

use crate::core::Running;
use crate::walk::upstream::Upstream;

/// The running map, and how each of its routes is called. A request keeps the one it came in under.
#[derive(Debug)]
pub(crate) struct LiveMap {
    pub(crate) running: Arc<Running>,
    /// By [`RouteIx`].
    pub(crate) upstreams: Vec<Upstream>,
}

impl LiveMap {
    pub(crate) fn upstream(&self, route: RouteIx) -> &Upstream {
        &self.upstreams[route.0]
    }
}

impl Deref for LiveMap {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}
