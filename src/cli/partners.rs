//! `partner-feeds partners`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::text::table;
use super::{Connection, Format, runtime};
use crate::contract::record::partner_of;
use crate::files::fault::hint;
use crate::parked;
use crate::pipeline::LOOK_EVERY;

/// See which partners are parked, and release them
#[derive(Debug, Args)]
pub(crate) struct Partners {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List the partners of partners.toml with their sources, and since when one is parked
    List(List),
    /// Release a partner that was parked: `ingest` reads its records again
    Release(Release),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    connection: Connection,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
struct Release {
    /// The partner's id, such as kent-police
    partner: String,
    #[command(flatten)]
    connection: Connection,
}

impl Partners {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.act {
            Act::List(list) => list.run(),
            Act::Release(release) => release.run(),
        }
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let store = config.store.open()?;
        let parked = runtime()?.block_on(parked::all(&store))?;
        let partners = &reference.partners;
        let mut rows = table([
            "partner",
            "topic",
            "source",
            "parked since",
            "rejects in a row",
        ]);
        for id in partners.ids() {
            let topics = partners
                .topics()
                .flat_map(|topic| partners.sources(&topic.name).map(|s| (&*topic.name, s)));
            let sources: Vec<_> = topics
                .filter(|(_, source)| partner_of(source) == id)
                .collect();
            let parked = parked.get(id);
            if self.format == Format::Json {
                let sources: Vec<_> = sources
                    .iter()
                    .map(|(topic, source)| json!([topic, source]))
                    .collect();
                say!(
                    "{}",
                    json!({ "partner": id, "sources": sources, "parked": parked })
                );
                continue;
            }
            let reasons = |(reason, count): (&String, &u64)| format!("{reason} {count}");
            let (since, rejects) = parked.map_or_else(Default::default, |parked| {
                let reasons: Vec<_> = parked.reasons.iter().map(reasons).collect();
                (
                    parked.since.clone(),
                    format!("{}: {}", parked.rejects, reasons.join(", ")),
                )
            });
            for (topic, source) in sources {
                rows.add_row([id, topic, source, &since, &rejects]);
            }
        }
        if self.format == Format::Text {
            say!("{}", rows.trim_fmt());
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Release {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let partner = &*self.partner;
        let known = reference.partners.ids();
        let (store, runtime) = (config.store.open()?, runtime()?);
        if !runtime
            .block_on(parked::partners(&store))?
            .contains(partner)
        {
            if !known.contains(partner) {
                bail!(
                    "`{partner}` is not in partners.toml{}",
                    hint(partner, known)
                );
            }
            say!("{partner} is not parked");
            return Ok(ExitCode::SUCCESS);
        }
        runtime.block_on(parked::release(&store, partner))?;
        say!(
            "{partner} is released: running consumers read its records again within {} s",
            LOOK_EVERY.as_secs()
        );
        say!(
            "then send again what waits: partner-feeds rejects replay --partner {partner} --reason partner.parked"
        );
        Ok(ExitCode::SUCCESS)
    }
}
