//! `partner-feeds partners`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::options::{SettingOptions, StoreOptions, open_store};
use super::text::table;
use super::{Format, lookup, runtime};
use crate::contract::record::partner_of;
use crate::paused::{self, PausedPartner};
use crate::pipeline::POLL_PAUSED;

/// List partners, and resume those that are paused
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds partners list
  partner-feeds partners resume kent-police")]
pub(crate) struct Partners {
    #[command(subcommand)]
    act: PartnersAction,
}

#[derive(Debug, Subcommand)]
enum PartnersAction {
    /// List the partners of partners.toml, their sources, and which are paused
    #[command(after_help = "Examples:
  partner-feeds partners list --store store")]
    List(ListPartners),
    /// Resume a paused partner: `ingest` validates its records again
    #[command(after_help = "Examples:
  partner-feeds partners resume kent-police")]
    Resume(ResumePartner),
}

#[derive(Debug, Args)]
struct ListPartners {
    #[command(flatten)]
    options: StoreOptions,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
struct ResumePartner {
    /// Partner's id, such as kent-police
    partner: String,
    #[command(flatten)]
    options: StoreOptions,
}

impl Partners {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.act {
            PartnersAction::List(list) => list.run(),
            PartnersAction::Resume(resume) => resume.run(),
        }
    }
}

impl ListPartners {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let store = open_store(&config)?;
        let paused = runtime()?.block_on(paused::all(&store))?;
        let partners = &reference.partners;
        let mut rows = table([
            "partner",
            "topic",
            "source",
            "paused since",
            "rejects in a row",
        ]);
        for id in partners.ids() {
            let topics = partners
                .topics()
                .flat_map(|topic| partners.sources(&topic.name).map(|s| (&*topic.name, s)));
            let sources: Vec<_> = topics
                .filter(|(_, source)| partner_of(source) == id)
                .collect();
            let paused = paused.get(id);
            if self.format == Format::Json {
                let sources: Vec<_> = sources
                    .iter()
                    .map(|(topic, source)| json!([topic, source]))
                    .collect();
                say!(
                    "{}",
                    json!({ "partner": id, "sources": sources, "paused": paused })
                );
                continue;
            }
            let (since, rejects) = paused.map_or_else(Default::default, |paused| {
                (paused.since.clone(), rejects_text(paused))
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

/// How many rejects came in a row, and for which reasons.
fn rejects_text(paused: &PausedPartner) -> String {
    let reasons: Vec<String> = paused
        .reasons
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    format!("{}: {}", paused.rejects, reasons.join(", "))
}

impl ResumePartner {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let partner = &*self.partner;
        let (store, runtime) = (open_store(&config)?, runtime()?);
        if !runtime
            .block_on(paused::partners(&store))?
            .contains(partner)
        {
            lookup::partner(&reference, partner)?;
            say!("{partner} is not paused");
            return Ok(ExitCode::SUCCESS);
        }
        runtime.block_on(paused::resume(&store, partner))?;
        say!(
            "{partner} is resumed: running consumers validate its records again within {} s",
            POLL_PAUSED.as_secs()
        );
        say!(
            "then replay what waits: \
             partner-feeds rejects replay --partner {partner} --reason partner.paused"
        );
        Ok(ExitCode::SUCCESS)
    }
}
