//! Credentials in a file of mode 0600, for machines without a keychain, when it was asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use switchyard_domain::{Problem, Secret};

use crate::core::private;

/// The file. Changes take turns, so that none is lost.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    turn: Mutex<()>,
}

impl KeyFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, turn: Mutex::default() }
    }

    /// Returns what keeps the file from being used; an absent one is no problem.
    pub(super) fn problem(&self) -> Option<Problem> {
        read(&self.path).err()
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Secret>, Problem> {
        Ok(read(&self.path)?.get(name).map(|value| Secret::new(value)))
    }

    pub(super) fn set(&self, name: &str, secret: &Secret) -> Result<(), Problem> {
        self.change(|all| {
            all.insert(name.to_owned(), secret.expose().to_owned());
            true
        })
        .map(drop)
    }

    pub(super) fn remove(&self, name: &str) -> Result<bool, Problem> {
        self.change(|all| all.remove(name).is_some())
    }

    /// Reads, changes and writes as one step, among threads and among programs. `act` says whether it changed it.
    fn change(&self, act: impl FnOnce(&mut BTreeMap<String, String>) -> bool) -> Result<bool, Problem> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = private::hold(&self.path);
        let mut all = read(&self.path)?;
        let changed = act(&mut all);
        if changed {
            let text = serde_json::to_string_pretty(&all).map_err(|error| unusable(&self.path, &error))?;
            private::write_private(&self.path, text.as_bytes())
                .map_err(|error| unusable(&self.path, &error))?;
        }
        Ok(changed)
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, String>, Problem> {
    let Some(bytes) = private::read_private_linked(path).map_err(|error| unusable(path, &error))? else {
        return Ok(BTreeMap::new());
    };
    // The parser's message could quote a value, so it is not passed on.
    let document: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|_| {
        unusable(path, &"it is not a JSON object of names and values, like {\"openai\": \"sk-...\"}")
    })?;
    let text = |(name, value): (String, Value)| match value {
        Value::String(value) => Ok((name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(unusable(path, &format!("the value of `{}` is not a string", name.escape_debug())))
        }
    };
    document.into_iter().map(text).collect()
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Problem {
    Problem::new("credentials_file", format!("The credentials file {} can't be used: {why}.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn in_a_folder() -> (tempfile::TempDir, KeyFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("credentials.json"));
        (folder, file)
    }

    #[test]
    fn keys_that_come_at_the_same_time_are_all_kept() {
        let (folder, file) = in_a_folder();
        let path = folder.path().join("credentials.json");
        // Half through one handle, half through another, as two programs would.
        let files = [Arc::new(file), Arc::new(KeyFile::new(path.clone()))];
        std::thread::scope(|scope| {
            for n in 0..32 {
                let file = &files[n % 2];
                scope.spawn(move || file.set(&format!("key{n}"), &Secret::new("sk-1")).unwrap());
            }
        });
        assert_eq!(read(&path).unwrap().len(), 32);
        assert!(files[0].remove("key7").unwrap());
        assert!(!files[1].remove("key7").unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_used_says_why_and_what_to_do() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, file) = in_a_folder();
        let path = folder.path().join("credentials.json");
        assert!(file.problem().is_none(), "an absent file is made at the first key");
        let cases = [
            (0o644, r#"{"openai": "sk-secret"}"#, "run `chmod 600"),
            (0o600, "openai=sk-secret", "not a JSON object"),
            (0o600, r#"["sk-secret"]"#, "not a JSON object"),
            (0o600, r#"{"openai": {"key": "sk-secret"}}"#, "the value of `openai` is not a string"),
        ];
        for (mode, text, why) in cases {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let told = file.problem().unwrap();
            assert_eq!(told.code, "credentials_file");
            assert!(told.message.contains(why) && !told.message.contains("sk-secret"), "{told}");
            assert_eq!(file.set("other", &Secret::new("sk-2")).unwrap_err(), told, "and nothing is changed");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
