//! `partner-feeds init`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::now;
use super::text::print_note;
use crate::files::create;
use crate::files::fault::hint_or_known;
use crate::files::toml_reader::is_area_code;
use crate::reference::{Partnership, Reference};
use crate::setup::{KnownDistrict, NewPartner, NewPartnership, PartnerRole, forces, is_district};

/// The folder of the configuration.
const CONFIG: &str = "config";

/// Create the configuration of a new partnership
///
/// Writes the folder `config`: the partnership, its partners with what they send, a draft of its first
/// plan, and windows. It asks for an answer that is missing, if the standard input is a terminal.
/// Existing files are never changed. For the areas, run `geography build` next.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds init
  partner-feeds init --area E06000016 --area-name Leicester --force leicestershire")]
pub(crate) struct Init {
    /// Code of the area: a district or unitary authority, such as E06000016, or a partnership of
    /// several districts, such as E22000172
    #[arg(long, value_name = "CODE")]
    area: Option<String>,
    /// Folder in which to create `config`
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Name of the area, such as Leicester
    #[arg(long, value_name = "NAME")]
    area_name: Option<String>,
    /// District of a partnership of several, such as "E07000107=Dartford"; repeated
    #[arg(long = "district", value_name = "CODE=NAME", value_parser = parse_district)]
    districts: Vec<(String, String)>,
    /// Police force, as in the files of data.police.uk, such as leicestershire
    #[arg(long, value_name = "NAME")]
    force: Option<String>,
    /// Name of the partnership [default: the area's name and "Community Safety Partnership"]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// First year of the first plan, which begins in April [default: this financial year]
    #[arg(long, value_name = "YEAR")]
    first_year: Option<i16>,
    /// District, borough or unitary council [default: the area's name and "Council"]. For this and the
    /// options below, write a name, or an id and a name: "leicester-cc=Leicester City Council"
    #[arg(long, value_name = "PARTNER", value_parser = NewPartner::parse)]
    council: Option<NewPartner>,
    /// County council, if the area has one
    #[arg(long, value_name = "PARTNER", value_parser = NewPartner::parse)]
    county: Option<NewPartner>,
    /// Hospital trust (assault attendances, admissions)
    #[arg(long, value_name = "PARTNER", value_parser = NewPartner::parse)]
    hospital: Option<NewPartner>,
    /// Ambulance service
    #[arg(long, value_name = "PARTNER", value_parser = NewPartner::parse)]
    ambulance: Option<NewPartner>,
    /// Mental health trust
    #[arg(long, value_name = "PARTNER", value_parser = NewPartner::parse)]
    mental_health: Option<NewPartner>,
    /// Provider of drug and alcohol treatment
    #[arg(long, value_name = "PARTNER", value_parser = NewPartner::parse)]
    treatment: Option<NewPartner>,
    /// Social landlord
    #[arg(long, value_name = "PARTNER", value_parser = NewPartner::parse)]
    landlord: Option<NewPartner>,
}

fn parse_district(text: &str) -> Result<(String, String), &'static str> {
    let (code, name) = text.split_once('=').ok_or("expected CODE=NAME")?;
    Ok((code.trim().to_owned(), name.trim().to_owned()))
}

