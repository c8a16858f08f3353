//! What is known of a route's abilities besides what the map says.

use switchyard_domain::FeatureSet;

/// What is known of a route's abilities, from its preset, its model and its last compatibility check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What it can't do.
    pub lacks: FeatureSet,
    /// Tokens of prompt and answer its model takes.
    pub context_window: Option<u64>,
    /// How its last compatibility check went.
    pub check: Check,
}

/// How a route's last compatibility check went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// It was never checked as it is now.
    #[default]
    Never,
    /// Everything it claims to do worked.
    Passed,
    /// Something it needs did not work.
    Failed,
}
