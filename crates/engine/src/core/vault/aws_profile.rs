//! The AWS configuration files: which profiles there are, and how each comes by its keys.
//!
//! A profile with keys of its own, or with a `credential_process`, is read here. One that signs in (SSO), takes on a
//! role or names another source is left to the vendor's own tool: `aws configure export-credentials` knows them all,
//! and prints what a `credential_process` prints.

use configparser::ini::Ini;
use switchyard_domain::Secret;

use super::key::AwsProfile;

/// How a profile comes by its keys.
#[derive(Debug)]
pub(crate) enum Source {
    /// They stand in the file: `ID:SECRET` or `ID:SECRET:TOKEN`.
    Keys(Secret),
    /// This command, in a shell, prints them.
    Process(String),
    /// The AWS command line tool knows.
    Tool,
}

impl AwsProfile {
    /// Whether either file has a section for it.
    pub(crate) fn exists(&self) -> bool {
        let (credentials, config) = self.files();
        has(&credentials, &self.name) || has(&config, &self.section())
    }

    /// How it comes by its keys; `None` when it is gone from the files.
    pub(crate) fn source(&self) -> Option<Source> {
        let (credentials, config) = self.files();
        let section = self.section();
        if !has(&credentials, &self.name) && !has(&config, &section) {
            return None;
        }
        for (file, section) in [(&credentials, self.name.as_str()), (&config, section.as_str())] {
            let get = |key: &str| file.get(section, key).filter(|value| !value.is_empty());
            if let (Some(id), Some(secret)) = (get("aws_access_key_id"), get("aws_secret_access_key")) {
                let token = get("aws_session_token").map_or_else(String::new, |token| format!(":{token}"));
                return Some(Source::Keys(Secret::new(&format!("{id}:{secret}{token}"))));
            }
        }
        let process = config.get(&section, "credential_process");
        let process = process.or_else(|| credentials.get(&self.name, "credential_process"));
        Some(process.filter(|command| !command.is_empty()).map_or(Source::Tool, Source::Process))
    }

    /// The section of the config file; only `default` goes without the word.
    fn section(&self) -> String {
        if self.name == "default" { self.name.clone() } else { format!("profile {}", self.name) }
    }

    fn files(&self) -> (Ini, Ini) {
        let read = |path: &std::path::Path| {
            let mut ini = Ini::new_cs();
            // A command may hold what would be a comment elsewhere.
            ini.set_inline_comment_symbols(Some(&[]));
            let mut defaults = ini.defaults();
            defaults.delimiters = vec!['='];
            defaults.default_section = "\u{0}none".to_owned();
            ini.load_defaults(defaults);
            // A file that isn't there, or isn't readable, has no profiles.
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let _ = ini.read(text);
            ini
        };
        (read(&self.credentials_file), read(&self.config_file))
    }
}

fn has(file: &Ini, section: &str) -> bool {
    file.sections().iter().any(|name| name == section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_comes_by_its_keys_in_its_own_way() {
        let folder = tempfile::tempdir().unwrap();
        let (credentials_file, config_file) =
            (folder.path().join("credentials"), folder.path().join("config"));
        std::fs::write(
            &credentials_file,
            "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = a/b+c=\n\n# temporary\n[temp]\naws_access_key_id=ASIA2\naws_secret_access_key=d\naws_session_token=IQ==\n",
        )
        .unwrap();
        std::fs::write(
            &config_file,
            "[profile process]\ncredential_process = /opt/get-keys --url=https://x;y #1\ns3 =\n  max_concurrent_requests = 20\n[profile sso]\nsso_session = acme\n[sso-session acme]\nsso_region = us-east-1\n[profile inline]\naws_access_key_id = AKIA3\naws_secret_access_key = e\n",
        )
        .unwrap();
        let say = |name: &str| {
            let profile = AwsProfile {
                name: name.to_owned(),
                credentials_file: credentials_file.clone(),
                config_file: config_file.clone(),
            };
            let source = profile.source();
            assert_eq!(profile.exists(), source.is_some(), "{name}");
            match source {
                Some(Source::Keys(secret)) => secret.expose().to_owned(),
                Some(Source::Process(command)) => format!("run {command}"),
                Some(Source::Tool) => "tool".to_owned(),
                None => "gone".to_owned(),
            }
        };
        let cases = [
            ("default", "AKIA1:a/b+c="),
            ("temp", "ASIA2:d:IQ=="),
            ("process", "run /opt/get-keys --url=https://x;y #1"),
            ("sso", "tool"),
            ("inline", "AKIA3:e"),
            ("nobody", "gone"),
        ];
        for (name, expected) in cases {
            assert_eq!(say(name), expected, "{name}");
        }
    }
}
