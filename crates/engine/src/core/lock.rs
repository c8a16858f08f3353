//! Locking.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere does not stop the router, since each holder leaves the state whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
