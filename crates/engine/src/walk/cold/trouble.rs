//! Trouble with the database, told once: a full disk is met by every write, and a log that says so sixty times a second
//! fills the rest of it.

use std::sync::Mutex;

use switchyard_domain::event::EventKind;
use switchyard_store::StoreError;

use crate::core::clock;
use crate::core::{Core, lock};

/// The trouble there is, by its code.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    code: Mutex<Option<&'static str>>,
}

impl Trouble {
    /// Notes trouble; says whether it is news.
    fn is_news(&self, code: &'static str) -> bool {
        lock(&self.code).replace(code) != Some(code)
    }

    /// Notes that a write went through; says whether there was trouble before.
    fn is_over(&self) -> bool {
        lock(&self.code).take().is_some()
    }

    /// A write of the queue's failed.
    pub(super) fn failed(&self, error: &StoreError) {
        if self.is_news(error.code()) {
            tracing::error!(code = error.code(), %error, "the queue can't be written; trying again until it can");
        }
    }

    /// A write of the queue's went through.
    pub(super) fn worked(&self) {
        if self.is_over() {
            tracing::info!("the queue can be written again");
        }
    }

    /// Looks whether the database file is still there, and says so once when it isn't: what is queued into a removed
    /// file is lost with the process, so nothing more is promised ([`StoreError::Gone`]).
    pub(crate) fn look_for_file(&self, core: &Core) {
        if core.store.is_in_place() {
            return;
        }
        let error = StoreError::Gone { path: core.store.path().to_owned() };
        if self.is_news(error.code()) {
            tracing::error!(code = error.code(), "{error}");
            let what = EventKind::CauseFound { code: error.code().to_owned(), cause: error.to_string() };
            core.bus.emit(what, clock::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble;

    #[test]
    fn the_same_trouble_is_news_once_until_it_is_over() {
        let trouble = Trouble::default();
        assert_eq!([trouble.is_news("disk_full"), trouble.is_news("disk_full")], [true, false]);
        assert!(trouble.is_news("database_locked"), "another trouble is news");
        assert_eq!([trouble.is_over(), trouble.is_over()], [true, false]);
        assert!(trouble.is_news("database_locked"), "it came back");
    }
}
