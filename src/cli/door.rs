//! `partner-feeds door`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::civil;

use super::ingest::stop_signal;
use super::options::{BrokerOptions, SettingOptions, SettingsFile};
use super::{now, runtime};
use crate::allocator::return_large_buffers;
use crate::door::{Door, Listener, asyncapi, create_token, openapi};
use crate::watch;

/// Accept events from partners over HTTP
///
/// Validates each event as `check` does, sends the valid ones to the topic of their feed, and answers
/// for each event: sent, refused or unknown. Partners authenticate with tokens. Runs until SIGINT or
/// SIGTERM, then completes the requests under way. Exit status: 0 = done, 2 = failed.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  partner-feeds door
  partner-feeds door --listen 127.0.0.1:8443 --store store
  partner-feeds door token kent-police --expires 2027-03-31")]
pub(crate) struct DoorCommand {
    #[command(subcommand)]
    command: Option<DoorSubcommand>,
    #[command(flatten)]
    options: BrokerOptions,
    /// Folder or URL of the store, for scorecards, refusals and records [default: the setting door.store]
    #[arg(long, value_name = "DIR")]
    store: Option<String>,
    /// Where to listen, as host:port [default: the setting door.listen]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// File with the digest of each token [default: the setting door.tokens]
    #[arg(long, value_name = "FILE")]
    tokens: Option<String>,
}

#[derive(Debug, Subcommand)]
enum DoorSubcommand {
    Token(TokenCommand),
    /// Print the OpenAPI document of the door
    ///
    /// It lists the addresses, limits, reasons and schemas of HTTP, for programs that send events. A
    /// running door serves it at /openapi.json.
    #[command(after_help = "Examples:
  partner-feeds door openapi > openapi.json")]
    Openapi(DocumentCommand),
    /// Print the AsyncAPI document of the topics
    ///
    /// It lists the topics and the schema of each message, for programs with a Kafka client. A running
    /// door serves it at /asyncapi.json.
    #[command(after_help = "Examples:
  partner-feeds door asyncapi > asyncapi.json")]
    Asyncapi(DocumentCommand),
}

/// Make a token for a partner
///
/// Prints the token once, on standard error: give it to the partner over a safe channel. Prints its
/// entry for the token file, with the token's digest, on standard output. A running door reads the
/// file every 10 seconds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds door token kent-police --expires 2027-03-31 >> door-tokens.toml")]
struct TokenCommand {
    #[command(flatten)]
    options: SettingsFile,
    /// The partner, as in partners.toml
    partner: String,
    /// The last day on which the token is valid, such as 2027-03-31; at most 400 days ahead
    #[arg(long, value_name = "DATE")]
    expires: civil::Date,
    /// A source that may send with the token; may be repeated [default: all of the partner]
    #[arg(long, value_name = "SOURCE")]
    source: Vec<String>,
}

#[derive(Debug, Args)]
struct DocumentCommand {
    #[command(flatten)]
    options: SettingsFile,
}

impl DoorCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Some(DoorSubcommand::Token(command)) => command.run(),
            Some(DoorSubcommand::Openapi(command)) => {
                let (config, _) = command.options.load()?;
                say!("{:#}", openapi(&config.door));
                Ok(ExitCode::SUCCESS)
            }
            Some(DoorSubcommand::Asyncapi(command)) => {
                let (_, reference) = command.options.load()?;
                say!("{:#}", asyncapi(&reference.partners));
                Ok(ExitCode::SUCCESS)
            }
            None => self.open(),
        }
    }

    fn open(self) -> anyhow::Result<ExitCode> {
        return_large_buffers();
        let (config, reference) = self.options.load_with(|overrides| {
            overrides
                .with("door.listen", self.listen.as_deref())
                .with("door.tokens", self.tokens.as_deref())
                .with("door.store", self.store.as_deref())
        })?;
        tracing::info!("settings:\n{config}");
        let runtime = runtime()?;
        runtime.block_on(async {
            let door = Door::open(config.door.clone(), &config.kafka, Arc::new(reference), now)?;
            if let Some(address) = &config.watch.listen {
                watch::listen(Arc::clone(&door), address).await?;
            }
            let listener = Listener::bind(&config.door.listen, config.door.tls.as_ref()).await?;
            tokio::spawn(Arc::clone(&door).refresh());
            tokio::spawn(Arc::clone(&door).write_refusals());
            let stop = stop_signal("stopping: completing requests under way")?;
            listener.serve(Arc::clone(&door), stop).await;
            door.write_refusals_once().await;
            anyhow::Ok(())
        })?;
        runtime.shutdown_background();
        Ok(ExitCode::SUCCESS)
    }
}

impl TokenCommand {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (_, reference) = self.options.load()?;
        let token = create_token(
            &reference.partners,
            &self.partner,
            &self.source,
            self.expires,
            now(),
        )?;
        // A token that could not be shown is of no use.
        writeln!(std::io::stderr(), "{}", token.secret)?;
        write!(std::io::stdout(), "{}", token.entry)?;
        Ok(ExitCode::SUCCESS)
    }
}
