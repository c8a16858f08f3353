//! The data directory as a place of trust: who may write to it, and whether a router runs in it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::{Result, StoreError};

/// The lock of the program that has the data directory open. The system releases it when the process ends.
pub(crate) const LOCK_FILE: &str = "switchyard.lock";

/// Checks that nobody else can put files into an existing data directory: it is this user's, and no group or
/// others may write to it (as ssh asks of `~/.ssh`). Whoever can plant a file there directs where keys are sent.
///
/// # Errors
/// [`StoreError::DataDir`] when it can't be looked at, [`StoreError::DataDirUnsafe`] with the command that mends it.
pub fn check_data_dir(path: &Path) -> Result<()> {
    let unusable = |source| StoreError::DataDir { path: path.to_owned(), source };
    let found = std::fs::metadata(path).map_err(unusable)?;
    if !found.is_dir() {
        return Err(unusable(io::Error::from(io::ErrorKind::NotADirectory)));
    }
    match weakness(path, &found) {
        None => Ok(()),
        Some(reason) => Err(StoreError::DataDirUnsafe { path: path.to_owned(), reason }),
    }
}

#[cfg(unix)]
fn weakness(path: &Path, found: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let (owner, me) = (found.uid(), rustix::process::geteuid().as_raw());
    if owner != me {
        return Some(format!(
            "it belongs to user {owner}, and this program runs as user {me}. Run it as that user, or choose a \
             directory of your own with --data-dir"
        ));
    }
    let mode = found.mode() & 0o777;
    let loose = mode & 0o022 != 0;
    loose.then(|| {
        format!(
            "others can write to it (mode {mode:03o}). Run `chmod go-w {}`, then try again",
            path.display()
        )
    })
}

/// The profile directory's access list already keeps other users out.
#[cfg(not(unix))]
fn weakness(_path: &Path, _found: &std::fs::Metadata) -> Option<String> {
    None
}

/// Returns whether a program has the data directory open. A disk without locks can't tell; then this says yes.
///
/// # Errors
/// When the lock file is there and can't be opened or looked at.
pub fn in_use(data_dir: &Path) -> io::Result<bool> {
    let file = match File::open(data_dir.join(LOCK_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // A shared lock, and only for this moment: two who look don't disturb each other, and a router that starts
    // meanwhile tries again.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_others_can_write_to_is_refused_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut refused = Vec::new();
        for mode in [0o700, 0o750, 0o755, 0o770, 0o775, 0o777, 0o1777, 0o702] {
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            if let Err(error) = check_data_dir(dir.path()) {
                let told = error.problem();
                assert_eq!(told.code, "data_dir_unsafe");
                assert!(told.message.contains(&format!("chmod go-w {}", dir.path().display())), "{told}");
                refused.push(mode);
            }
        }
        assert_eq!(refused, [0o770, 0o775, 0o777, 0o1777, 0o702]);
        assert!(check_data_dir(&dir.path().join("absent")).is_err());
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        // The root directory is somebody else's unless this runs as root; then no such directory is at hand.
        if !rustix::process::geteuid().is_root() {
            let told = check_data_dir(Path::new("/")).unwrap_err().to_string();
            assert!(told.contains("belongs to user 0"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_directory_is_in_use_while_it_is_open_and_a_look_disturbs_nobody() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!in_use(dir.path()).unwrap(), "never opened");
        let store = crate::Store::open(dir.path(), &crate::Options::default()).await.unwrap();
        assert!(in_use(dir.path()).unwrap());
        store.close().await;
        drop(store);
        assert!(!in_use(dir.path()).unwrap(), "closed again");

        let look = File::open(dir.path().join(LOCK_FILE)).unwrap();
        look.try_lock_shared().unwrap();
        let ending = tokio::spawn(async move {
            tokio::task::yield_now().await;
            drop(look);
        });
        crate::Store::open(dir.path(), &crate::Options::default()).await.unwrap();
        ending.await.unwrap();
    }
}
