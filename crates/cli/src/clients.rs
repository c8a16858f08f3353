//! Apps and their local keys.

use std::process::ExitCode;

use clap::Subcommand;
use switchyard_domain::Problem;

use crate::command::{Place, Shown};
use crate::output::{json, line, moment, note, or_dash, table};

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Make a key for an app; it is shown this once.
    #[command(after_help = "Example: switchyard client add blog-writer")]
    Add {
        /// The app's name.
        name: String,
    },
    /// Every app with its own key.
    #[command(after_help = "Example: switchyard client list")]
    List(Shown),
    /// Take an app's key away.
    #[command(after_help = "Example: switchyard client remove blog-writer")]
    Remove {
        /// The app's name.
        name: String,
    },
    /// Print the key that works out of the box.
    #[command(after_help = "Example: export OPENAI_API_KEY=$(switchyard client key)")]
    Key,
}

pub(crate) async fn run(place: &Place, command: ClientCommand) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    match command {
        ClientCommand::Add { name } => {
            let client = router.add_client(&name).await?;
            note(format!("The key of {}; it is not shown again:", client.name));
            line(client.key);
        }
        ClientCommand::List(shown) => {
            let clients = router.clients().await?;
            if shown.json {
                json(&clients);
                return Ok(ExitCode::SUCCESS);
            }
            let rows: Vec<_> = clients
                .into_iter()
                .map(|client| {
                    [client.name, moment(client.created_at_ms), or_dash(client.last_used_at_ms.map(moment))]
                })
                .collect();
            table(["name", "created", "last used"], &rows, "No app has a key of its own yet.");
        }
        ClientCommand::Remove { name } => {
            router.remove_client(&name).await?;
            line(format!("{name} has no key any more."));
        }
        ClientCommand::Key => line(router.default_key().await?.key),
    }
    Ok(ExitCode::SUCCESS)
}
