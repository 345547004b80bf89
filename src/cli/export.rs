//! `partner-feeds export`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::options::{SettingOptions, StoreOptions, open_store};
use super::{lookup, runtime};
use crate::aggregate::tables::TABLES;
use crate::export::{EXPORTS, Export, ExportFormat, RowChoice};
use crate::storage::Store;

/// Write tables as a spreadsheet or as CSV, for the partnership
///
/// Replaces the folder `exports/<plan>` of the store. The workbook keeps codes such as 008/01 as texts,
/// and begins with a sheet that states what the figures are. The numbers are exact: not for publication.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds export --plan smp-2017-18 --area Maidstone --window 2017-18
  partner-feeds export change --plan smp-2017-18 --series mental-health --format csv --out mine")]
pub(crate) struct ExportCommand {
    /// Tables, such as `window_totals` [default: all]
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,
    /// Plan of the tables, or in-force for each month under its own plan
    /// [default: the first of aggregate.plans of the settings, else in-force]
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
    /// Only rows of this area by name or code, such as Maidstone or E07000110; may be repeated
    #[arg(long = "area", value_name = "CODE")]
    areas: Vec<String>,
    /// Only rows of this window, such as 2018-10, 2018-19 or fy:2018-19; may be repeated
    #[arg(long = "window", value_name = "ID")]
    windows: Vec<String>,
    /// Only rows of this series, such as total or mental-health; may be repeated
    #[arg(long, value_name = "ID")]
    series: Vec<String>,
    /// Form of the files
    #[arg(long, value_enum, default_value = "xlsx")]
    format: FormatName,
    /// Write to a folder of the plan's id in this folder or at this URL, instead of the store
    #[arg(long, value_name = "DIR")]
    out: Option<String>,
    #[command(flatten)]
    options: StoreOptions,
}

/// A form, as `--format` names it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatName {
    /// One workbook with a sheet for each table
    Xlsx,
    /// A file for each table
    Csv,
}

impl From<FormatName> for ExportFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Xlsx => Self::Xlsx,
            FormatName::Csv => Self::Csv,
        }
    }
}

impl ExportCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let plan = lookup::table_folder(&reference, &config, self.plan)?;
        let tables = self.tables.iter().map(|name| lookup::table(name));
        let mut tables = tables.collect::<anyhow::Result<Vec<_>>>()?;
        if tables.is_empty() {
            tables = TABLES.iter().collect();
        }
        let areas = self.areas.iter().map(|area| lookup::area(&reference, area));
        let areas = areas.collect::<anyhow::Result<_>>()?;
        let windows = self.windows.iter();
        let windows = windows.map(|window| Ok(lookup::window(&reference, window)?.id));
        let windows = windows.collect::<anyhow::Result<_>>()?;
        let (store, runtime) = (open_store(&config)?, runtime()?);
        let export = Export {
            store: &store,
            runtime: runtime.handle(),
            reference: &reference,
            plan,
            tables,
            rows: RowChoice::new(areas, windows, self.series),
            format: self.format.into(),
        };
        let (target, folder) = match &self.out {
            Some(out) => (Store::open_or_create(out, [])?, plan.folder().to_owned()),
            None => (store.clone(), format!("{EXPORTS}/{}", plan.folder())),
        };
        let mut replacement = runtime.block_on(target.replacement(&folder))?;
        let names = export.write(&mut replacement)?;
        runtime.block_on(replacement.publish())?;
        let root = target.root().trim_end_matches('/');
        for name in names {
            say!("{root}/{folder}/{name}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
