//! Apps and their local keys.

use std::process::ExitCode;

use clap::Subcommand;
use switchyard_domain::Problem;
use switchyard_domain::overrides::{SetBounds, SetPrefer};

use crate::command::{Place, Shown};
use crate::output::{json, line, moment, note, or_dash, table};
use crate::overrides::answered;
use crate::typed::words;

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
    /// Keep an app's requests inside these providers, whatever happens.
    #[command(
        after_help = "Example: switchyard client bounds clinic --only anthropic,openai --reason 'their contract'
A request that nothing inside may answer is queued; it never goes elsewhere, also under failover."
    )]
    Bounds {
        /// The app's name.
        name: String,
        /// The providers, separated by commas.
        #[arg(
            long,
            value_delimiter = ',',
            value_name = "PROVIDER",
            conflicts_with = "clear",
            required_unless_present = "clear"
        )]
        only: Vec<String>,
        /// Go by the map again.
        #[arg(long)]
        clear: bool,
        /// Why.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
    /// Let an app's requests go to one provider first.
    #[command(after_help = "Example: switchyard client prefer blog-writer openai")]
    Prefer {
        /// The app's name.
        name: String,
        /// The provider.
        #[arg(conflicts_with = "clear", required_unless_present = "clear")]
        provider: Option<String>,
        /// Go by the map again.
        #[arg(long)]
        clear: bool,
        /// Why.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
        #[command(flatten)]
        shown: Shown,
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
        ClientCommand::Bounds { name, only, clear, reason, shown } => {
            let done = if clear {
                format!("{name} goes by the map again.")
            } else {
                format!("{name} only reaches {}.", only.join(", "))
            };
            let only = (!clear).then_some(only);
            let set = SetBounds { client: name, only, reason, base_version: None };
            return Ok(answered(&router.set_bounds(&set).await?, shown, &done, "It was so already."));
        }
        ClientCommand::Prefer { name, provider, reason, shown, .. } => {
            let done = provider.as_ref().map_or_else(
                || format!("{name} goes by the map again."),
                |provider| format!("{name} goes to {provider} first."),
            );
            let set = SetPrefer { client: name, provider, reason, base_version: None };
            return Ok(answered(&router.set_prefer(&set).await?, shown, &done, "It was so already."));
        }
        ClientCommand::Key => line(router.default_key().await?.key),
    }
    Ok(ExitCode::SUCCESS)
}
