//! Provider keys. A value comes from standard input or a hidden prompt, never from the command line, where
//! other programs and the shell's history would see it.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use clap::Subcommand;
use switchyard_domain::view::{CredentialPlace, CredentialView};
use switchyard_domain::{Problem, Secret};

use crate::command::{Place, Shown};
use crate::output::{json, line, note, or_dash, table};

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Store a key, read from standard input or asked for without showing it.
    #[command(after_help = "Example: switchyard credential set openai < key.txt
Without a redirect the key is asked for. Several keys for one provider: `openai:second`.")]
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

pub(crate) async fn run(place: &Place, command: CredentialCommand) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    match command {
        CredentialCommand::Set { name } => {
            // Nobody should type a key for a router that has gone.
            router.health().await?;
            router.set_credential(&name, &value(&name)?).await?;
            line(format!("The key for {name} is stored. Requests use it from now on."));
        }
        CredentialCommand::List(shown) => {
            let list = router.credentials().await?;
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
            let test = router.test_credential(&name).await?;
            line(test.message);
            return Ok(if test.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        CredentialCommand::Remove { name } => {
            router.remove_credential(&name).await?;
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

fn value(name: &str) -> Result<Secret, Problem> {
    let unreadable =
        |error: std::io::Error| Problem::new("no_value", format!("The key can't be read: {error}."));
    let secret = if std::io::stdin().is_terminal() {
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
