//! What the router asks of the operating system for its own process: room for connections, and no copies of its keys.

/// Descriptors for what is no connection of a caller or an upstream: the database's, the log, name servers, upstream
/// connections kept for later.
const RESERVED: u64 = 64;
/// A request under way has its caller's connection and its upstream's; and for each as many as may be under way, one
/// more caller's connection may wait for its next request.
const PER_REQUEST: u64 = 3;
/// The control API's share, and the most it ever needs: each window and each command takes one or two.
const CONTROL_SHARE: u64 = 8;
const MOST_CONTROL: u64 = 1_024;

/// How many connections and requests a process's descriptors allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Open connections of the control API.
    pub(crate) control_connections: usize,
    /// Requests under way, whatever the map says.
    pub(crate) in_flight: u32,
}

impl Budget {
    /// What this process may open now.
    pub(crate) fn of_this_process() -> Self {
        Self::of(descriptors())
    }

    fn of(descriptors: u64) -> Self {
        let control = (descriptors / CONTROL_SHARE).clamp(1, MOST_CONTROL);
        let in_flight = descriptors.saturating_sub(RESERVED + control) / PER_REQUEST;
        Self {
            control_connections: usize::try_from(control).unwrap_or(usize::MAX),
            in_flight: u32::try_from(in_flight.max(1)).unwrap_or(u32::MAX),
        }
    }

    /// Open connections of callers: two for each request that may be under way.
    pub(crate) fn proxy_connections(self, max_in_flight: u32) -> usize {
        usize::try_from(max_in_flight.min(self.in_flight)).unwrap_or(usize::MAX).saturating_mul(2)
    }
}

#[cfg(unix)]
fn descriptors() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
fn descriptors() -> u64 {
    u64::MAX
}

/// Prepares a process to be a router; to be called once, inside the runtime, before the start.
///
/// - It may open as many descriptors as the system lets it: the usual soft limits (1,024 on Linux, 256 on macOS) are
///   made for programs that use `select`, and half of the requests a map allows by default would exhaust them.
/// - A file that reaches a size limit is an error that is told, not the end of the process.
#[cfg(unix)]
pub fn prepare() {
    raise_descriptors();
    // Once heard, the signal doesn't end the process any more; the write that caused it fails with EFBIG.
    let size = tokio::signal::unix::SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    if let Err(error) = tokio::signal::unix::signal(size) {
        tracing::warn!(%error, "a file that reaches its size limit would end this process");
    }
}

/// Keeps the process's memory, which holds keys, from being dumped into a file when it crashes and from being read by
/// other programs of the same user, on Linux. Not for a program with a window: the desktop's portals look at the
/// processes that ask them.
pub fn hide_memory() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "other programs of this user can read this process's memory");
    }
}

/// There is nothing to ask for elsewhere.
#[cfg(not(unix))]
pub fn prepare() {}

#[cfg(unix)]
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// What macOS takes at most where the hard limit says "infinite" (OPEN_MAX, setrlimit(2)).
    const OPEN_MAX: u64 = 10_240;
    let found = getrlimit(Resource::Nofile);
    let raised =
        [found.maximum, Some(found.maximum.unwrap_or(u64::MAX).min(OPEN_MAX))].into_iter().find(|limit| {
            let more = limit.is_none_or(|limit| found.current.is_some_and(|current| limit > current));
            let asked = Rlimit { current: *limit, maximum: found.maximum };
            found.current.is_some() && more && setrlimit(Resource::Nofile, asked).is_ok()
        });
    let now = getrlimit(Resource::Nofile).current;
    tracing::info!(was = found.current, now, raised = raised.is_some(), "open files");
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_prepared_process_may_open_all_it_can_and_shows_its_memory_to_nobody() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        super::prepare();
        super::hide_memory();
        let files = getrlimit(Resource::Nofile);
        assert_eq!(files.current, files.maximum);
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn what_a_process_may_open_is_enough_for_what_it_takes_in() {
        for descriptors in [0, 64, 128, 256, 1_024, 4_096, 10_240, 1_048_576, u64::MAX] {
            let budget = Budget::of(descriptors);
            let in_flight = u64::from(budget.in_flight);
            let used =
                in_flight + budget.proxy_connections(u32::MAX) as u64 + budget.control_connections as u64;
            // Below a hundred there is room for nothing, and the router still takes one request at a time.
            assert!(used <= descriptors.max(4), "{descriptors}: {budget:?}");
            assert!(budget.in_flight > 0 && budget.control_connections > 0, "{descriptors}: {budget:?}");
        }
        assert_eq!(Budget::of(128), Budget { control_connections: 16, in_flight: 16 });
        assert!(Budget::of(4_096).in_flight >= 1_024, "the default fits what most systems allow");
        assert_eq!(Budget::of(1_048_576).proxy_connections(100), 200);
    }
}
