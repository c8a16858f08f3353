//! Files that are their owner's alone: keys, tokens, reports. Written whole or not at all, and never through a
//! symbolic link.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Why a private file is not used.
#[derive(Debug, thiserror::Error)]
pub enum NotPrivate {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A link, a directory, a pipe.
    #[error("it is a symbolic link or not a regular file; name the file itself")]
    NotAFile,
    /// Another user's.
    #[error("it belongs to user {owner}, and this program runs as user {me}")]
    NotOurs {
        /// Whose it is.
        owner: u32,
        /// Who asks.
        me: u32,
    },
    /// Its mode lets others in.
    #[error("others can read it (mode {mode:03o}); run `chmod 600 {}`", path.display())]
    Readable {
        /// Its permission bits.
        mode: u32,
        /// The file.
        path: PathBuf,
    },
}

/// Reads a file that must be this user's, closed to everybody else and no symbolic link; `None` when it is absent.
///
/// # Errors
/// [`NotPrivate`] with the reason.
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, NotPrivate> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    flags(&mut options, rustix::fs::OFlags::NOFOLLOW);
    read_checked(path, options.read(true))
}

/// Reads a file as [`read_private`] does, but follows a link to it: mounted secrets are links. What it leads to is
/// checked all the same.
///
/// # Errors
/// [`NotPrivate`] with the reason.
pub(crate) fn read_private_linked(path: &Path) -> Result<Option<Vec<u8>>, NotPrivate> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    flags(&mut options, rustix::fs::OFlags::empty());
    read_checked(path, options.read(true))
}

fn read_checked(path: &Path, options: &OpenOptions) -> Result<Option<Vec<u8>>, NotPrivate> {
    let mut file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if is_link(path) => {
            tracing::debug!(path = %path.display(), %error, "a link is not followed");
            return Err(NotPrivate::NotAFile);
        }
        Err(error) => return Err(error.into()),
    };
    // The open file is looked at, so that nobody can change it between the look and the read.
    check(&file, path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Replaces a file whole: written beside it, brought to the disk, then renamed over it. It is readable by its owner
/// alone from its first byte. When anything fails (a full disk, say) the old file stays as it was.
///
/// # Errors
/// [`NotPrivate::NotAFile`] when something other than a regular file stands there, else the system's reason.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), NotPrivate> {
    if std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(NotPrivate::NotAFile);
    }
    let fresh = beside(path);
    let written = create(&fresh).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    if let Err(error) = written.and_then(|()| std::fs::rename(&fresh, path)) {
        // What can't be removed either is overwritten by the next attempt.
        let _ = std::fs::remove_file(&fresh);
        return Err(error.into());
    }
    #[cfg(unix)]
    File::open(folder(path)).and_then(|folder| folder.sync_all())?;
    Ok(())
}

/// Holds other programs off a file of ours while it is read, changed and written: by a lock on its folder. Two
/// routers may share one credentials file. Where the disk or the system has no such lock, there is none.
pub(crate) fn hold(path: &Path) -> Option<File> {
    let folder = File::open(folder(path)).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    name.push(".new");
    path.with_file_name(name)
}

/// Creates a file that was not there; one that a crash left behind is removed first. Never follows a link: an
/// exclusive creation doesn't.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).or_else(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        options.open(path)
    })
}

fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

/// Sets these flags, and that a pipe in the file's place doesn't make us wait for its writer.
#[cfg(unix)]
fn flags(options: &mut OpenOptions, flags: rustix::fs::OFlags) {
    let flags = flags | rustix::fs::OFlags::NONBLOCK;
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
}

#[cfg(unix)]
fn check(file: &File, path: &Path) -> Result<(), NotPrivate> {
    use std::os::unix::fs::MetadataExt;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(NotPrivate::NotAFile);
    }
    let (owner, me) = (found.uid(), rustix::process::geteuid().as_raw());
    // What root mounts for a program is as good as its own.
    if owner != me && owner != 0 {
        return Err(NotPrivate::NotOurs { owner, me });
    }
    let mode = found.mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(NotPrivate::Readable { mode, path: path.to_owned() }) }
}

/// The profile directory's access list already keeps other users out.
#[cfg(not(unix))]
fn check(_file: &File, _path: &Path) -> Result<(), NotPrivate> {
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_private_file_is_replaced_whole_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert_eq!(read_private(&path).unwrap(), None);
        write_private(&path, b"first").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let told = read_private(&path).unwrap_err().to_string();
        assert!(told.contains(&format!("chmod 600 {}", path.display())), "{told}");
        // A crash left this behind, in a mode of its own.
        std::fs::write(beside(&path), "half").unwrap();
        write_private(&path, b"second").unwrap();
        assert_eq!((read_private(&path).unwrap().unwrap(), mode(&path)), (b"second".to_vec(), 0o600));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing lies beside it");
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.json");
        write_private(&path, b"three keys").unwrap();
        // Nothing can be written beside it, as on a full disk.
        std::fs::create_dir(beside(&path)).unwrap();
        assert!(matches!(write_private(&path, b"four keys"), Err(NotPrivate::Io(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"three keys");
    }

    #[test]
    fn links_are_followed_neither_for_reading_nor_for_writing() {
        let dir = tempfile::tempdir().unwrap();
        let (victim, path) = (dir.path().join("victim"), dir.path().join("client.key"));
        std::fs::write(&victim, "theirs").unwrap();
        std::fs::set_permissions(&victim, std::fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&victim, &path).unwrap();
        assert!(matches!(read_private(&path), Err(NotPrivate::NotAFile)));
        assert!(matches!(write_private(&path, b"sy_secret"), Err(NotPrivate::NotAFile)));
        assert_eq!(read_private_linked(&path).unwrap().unwrap(), b"theirs");
        // The file that is written first may be a planted link, too.
        let plain = dir.path().join("plain");
        symlink(&victim, beside(&plain)).unwrap();
        write_private(&plain, b"sy_secret").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"theirs");
        assert!(matches!(write_private(dir.path(), b"x"), Err(NotPrivate::NotAFile)));
    }
}
