//! What people's operations keep, beside the floors below.

use std::sync::{Arc, Mutex};

use switchyard_domain::operate::Overrides;

use crate::core::Core;
use crate::walk::Walk;
use crate::watch::Watch;

/// The whole router's state.
#[derive(Debug)]
pub(crate) struct RouterState {
    pub(crate) core: Arc<Core>,
    pub(crate) walk: Arc<Walk>,
    pub(crate) watch: Arc<Watch>,
    /// What the shell sets for maps.
    pub(super) variables: Vec<(String, String)>,
    /// Held while a map is applied: the version kept last is the one that runs.
    pub(super) applying: tokio::sync::Mutex<()>,
    /// What people have overridden, as it is kept. Held while it changes; the fleet goes by a copy.
    pub(super) overrides: tokio::sync::Mutex<Overrides>,
    /// Held while the shifts are written: what was written last is what stands.
    pub(super) shifts_kept: tokio::sync::Mutex<()>,
    /// Whether the keychain worked when it was last read.
    pub(super) keychain_was: Mutex<Option<bool>>,
}

impl RouterState {
    /// Before anything is restored.
    pub(super) fn new(watch: Arc<Watch>, variables: Vec<(String, String)>) -> Self {
        Self {
            core: Arc::clone(&watch.core),
            walk: Arc::clone(&watch.walk),
            watch,
            variables,
            applying: tokio::sync::Mutex::default(),
            overrides: tokio::sync::Mutex::default(),
            shifts_kept: tokio::sync::Mutex::default(),
            keychain_was: Mutex::default(),
        }
    }
}