impl Init {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let reference = Reference::load(None)?;
        let config = self.dir.join(CONFIG);
        let new = self.answers(&reference)?;
        let faults = new.faults();
        ensure!(
            faults.is_empty(),
            "cannot create a configuration: {}",
            faults.join("; ")
        );
        let files = new.files();
        let existing: Vec<String> = files
            .keys()
            .map(|path| config.join(path))
            .filter(|path| path.exists())
            .map(|path| path.display().to_string())
            .collect();
        ensure!(
            existing.is_empty(),
            "nothing was written, because these files exist: {}; choose another folder with --dir",
            existing.join(", ")
        );
        for (path, text) in &files {
            let path = config.join(path);
            let created =
                create(&path, text).with_context(|| format!("cannot create {}", path.display()))?;
            ensure!(
                created,
                "{} was created by another program meanwhile",
                path.display()
            );
            say!("{}: created", path.display());
        }
        if let Err(faults) = Reference::load(Some(&config)) {
            bail!("the new files have faults: {faults}");
        }
        print_note(&next_steps(&new, &self.dir));
        Ok(ExitCode::SUCCESS)
    }

    /// The answers of the arguments, of what is known, and of the person at the terminal.
    fn answers(&self, reference: &Reference) -> anyhow::Result<NewPartnership> {
        let mut questions = Questions::new();
        let area = questions.answer(
            self.area.clone(),
            "--area",
            "Code of the area, such as E06000016 (find it on the Open Geography Portal)",
        );
        let area = area.trim().to_uppercase();
        let known = KnownDistrict::find(reference, &area);
        let area_name = self
            .area_name
            .clone()
            .or(known.as_ref().map(|known| known.name.clone()));
        let area_name = questions.answer(
            area_name,
            "--area-name",
            "Name of the area, such as Leicester",
        );
        let named = reference.geography.areas();
        let mut named = named.filter(|own| is_district(&own.code) && own.name == area_name);
        if let Some(other) = named.find(|own| own.code != area && is_district(&area)) {
            bail!(
                "--area: the code of {area_name} is {}, not {area}",
                other.code
            );
        }
        let force = self
            .force
            .clone()
            .or(known.as_ref().and_then(|known| known.force.clone()));
        let force = questions.answer(
            force,
            "--force",
            "Police force, as in the files of data.police.uk, such as leicestershire",
        );
        questions.finish()?;
        let forces = forces(reference);
        if !forces.contains(&force.as_str()) {
            let near = hint_or_known(&force, forces.iter().copied());
            bail!("--force: unknown police force `{force}`{near}");
        }
        let mut districts: BTreeMap<String, String> = self.districts.iter().cloned().collect();
        if is_district(&area) {
            districts.insert(area.clone(), area_name.clone());
        } else if districts.is_empty() && is_area_code(&area) {
            bail!(
                "{area} is not a district: name its districts, such as --district \"E07000107=Dartford\""
            );
        }
        // A partnership of several districts has a council of each.
        let council_of = districts.values().next().filter(|_| !is_district(&area));
        let partners = self.partners(
            reference,
            &area,
            council_of.unwrap_or(&area_name),
            &force,
            known.and_then(|known| known.county),
        )?;
        let name = self
            .name
            .clone()
            .unwrap_or_else(|| format!("{area_name} Community Safety Partnership"));
        Ok(NewPartnership {
            partnership: Partnership { name, area },
            area_name,
            districts,
            first_year: self.first_year.unwrap_or_else(this_financial_year),
            partners,
        })
    }

    fn partners(
        &self,
        reference: &Reference,
        area: &str,
        area_name: &str,
        force: &str,
        known_county: Option<String>,
    ) -> anyhow::Result<BTreeMap<PartnerRole, NewPartner>> {
        let named = |name: String| NewPartner::parse(&name).map_err(anyhow::Error::msg);
        let police = format!("{force}-police");
        let police = NewPartner {
            name: reference.partners.label(&police).to_owned(),
            id: police,
        };
        let council = match &self.council {
            Some(council) => council.clone(),
            None => named(format!("{area_name} Council"))?,
        };
        let is_two_tier = area.starts_with("E07")
            || self
                .districts
                .iter()
                .any(|(code, _)| code.starts_with("E07"));
        let county = match (&self.county, known_county) {
            (Some(county), _) => Some(county.clone()),
            (None, Some(name)) => Some(named(format!("{name} County Council"))?),
            // A council of one tier has the duties of a county.
            (None, None) => (!is_two_tier).then(|| council.clone()),
        };
        let optional = [
            (PartnerRole::County, &county),
            (PartnerRole::Acute, &self.hospital),
            (PartnerRole::Ambulance, &self.ambulance),
            (PartnerRole::MentalHealth, &self.mental_health),
            (PartnerRole::Treatment, &self.treatment),
            (PartnerRole::Landlord, &self.landlord),
        ];
        let optional = optional
            .into_iter()
            .filter_map(|(role, partner)| Some((role, partner.clone()?)));
        Ok([
            (PartnerRole::Police, police),
            (PartnerRole::Council, council),
        ]
        .into_iter()
        .chain(optional)
        .collect())
    }
}

/// The year in which the financial year of this machine's clock began.
fn this_financial_year() -> i16 {
    let today = now().in_london().date();
    today.year() - i16::from(today.month() < 4)
}

/// Asks for answers that no option gave.
struct Questions {
    is_terminal: bool,
    missing: Vec<&'static str>,
}

impl Questions {
    fn new() -> Self {
        Self {
            is_terminal: io::stdin().is_terminal(),
            missing: Vec::new(),
        }
    }

    /// The answer that is known, or that of the person at the terminal; empty if it is missing.
    fn answer(&mut self, known: Option<String>, option: &'static str, question: &str) -> String {
        let answer = known.or_else(|| self.is_terminal.then(|| ask(question)).flatten());
        let answer = answer
            .map(|answer| answer.trim().to_owned())
            .filter(|answer| !answer.is_empty());
        answer.unwrap_or_else(|| {
            self.missing.push(option);
            String::new()
        })
    }

    /// An error that names every option that is missing.
    fn finish(self) -> anyhow::Result<()> {
        ensure!(
            self.missing.is_empty(),
            "missing: {}; see init --help",
            self.missing.join(", ")
        );
        Ok(())
    }
}

fn ask(question: &str) -> Option<String> {
    print_note(&format!("{question}: "));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).ok()?;
    Some(line)
}

fn next_steps(new: &NewPartnership, dir: &Path) -> String {
    let to_folder = if dir == Path::new(".") {
        String::new()
    } else {
        format!("cd {}\n  ", dir.display())
    };
    format!(
        "\nThe configuration of the {} is in {}. It passes `plan check`. Next:\n  \
         {to_folder}partner-feeds geography build FILES     the look-ups and populations of the ONS\n  \
         partner-feeds import police-uk ...      crimes of data.police.uk, as events\n  \
         partner-feeds load crimes.jsonl         these events in a store, without Kafka\n  \
         partner-feeds aggregate                 the tables of the draft plan, {}\n\
         Then look through config/partners.toml (partners that are not known are commented out) and\n\
         config/plans/{}.toml. docs/your-partnership.md has every step.\n",
        new.partnership.name,
        dir.join(CONFIG).display(),
        new.plan(),
        new.plan()
    )
}
