//! Credentials in a file of mode 0600, for machines without a keychain, when it was asked for.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use switchyard_domain::{Problem, Secret};

pub(super) fn get(path: &Path, name: &str) -> Result<Option<Secret>, Problem> {
    Ok(read(path)?.get(name).map(|value| Secret::new(value)))
}

pub(super) fn set(path: &Path, name: &str, secret: &Secret) -> Result<(), Problem> {
    let mut all = read(path)?;
    all.insert(name.to_owned(), secret.expose().to_owned());
    write(path, &all)
}

pub(super) fn remove(path: &Path, name: &str) -> Result<bool, Problem> {
    let mut all = read(path)?;
    let removed = all.remove(name).is_some();
    if removed {
        write(path, &all)?;
    }
    Ok(removed)
}

fn read(path: &Path) -> Result<BTreeMap<String, String>, Problem> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(problem(path, &error.to_string())),
    };
    only_owner(path)?;
    // The parser's message could quote a value, so it is not passed on.
    serde_json::from_str(&text).map_err(|_| problem(path, "it is not a JSON object of names and values"))
}

#[cfg(unix)]
fn only_owner(path: &Path) -> Result<(), Problem> {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        std::fs::metadata(path).map_err(|error| problem(path, &error.to_string()))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(problem(path, "others can read it; run `chmod 600` on it"))
}

#[cfg(not(unix))]
fn only_owner(_path: &Path) -> Result<(), Problem> {
    Ok(())
}

fn write(path: &Path, all: &BTreeMap<String, String>) -> Result<(), Problem> {
    let trouble = |error: &dyn std::fmt::Display| problem(path, &error.to_string());
    let text = serde_json::to_string_pretty(all).map_err(|error| trouble(&error))?;
    private_file(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| trouble(&error))
}

/// Opens a file that only its owner can read, emptied.
pub(crate) fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

fn problem(path: &Path, why: &str) -> Problem {
    Problem::new("credentials_file", format!("The credentials file {} can't be used: {why}.", path.display()))
}
