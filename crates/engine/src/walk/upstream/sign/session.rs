//! The keys of an AWS profile: from its file, from its `credential_process`, or from the AWS command line tool, which
//! knows SSO sessions and roles.

use std::process::Stdio;

use switchyard_domain::map::Route;
use switchyard_domain::{Failure, FailureKind};
use tokio::process::Command;

use super::aws::AwsKeys;
use super::fresh::Leased;
use crate::core::clock;
use crate::core::vault::{AwsProfile, ProfileSource};

/// A tool that takes longer waits for a person, milliseconds.
const PATIENCE_MS: u64 = 30_000;
/// Of a tool's last words this many characters are passed on.
const LAST_WORDS: usize = 200;

/// Fetches the keys of a profile.
pub(super) async fn of_profile(profile: &AwsProfile, route: &Route) -> Result<Leased<AwsKeys>, Failure> {
    let owned = profile.clone();
    let source = tokio::task::spawn_blocking(move || owned.source()).await.ok().flatten();
    let name = &profile.name;
    let trouble = |why: String| {
        let message = format!("{}: the AWS profile {name} gives no keys: {why}", route.provider);
        Failure::new(FailureKind::CredentialMissing, message)
    };
    let printed = match source {
        None => return Err(trouble("it is gone from the AWS configuration files.".to_owned())),
        Some(ProfileSource::Keys(secret)) => {
            let keys = AwsKeys::written(secret.expose());
            let keys = keys.ok_or_else(|| trouble("its access key is malformed.".to_owned()))?;
            return Ok(Leased { value: keys, ttl_ms: None });
        }
        Some(ProfileSource::Process(command)) => {
            run(shell(&command)).await.map_err(|why| trouble(format!("its credential_process {why}.")))?
        }
        Some(ProfileSource::Tool) => {
            let mut tool = Command::new("aws");
            tool.args(["configure", "export-credentials", "--profile", name, "--format", "process"]);
            tool.env("AWS_CONFIG_FILE", &profile.config_file);
            tool.env("AWS_SHARED_CREDENTIALS_FILE", &profile.credentials_file);
            run(tool).await.map_err(|why| {
                trouble(format!(
                    "the AWS command line tool {why}. Install it, or run `aws sso login --profile {name}`, or store an access key."
                ))
            })?
        }
    };
    let keys = AwsKeys::exported(&printed)
        .ok_or_else(|| trouble("what was printed is not the JSON of a credential process.".to_owned()))?;
    let now = clock::now();
    let left = keys.ends_wall_ms.map(|ends| u64::try_from(ends.saturating_sub(now.wall_ms)).unwrap_or(0));
    if left == Some(0) {
        return Err(trouble("the keys it gives have expired already.".to_owned()));
    }
    Ok(Leased { value: keys, ttl_ms: left })
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd.exe");
    shell.args(["/C", command]);
    shell
}

/// What a command prints; else what became of it, for a sentence. Its output is a secret and is never quoted.
async fn run(mut command: Command) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let by = clock::now().mono_ms.saturating_add(PATIENCE_MS);
    let output = match clock::until(by, command.output()).await {
        Some(Ok(output)) => output,
        Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("is not installed".to_owned());
        }
        Some(Err(error)) => return Err(format!("could not be started ({error})")),
        None => return Err(format!("took longer than {PATIENCE_MS} ms")),
    };
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says nothing");
        let last: String = last.chars().take(LAST_WORDS).collect();
        return Err(format!("failed ({})", last.trim_end_matches('.')));
    }
    String::from_utf8(output.stdout).map_err(|_| "printed something that is not text".to_owned())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use switchyard_domain::map::{self, Format, NoVariables};

    fn route() -> Route {
        let text =
            r#"{"providers":{"bedrock":{"region":"us-east-1"}},"hot":[{"provider":"bedrock","model":"m"}]}"#;
        map::read(text, Format::Json, &NoVariables).unwrap().routes.remove(0)
    }

    async fn keys_of(config: &str) -> Result<Leased<AwsKeys>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let config_file = folder.path().join("config");
        std::fs::write(&config_file, config).unwrap();
        let credentials_file = folder.path().join("credentials");
        let profile = AwsProfile { name: "dev".to_owned(), credentials_file, config_file };
        of_profile(&profile, &route()).await
    }

    #[tokio::test]
    async fn a_credential_process_is_run_and_its_keys_are_used_until_they_end() {
        let printed = r#"{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"s","SessionToken":"t","Expiration":"2999-01-01T00:00:00Z"}"#;
        let leased =
            keys_of(&format!("[profile dev]\ncredential_process = echo '{printed}'\n")).await.unwrap();
        assert!(leased.ttl_ms.unwrap() > 1_000_000_000);
        let forever = r#"{"Version":1,"AccessKeyId":"AKIA1","SecretAccessKey":"s"}"#;
        let leased =
            keys_of(&format!("[profile dev]\ncredential_process = echo '{forever}'\n")).await.unwrap();
        assert_eq!(leased.ttl_ms, None);
    }

    #[tokio::test]
    async fn what_goes_wrong_with_a_profile_is_told_without_its_output() {
        let cases = [
            ("[profile other]\nregion = x\n", "it is gone"),
            ("[profile dev]\ncredential_process = echo hunter2; exit 0\n", "is not the JSON"),
            (
                "[profile dev]\ncredential_process = echo hunter2; echo 'Session expired.' >&2; exit 3\n",
                "failed (Session expired)",
            ),
            (
                "[profile dev]\ncredential_process = echo '{\"AccessKeyId\":\"hunter2\",\"SecretAccessKey\":\"hunter2\",\"Expiration\":\"2001-01-01T00:00:00Z\"}'\n",
                "expired already",
            ),
        ];
        for (config, part) in cases {
            let failure = keys_of(config).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::CredentialMissing);
            assert!(failure.message.contains(part), "{}", failure.message);
            assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        }
    }
}
