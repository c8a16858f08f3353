//! Every way the database can refuse, each with its cause and its fix.

use std::path::{Path, PathBuf};

use switchyard_domain::Problem;

/// Why the database could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data directory can't be created or used.
    #[error(
        "The data directory {} can't be used: {source}. Check that it is a directory you may write to, or choose \
         another one.", path.display()
    )]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others could put files into the data directory.
    #[error("The data directory {} is not safe to use: {reason}.", path.display())]
    DataDirUnsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong, and what to do about it.
        reason: String,
    },
    /// Another program holds the database.
    #[error(
        "The database {} is in use by another program. Stop the other Switchyard (or the backup or database \
         browser that has it open), or use another data directory.", path.display()
    )]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// The schema is from a newer version.
    #[error(
        "This data directory was written by a newer Switchyard: {} has schema {found}, this version knows {known}. \
         Install that version, or use another data directory.", path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The newest migration in the file.
        found: i64,
        /// The newest migration this binary has.
        known: i64,
    },
    /// The schema has a known number but other contents.
    #[error(
        "The database {} was written by another build of Switchyard: its schema {version} differs from this one's. \
         Use the build that wrote it, or another data directory.", path.display()
    )]
    Foreign {
        /// The database file.
        path: PathBuf,
        /// The migration that differs.
        version: i64,
    },
    /// Not a database, or a broken one.
    #[error(
        "The database {} is damaged or is not a Switchyard database ({detail}). Put a backup in its place, or let \
         `switchyard serve --start-fresh` move it aside and start with an empty one.", path.display()
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The file can't be opened or read.
    #[error(
        "The database {} can't be read ({detail}). Check its permissions and its disk.", path.display()
    )]
    Unreadable {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// The file can't be written.
    #[error(
        "The database {} is read-only. Make the file and its directory writable, or use another data directory.",
        path.display()
    )]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// No space left.
    #[error("The disk that holds {} is full. Free some space; nothing stored before is lost.", path.display())]
    DiskFull {
        /// The database file.
        path: PathBuf,
    },
    /// A map was written against a version that is no longer the running one.
    #[error(
        "This map was written against version {base}, but version {running} is running. Compare it with the running \
         map, then apply it on top of version {running}."
    )]
    Stale {
        /// The version it was written against.
        base: i64,
        /// The latest version; 0 when there is none.
        running: i64,
    },
    /// An idempotency key came again with another request.
    #[error(
        "This idempotency key was used for another request, which waits in the queue or was answered from there. Send \
         the same request again, or another key."
    )]
    KeyReused,
    /// The kept requests take as many bytes as they may.
    #[error(
        "The queue keeps {kept} bytes of requests, dead letters included, and with this one it would be more than the \
         map allows (cold.maxBytes: {most}). Discard dead letters, or raise it."
    )]
    QueueTooLarge {
        /// Bytes kept now.
        kept: u64,
        /// Bytes that may be kept.
        most: u64,
    },
    /// One app's kept requests take as many bytes as leave others their room.
    #[error(
        "The queue keeps {own} bytes of requests of this app, dead letters included, and more would leave too little of \
         what the map allows (cold.maxBytes: {most}) to others. Discard dead letters, or raise it."
    )]
    ShareTaken {
        /// Bytes of this app kept now.
        own: u64,
        /// Bytes that may be kept of all apps.
        most: u64,
    },
    /// Hardly any space left.
    #[error(
        "The disk that holds {} is nearly full ({free} bytes free), so nothing more is queued. Free some space; what is \
         stored is safe.", path.display()
    )]
    DiskNearlyFull {
        /// The database file.
        path: PathBuf,
        /// Bytes that are left.
        free: u64,
    },
    /// The file the router writes to is no longer where it was.
    #[error(
        "The database {} was removed or replaced while the router ran, so nothing it keeps would be found again. Put \
         it back, or restart the router to begin with a new one.", path.display()
    )]
    Gone {
        /// The database file.
        path: PathBuf,
    },
    /// As many jobs wait as may.
    #[error("{most} jobs wait, as many as the map allows (cold.maxJobs).")]
    QueueFull {
        /// How many may wait or run.
        most: u32,
    },
    /// The store was closed, or the statement failed for a reason that is a fault of this program.
    #[error("The database {} refused a statement: {detail}", path.display())]
    Refused {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
}

impl StoreError {
    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DataDir { .. } => "data_dir_unusable",
            Self::DataDirUnsafe { .. } => "data_dir_unsafe",
            Self::Locked { .. } => "database_locked",
            Self::Newer { .. } => "database_newer",
            Self::Foreign { .. } => "database_foreign",
            Self::Damaged { .. } => "database_damaged",
            Self::Unreadable { .. } => "database_unreadable",
            Self::ReadOnly { .. } => "database_read_only",
            Self::DiskFull { .. } => "disk_full",
            Self::Stale { .. } => "stale_base_version",
            Self::QueueFull { .. } | Self::QueueTooLarge { .. } | Self::ShareTaken { .. } => "queue_full",
            Self::KeyReused => "idempotency_key_reused",
            Self::DiskNearlyFull { .. } => "disk_nearly_full",
            Self::Gone { .. } => "database_gone",
            Self::Refused { .. } => "database_error",
        }
    }

    /// The error as the user sees it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string())
    }

    pub(crate) fn from_sqlx(path: &Path, error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = error else {
            return Self::Refused { path: path.to_owned(), detail: error.to_string() };
        };
        let code = database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
        Self::from_sqlite(path, code, database.message())
    }

    /// By SQLite's result codes, <https://www.sqlite.org/rescode.html>; the low byte is the primary code.
    fn from_sqlite(path: &Path, code: i32, message: &str) -> Self {
        let path = path.to_owned();
        let detail = format!("{message}, SQLite code {code}");
        match code & 0xff {
            // BUSY, LOCKED
            5 | 6 => Self::Locked { path },
            // READONLY
            8 => Self::ReadOnly { path },
            // CORRUPT, NOTADB
            11 | 26 => Self::Damaged { path, detail },
            // FULL
            13 => Self::DiskFull { path },
            // PERM, IOERR, CANTOPEN, AUTH
            3 | 10 | 14 | 23 => Self::Unreadable { path, detail },
            _ => Self::Refused { path, detail },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::StoreError;

    #[test]
    fn each_cause_has_its_own_code_and_names_the_file() {
        let table = [
            (5, "database_locked"),
            (5 | (2 << 8), "database_locked"),
            (8 | (3 << 8), "database_read_only"),
            (11, "database_damaged"),
            (26, "database_damaged"),
            (13, "disk_full"),
            (10 | (12 << 8), "database_unreadable"),
            (14, "database_unreadable"),
            (1, "database_error"),
        ];
        for (sqlite, expected) in table {
            let problem =
                StoreError::from_sqlite(Path::new("/data/switchyard.db"), sqlite, "words").problem();
            assert_eq!(problem.code, expected, "SQLite code {sqlite}");
            assert!(problem.message.contains("/data/switchyard.db"), "{}", problem.message);
        }
    }
}
