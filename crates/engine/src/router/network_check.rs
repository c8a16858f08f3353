//! A look at this machine's network, by hand.

use switchyard_domain::network::NetworkView;

use super::Router;
use crate::watch::network;

impl Router {
    /// This machine's network as it was last judged.
    #[must_use]
    pub fn network(&self) -> NetworkView {
        network::now(&self.state.watch.network)
    }

    /// Looks at the network now. With only local routes nothing is asked.
    pub async fn check_network(&self) -> NetworkView {
        network::look_by_hand(&self.state.watch.network).await;
        network::now(&self.state.watch.network)
    }
}
