//! Moves of traffic between parts of the map, and their way home.
//!
//! A shift has a share: the percentage of its origin's traffic that goes elsewhere. The share changes in steps, each
//! watched; a plan compares it with the request's (or its conversation's) place in the hundred.

use serde::{Deserialize, Serialize};
use switchyard_domain::map::{RouteIx, RoutingMap};
use switchyard_domain::operate::{DistributionView, SetDistribution, ShiftView, StartShift};
use switchyard_domain::{Now, Problem};

use crate::fleet::Change;

/// Everything about shifts that outlives a restart. Times are UTC epoch milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SavedShifts {
    /// The number of the next shift.
    pub next_id: u64,
}

/// A person's word on a shift.
#[derive(Clone, Debug, PartialEq)]
pub enum ShiftCommand {
    /// Begin one.
    Start(StartShift),
    /// Bring it home in steps, now.
    Failback {
        /// The shift; the only one when absent.
        shift: Option<u64>,
        /// In one step.
        at_once: bool,
    },
    /// Let it stand still, or go on.
    Hold {
        /// The shift; the only one when absent.
        shift: Option<u64>,
        /// False lets it go on.
        held: bool,
    },
    /// Split traffic by weights.
    Distribute(SetDistribution),
}

/// The shifts under way.
#[derive(Debug, Default)]
pub struct Shifts {}

impl Shifts {
    /// Takes a new map: shifts of what is gone end.
    pub(crate) fn remap(&mut self, _map: &RoutingMap) {}

    /// Share of a route's traffic that goes elsewhere, percent.
    #[must_use]
    pub fn shifted_percent(&self, _map: &RoutingMap, _route: RouteIx) -> Option<u32> {
        None
    }

    /// What is shown.
    #[must_use]
    pub fn view(&self, _now: Now) -> Vec<ShiftView> {
        Vec::new()
    }

    /// What is shown of weights.
    #[must_use]
    pub fn distribution(&self, _now: Now) -> Option<DistributionView> {
        None
    }

    /// What outlives a restart.
    #[must_use]
    pub fn save(&self, _now: Now) -> SavedShifts {
        SavedShifts::default()
    }
}

impl crate::Fleet {
    /// Does what a person says about shifts.
    ///
    /// # Errors
    /// A problem that names what is wrong and the fix; then nothing has changed.
    pub fn command_shift(
        &mut self,
        _map: &RoutingMap,
        _command: ShiftCommand,
        _actor: &str,
        _reason: Option<&str>,
        _now: Now,
    ) -> Result<(Option<u64>, Vec<Change>), Problem> {
        Ok((None, Vec::new()))
    }

    /// Takes back what outlived a restart.
    pub fn restore_shifts(&mut self, _map: &RoutingMap, _saved: SavedShifts, _now: Now) {}

    pub(crate) fn tick_shifts(&mut self, _map: &RoutingMap, _now: Now) -> Vec<Change> {
        Vec::new()
    }
}
