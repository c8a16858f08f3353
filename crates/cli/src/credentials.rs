//! Provider keys. A value comes from standard input or a hidden prompt, never from the command line, where
//! other programs and the shell's history would see it.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use switchyard_control::ControlClient;
use switchyard_domain::map::{self, Layout};
use switchyard_domain::view::{CredentialPlace, CredentialView};
use switchyard_domain::{Problem, Secret};
use switchyard_engine::Keyring;

use crate::command::{Place, Shown};
use crate::output::{json, line, note, or_dash, table};

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Store a key, read from standard input or asked for without showing it.
    #[command(after_help = "Example: switchyard credential set openai < key.txt
Without a redirect the key is asked for. Several keys for one provider: `openai:second`.
Bedrock: an API key, `ACCESS_KEY_ID:SECRET[:SESSION_TOKEN]`, or
  aws configure export-credentials | switchyard credential set bedrock
Vertex: a service account's JSON key, or what gcloud wrote:
  switchyard credential set vertex < key.json
Both also use what the `aws` and `gcloud` tools left on this machine, with nothing stored.")]
    Set {
        /// The provider's name in the map, or a `${NAME}` that the map uses.
        name: String,
    },
    /// Every credential and where it was found; never a value.
    #[command(after_help = "Example: switchyard credential list")]
    List(Shown),
    /// Ask the provider whether it accepts a key; exit code 1 when not.
    #[command(after_help = "Example: switchyard credential test openai")]
    Test {
        /// The credential's name.
        name: String,
    },
    /// Forget a stored key.
    #[command(after_help = "Example: switchyard credential remove openai")]
    Remove {
        /// The credential's name.
        name: String,
    },
}

/// Who keeps the credentials: the router that runs for the data directory, else the keychain directly.
enum Keeper {
    Router(ControlClient),
    Keyring(Keyring),
}

impl Keeper {
    async fn of(place: &Place) -> Result<Self, Problem> {
        match place.router() {
            Ok(router) => return Ok(Self::Router(router)),
            Err(problem) if problem.code != "router_not_running" => return Err(problem),
            Err(_) => {}
        }
        let file = std::env::var_os("SWITCHYARD_CREDENTIALS_FILE").map(PathBuf::from);
        Ok(Self::Keyring(Keyring::open(&place.data_dir()?, file).await?))
    }
}

pub(crate) async fn run(place: &Place, command: CredentialCommand) -> Result<ExitCode, Problem> {
    match command {
        CredentialCommand::Set { name } => {
            // Nobody should type a key that can't be kept.
            let keeper = Keeper::of(place).await?;
            let secret = value(&name)?;
            match keeper {
                Keeper::Router(router) => {
                    router.set_credential(&name, &secret).await?;
                    line(format!("The key for {name} is stored. Requests use it from now on."));
                }
                Keeper::Keyring(keyring) => {
                    keyring.set(&name, secret).await?;
                    line(format!("The key for {name} is stored. The router uses it from its next start on."));
                }
            }
        }
        CredentialCommand::List(shown) => {
            let list = match Keeper::of(place).await? {
                Keeper::Router(router) => router.credentials().await?,
                Keeper::Keyring(keyring) => keyring.list().await?,
            };
            if shown.json {
                json(&list);
                return Ok(ExitCode::SUCCESS);
            }
            let rows: Vec<_> = list.credentials.into_iter().map(row).collect();
            table(["name", "found in", "ends in", "not used because"], &rows, "No credentials yet.");
            if let Some(problem) = list.keychain.problem {
                note(problem);
            }
        }
        CredentialCommand::Test { name } => {
            let test = place.router()?.test_credential(&name).await?;
            line(test.message);
            return Ok(if test.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        CredentialCommand::Remove { name } => {
            match Keeper::of(place).await? {
                Keeper::Router(router) => router.remove_credential(&name).await?,
                Keeper::Keyring(keyring) => keyring.remove(&name).await?,
            }
            line(format!("The key for {name} is forgotten."));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(credential: CredentialView) -> [String; 4] {
    let place = match credential.found_in {
        CredentialPlace::Keychain => "keychain",
        CredentialPlace::Environment => "environment",
        CredentialPlace::File => "file",
        CredentialPlace::Missing => "missing",
    };
    let condemned = credential.condemned.map(|failure| failure.short());
    [credential.name, place.to_owned(), or_dash(credential.hint), or_dash(condemned)]
}

/// What a provider takes, where that isn't just an API key.
fn what_to_give(name: &str) -> Option<&'static str> {
    let preset = map::preset(name.split(':').next().unwrap_or(name))?;
    match preset.layout {
        Layout::Region => Some(
            "Paste a Bedrock API key, or ACCESS_KEY_ID:SECRET, or ACCESS_KEY_ID:SECRET:SESSION_TOKEN. With nothing stored, the AWS profile is used.",
        ),
        Layout::Project => Some(
            "A JSON key has several lines: leave this prompt with Ctrl-C and run `switchyard credential set vertex < key.json`. With nothing stored, what `gcloud auth application-default login` wrote is used.",
        ),
        Layout::Account => Some("Paste KEY 1 or KEY 2 of the resource (Azure portal, Keys and Endpoint)."),
        Layout::Fixed => None,
    }
}

fn value(name: &str) -> Result<Secret, Problem> {
    let unreadable =
        |error: std::io::Error| Problem::new("no_value", format!("The key can't be read: {error}."));
    let secret = if std::io::stdin().is_terminal() {
        if let Some(hint) = what_to_give(name) {
            note(hint);
        }
        Secret::new(&rpassword::prompt_password(format!("Key for {name}: ")).map_err(unreadable)?)
    } else {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        Secret::new(&text)
    };
    if secret.is_empty() {
        return Err(Problem::new(
            "no_value",
            "No key was given. Paste it at the prompt, or redirect a file.",
        ));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_that_take_more_than_an_api_key_say_so() {
        let cases = [
            ("bedrock", Some("ACCESS_KEY_ID")),
            ("bedrock:second", Some("ACCESS_KEY_ID")),
            ("vertex", Some("< key.json")),
            ("azure", Some("KEY 1")),
            ("openai", None),
            ("MY_VARIABLE", None),
        ];
        for (name, part) in cases {
            let hint = what_to_give(name);
            assert_eq!(hint.is_some(), part.is_some(), "{name}");
            assert!(hint.unwrap_or_default().contains(part.unwrap_or_default()), "{name}");
        }
    }
}
