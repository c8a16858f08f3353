//! The file and the disk under the database: whether the file is still the one that was opened, and whether there is
//! room for more.

use std::path::Path;

use crate::{Result, Store, StoreError};

/// Bytes that must stay free beside what is written: room for the moves of what is queued already. A small disk (a
/// container's few megabytes) is still of use.
const RESERVE_BYTES: u64 = 2 * 1024 * 1024;

/// Which file a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl FileId {
    /// None when there is no file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some(Self { device: found.dev(), inode: found.ino() })
        }
        #[cfg(not(unix))]
        {
            // A file that is open can't be removed there.
            let _ = found;
            Some(Self {})
        }
    }
}

impl Store {
    /// Whether the database file is still the one that was opened: what is written to a removed file is lost with the
    /// process.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        FileId::of(&self.inner.path) == self.inner.file
    }

    /// Whether a promise about so many bytes could be kept.
    pub(crate) fn can_take(&self, bytes: u64) -> Result<()> {
        let path = || self.inner.path.clone();
        if !self.is_in_place() {
            return Err(StoreError::Gone { path: path() });
        }
        // Once in the log and once in the file.
        let needed = bytes.saturating_mul(2).saturating_add(RESERVE_BYTES);
        match free_bytes(&self.inner.path) {
            Some(free) if free < needed => Err(StoreError::DiskNearlyFull { path: path(), free }),
            Some(_) | None => Ok(()),
        }
    }
}

/// What this process may still write to the disk that holds `path`; none where the system doesn't say.
#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_path: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests;
