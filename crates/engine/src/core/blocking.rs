//! Work whose time grows with a body, kept off the threads that route.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Up to so many bytes the work is done where it stands: reading and translating cost some milliseconds a megabyte, and
/// moving a thread's other tasks elsewhere costs more than a fraction of one.
const IN_PLACE_BYTES: usize = 128 * 1024;

/// Does work over `bytes` bytes; where they are many, this thread's other tasks go on elsewhere meanwhile.
pub(crate) fn run<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let can_move = || Handle::try_current().is_ok_and(|at| at.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes > IN_PLACE_BYTES && can_move() { tokio::task::block_in_place(work) } else { work() }
}
