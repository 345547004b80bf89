//! The strategic assessment, from stores of every kind: what it says, and that it is one document.

use std::io::Cursor;
use std::process::Command;
use std::sync::LazyLock;

use calamine::{DataType, Reader, Xlsx, open_workbook_from_rs};
use partner_feeds::aggregate::{self, AggregateSettings, PlanChoice};
use partner_feeds::assess::{self, AssessRun, Extent, Written};
use partner_feeds::event::Micros;
use partner_feeds::files::TextFiles;
use partner_feeds::reference::Reference;
use partner_feeds::release::{self, ReleaseRun};

use crate::behaviours::chain_of_generated_events;
use crate::chain::{Chain, FIVE_MONTHS, HOUSING, POLICE, Quiet, noon};
use crate::kent;
use crate::kit::events::{crime, detention, housing_count};

/// Generated events of every kind, with their tables.
pub(crate) static GENERATED: LazyLock<Chain> = LazyLock::new(|| {
    let chain = chain_of_generated_events(2_000);
    chain.aggregate("smp-2017-18").expect("records");
    chain
});

const ID: &str = "an-assessment";

/// An assessment in place of the shipped ones, with its own reference data.
struct Assessment {
    files: TextFiles,
    reference: Reference,
}

impl Assessment {
    /// An assessment of a plan and a window; `more` are further lines of its file.
    fn new(plan: &str, window: &str, more: &str) -> Self {
        Self::with_reference(&[], plan, window, more)
    }

    fn with_reference(texts: &[(&str, &str)], plan: &str, window: &str, more: &str) -> Self {
        let mut files = TextFiles::built_in();
        let windows = format!(
            "{}\n[[window]]\nid = \"{FIVE_MONTHS}\"\nfirst = \"2018-10\"\nmonths = 5\n",
            files.text("windows.toml").expect("windows")
        );
        files.put("windows.toml", windows);
        for (path, text) in texts {
            files.put(*path, (*text).to_owned());
        }
        let settings = format!(
            "format = 1\nid = \"{ID}\"\ntitle = \"An assessment\"\nplan = \"{plan}\"\n\
             window = \"{window}\"\nbaseline = \"year-before\"\nstatus = \"draft\"\n{more}"
        );
        files.put(format!("assessments/{ID}/assessment.toml"), settings);
        let reference = Reference::read(&files).expect("valid");
        Self { files, reference }
    }

    fn text(mut self, section: &str, text: &str) -> Self {
        self.files
            .put(format!("assessments/{ID}/{section}.md"), text.to_owned());
        self
    }

    fn try_write(&self, chain: &Chain, extent: &Extent) -> Result<Written, String> {
        let run = AssessRun {
            files: &self.files,
            reference: &self.reference,
            store: &chain.store,
            runtime: chain.runtime.handle(),
        };
        assess::write(&run, ID, extent).map_err(|error| error.to_string())
    }

    fn write(&self, chain: &Chain) -> String {
        let written = self.try_write(chain, &Extent::Complete);
        page(&written.unwrap_or_else(|error| panic!("{error}")))
    }
}

/// The page of a document.
fn page(written: &Written) -> String {
    let (name, page) = &written.files[0];
    assert!(name.contains(".html"), "{name}");
    String::from_utf8(page.to_vec()).expect("UTF-8")
}

/// The text of a page, without its tags.
fn text(page: &str) -> String {
    let body = page.split_once("<main>").expect("the text").1;
    let mut text = String::new();
    for part in body.split('<').skip(1) {
        text.push_str(part.split_once('>').map_or("", |(_, after)| after));
    }
    text.replace("&#x27;", "'")
        .replace("&#x2f;", "/")
        .replace("&amp;", "&")
}

/// Checks what holds for every document.
fn assert_is_a_document(page: &str) {
    for section in [
        "key-points",
        "what-to-know",
        "overall",
        "places",
        "decide",
        "annex-g",
    ] {
        let id = format!("<section id=\"{section}\"");
        assert_eq!(page.matches(&id).count(), 1, "{section}");
    }
    let ids: Vec<&str> = attributes(page, "id").collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "every id is there once");
    for target in attributes(page, "href").filter_map(|href| href.strip_prefix('#')) {
        assert!(unique.binary_search(&target).is_ok(), "no id `{target}`");
    }
    assert!(!page.contains("<script"), "no script");
    let words = text(page).to_lowercase();
    for avoided in [
        "sharply",
        "significant",
        "trend",
        "hotspot",
        "due to",
        "nan",
        "none(",
    ] {
        let found = words.split(|c: char| !c.is_alphanumeric() && c != ' ');
        assert!(
            !found
                .map(|part| format!(" {part} "))
                .any(|part| part.contains(&format!(" {avoided} "))),
            "{avoided}"
        );
    }
}

fn attributes<'p>(page: &'p str, name: &str) -> impl Iterator<Item = &'p str> {
    let start = format!(" {name}=\"");
    let length = start.len();
    page.match_indices(&start)
        .map(|(at, _)| at + length)
        .filter_map(|from| page[from..].split_once('"'))
        .map(|(value, _)| value)
        .collect::<Vec<_>>()
        .into_iter()
}

const CRIME: &str = "overview = [\"kent-police/crime\"]\n";

/// Crimes of a month in a ward of the borough.
fn crimes(month: &str, count: usize) -> Vec<String> {
    let subjects = (0..count).map(|index| format!("{month}-{index}"));
    subjects
        .map(|subject| {
            let crime = crime(&subject).month(month);
            crime.area("E01024366", "lsoa").to_string()
        })
        .collect()
}

#[test]
fn one_month_without_a_year_before_is_a_document() {
    let chain = Chain::with(POLICE, &crimes("2017-05", 30));
    chain.aggregate("smp-2017-18").expect("records");
    let page = Assessment::new("smp-2017-18", "fy:2017-18", CRIME).write(&chain);
    assert_is_a_document(&page);
    let text = text(&page);
    assert!(text.contains("at least 30"), "eleven months are missing");
    let page = Assessment::new("smp-2017-18", "month:2017-05", CRIME).write(&chain);
    assert_is_a_document(&page);
}

#[test]
fn what_no_partner_sent_is_a_gap_and_never_zero() {
    let chain = Chain::with(POLICE, &crimes("2017-05", 3));
    chain.aggregate("smp-2017-18").expect("records");
    let more = "overview = [\"kent-police/crime\"]\n";
    let page = Assessment::new("smp-2017-18", "fy:2017-18", more).write(&chain);
    let mental_health = section(&page, "mental-health");
    assert!(!mental_health.contains(">0<"), "{mental_health}");
    let detentions = [detention("d-1", "health_based")
        .month("2017-05")
        .to_string()];
    let chain = Chain::with(POLICE, &detentions);
    chain.aggregate("smp-2017-18").expect("records");
    let more = "overview = [\"kent-police/detention\"]\n";
    let page = Assessment::new("smp-2017-18", "fy:2017-18", more).write(&chain);
    assert_is_a_document(&page);
    let key_points = text(&section(&page, "key-points").replace("<section", "<main><section"));
    assert!(
        key_points.contains("No partner sent records that show"),
        "{key_points}"
    );
}

/// The part of a page that is a section.
fn section(page: &str, id: &str) -> String {
    let start = page
        .find(&format!("<section id=\"{id}\""))
        .expect("a section");
    page[start..]
        .split("</section>")
        .next()
        .expect("its text")
        .to_owned()
}

/// The five months of Kent that were published, under the plan of the year after.
#[test]
fn kent_is_as_published_and_its_half_month_is_reported() {
    let chain = kent::chain();
    chain.aggregate("smp-2018-19").expect("records");
    let page = Assessment::new("smp-2018-19", FIVE_MONTHS, CRIME).write(chain);
    assert_is_a_document(&page);
    let text = text(&page);
    for sentence in [
        "There were 5,594 recorded crimes. There is no figure for the same months a year earlier.",
        "What Kent Police sent for December 2018 is unusually low (",
        "of the level of the months around it), so this number is probably too low.",
        "The rate is 31.8 for every 1,000 residents in this period, the eighth highest of 12 districts.",
        "High Street had the most recorded crimes of all wards: 1,419",
        "No partner sent records that show Organised Crime Groups (including Modern Slavery), \
         Domestic Abuse or Mental Health.",
    ] {
        assert!(text.contains(sentence), "{sentence}: {}", &text[..1500]);
    }
}

/// Households of two years, as published for Maidstone: the change is more than chance.
#[test]
fn a_clear_rise_is_reported_with_both_numbers() {
    let quarter = |(from, to, households): (&str, &str, i64)| {
        housing_count("mhclg:hclic-tables", &format!("t-{from}"))
            .what("hclic-need", "2018-04", "history-of-mental-health-problems")
            .period(from, to)
            .area_of("E07000110", "district", 2019)
            .exact(households)
            .to_string()
    };
    let totals = [
        ("2018-04-01", "2018-06-30", 274),
        ("2018-07-01", "2018-09-30", 273),
        ("2018-10-01", "2018-12-31", 273),
        ("2019-01-01", "2019-03-31", 274),
        ("2019-04-01", "2019-06-30", 314),
        ("2019-07-01", "2019-09-30", 314),
        ("2019-10-01", "2019-12-31", 314),
        ("2020-01-01", "2020-03-31", 315),
    ];
    let mut chain = Chain::new();
    let received = noon("2021-06-01");
    chain.commit(
        HOUSING,
        0,
        totals.map(quarter).map(|total| (received, total)),
    );
    chain.aggregate("smp-2019-22").expect("records");
    let more = "overview = [\"mhclg/count:hclic-need\"]\n";
    let page = Assessment::new("smp-2019-22", "fy:2019-20", more).write(&chain);
    assert_is_a_document(&page);
    let text = text(&page);
    assert!(
        text.contains("rose by 14.9%, from 1,094 to 1,257."),
        "{text}"
    );
}

/// Some totals are suppressed: every figure is known within bounds only.
#[test]
fn totals_within_bounds_are_a_document() {
    let ends = ["2018-04-30", "2018-05-31", "2018-06-30"];
    let totals = ends.map(|end| {
        let month = &end[..7];
        housing_count("mhclg:hclic-tables", &format!("t-{month}"))
            .what("hclic-need", "2018-04", "history-of-mental-health-problems")
            .period(&format!("{month}-01"), end)
            .area_of("E07000110", "district", 2019)
            .suppressed(1, Some(4))
            .to_string()
    });
    let chain = Chain::with(HOUSING, &totals);
    chain.aggregate("smp-2018-19").expect("records");
    let more = "overview = [\"mhclg/count:hclic-need\"]\n";
    let page = Assessment::new("smp-2018-19", "quarter:2018-q2", more).write(&chain);
    assert_is_a_document(&page);
    let text = text(&page);
    assert!(text.contains("between 3 and 12"), "{text}");
}

/// Crimes whose district alone is known, and no populations.
#[test]
fn without_wards_and_populations_it_is_a_document() {
    let texts = [("geography/populations.csv", "")];
    let assessment = Assessment::with_reference(&texts, "smp-2017-18", "month:2017-05", CRIME);
    let crimes = (0..200).map(|index| {
        let crime = crime(&format!("c-{index}")).month("2017-05");
        crime.area("E07000110", "district").to_string()
    });
    let chain = Chain::with(POLICE, &crimes.collect::<Vec<_>>());
    chain
        .aggregate_with(&assessment.reference, &["smp-2017-18"], None)
        .expect("records");
    let page = assessment.write(&chain);
    assert_is_a_document(&page);
    let text = text(&page);
    assert!(text.contains("There were 200 recorded crimes"), "{text}");
    assert!(!text.contains("for every 1,000"), "no rate");
    assert!(text.contains("no exact numbers by ward"), "no wards");
}

#[test]
fn hostile_and_long_names_are_escaped() {
    let mut plan = TextFiles::built_in()
        .text("plans/smp-2017-18.toml")
        .expect("the plan")
        .to_owned();
    let long = "Very long name ".repeat(14);
    plan = plan
        .replace("\"Mental Health\"", "\"<script>alert(1)</script> & 'x'\"")
        .replace("\"Substance Misuse\"", &format!("\"{}\"", long.trim()));
    let texts = [("plans/smp-2017-18.toml", &*plan)];
    let assessment = Assessment::with_reference(&texts, "smp-2017-18", "fy:2017-18", CRIME);
    let chain = Chain::with(POLICE, &crimes("2017-05", 100));
    chain
        .aggregate_with(&assessment.reference, &["smp-2017-18"], None)
        .expect("records");
    let page = assessment.write(&chain);
    assert_is_a_document(&page);
    assert!(page.contains("&lt;script&gt;alert(1)"), "escaped");
    assert!(page.contains(long.trim()), "complete");
}

#[test]
fn every_fault_is_reported_at_once() {
    let chain = Chain::with(POLICE, &crimes("2017-05", 3));
    chain.aggregate("smp-2017-18").expect("records");
    let more = "overview = [\"kent-polic/crime\", \"crime\"]\nrestricted = [\"mentl-health\"]\n\
                colour = \"red\"\n[lead]\nsubstance = \"kent-police/crime\"\n[map]\n\
                feed = \"kent-police/crime\"\nvintage = \"2019\"\nboundaries = \"no.geojson\"\n\
                code = \"code\"\ncredit = \"c\"\n";
    let assessment = Assessment::new("smp-2017-18", "fy:2017-18", more)
        .text("summary", "<b>bold</b>")
        .text("sumary", "text");
    let error = assessment
        .try_write(&chain, &Extent::Complete)
        .err()
        .expect("refused");
    for fault in [
        "overview[0]: unknown partner `kent-polic`; did you mean `kent-police`?",
        "overview[1]: `crime` is not a partner and kind",
        "restricted[0]: `mentl-health` is not a priority of smp-2017-18; did you mean",
        "colour: unknown key",
        "lead.substance: `substance` is not a priority",
        "map.boundaries: there is no file `no.geojson`",
        "summary.md: line 1: has HTML",
        "sumary.md: is not the text of a section; did you mean `summary`?",
    ] {
        assert!(error.contains(fault), "{fault}:\n{error}");
    }
    let more = "overview = [\"kent-police/crime\", \"secamb/ambulance-call\"]\n";
    let assessment = Assessment::new("smp-2017-18", "fy:2019-20", more);
    let error = assessment
        .try_write(&chain, &Extent::Complete)
        .err()
        .expect("refused");
    assert!(
        error.contains("the tables have no figures for `fy:2019-20`"),
        "{error}"
    );
    assert!(
        error.contains("no records of `secamb/ambulance-call`"),
        "{error}"
    );
}

/// A release of a year, with wards.
const RELEASE: &str = "format = 1\nid = \"a-release\"\ntitle = \"A release\"\nplan = \"smp-2017-18\"\n\
    [[accept]]\ncheck = \"suspect-month\"\nreason = \"invented\"\n\
    [[table]]\ntable = \"window_totals\"\nwindows = [\"fy:2017-18\"]\n\
    levels = [\"all-received\", \"district\", \"ward@2019\"]\nseries = [\"plan\"]\n";

#[test]
fn a_public_edition_is_written_from_its_release_alone() {
    let chain = chain_of_generated_events(2_000);
    chain.aggregate("smp-2017-18").expect("records");
    let more = "overview = [\"kent-police/crime\", \"secamb/ambulance-call\"]\n\
                edition = \"public\"\nrelease = \"a-release\"\n";
    let mut assessment = Assessment::new("smp-2017-18", "fy:2017-18", more);
    assessment
        .files
        .put("releases/a-release.toml", RELEASE.to_owned());
    let written = assessment.try_write(&chain, &Extent::Complete);
    let error = written.err().expect("refused");
    assert!(
        error.contains("has no release in `releases/a-release`: run"),
        "{error}"
    );

    let run = ReleaseRun {
        files: &assessment.files,
        reference: &assessment.reference,
        store: &chain.store,
        runtime: chain.runtime.handle(),
    };
    let made = release::make(&run, "a-release", &[], &mut Quiet).expect("safe");
    release::write(&run, &made).expect("written");
    let public = assessment.write(&chain);
    assert_is_a_document(&public);
    for word in [
        "to protect people [c]",
        "about <a class=\"n\"",
        "rounded to the nearest",
    ] {
        assert!(public.contains(word), "{word}");
    }
    for word in [
        "not for publication",
        "partner-feeds explain",
        "for the partnership only",
    ] {
        assert!(!public.contains(word), "{word}");
    }
    for folder in ["aggregates", "events"] {
        let folder = std::path::Path::new(chain.root()).join(folder);
        std::fs::remove_dir_all(folder).expect("removed");
    }
    assert!(assessment.write(&chain) == public, "nothing else is read");
}

#[test]
fn what_a_public_edition_must_not_be_is_a_fault() {
    let chain = Chain::with(POLICE, &crimes("2017-05", 3));
    let public = "edition = \"public\"\n";
    for (more, fault) in [
        (public.to_owned(), "release: is missing"),
        (
            format!("{public}release = \"r\"\nas_at = 2018-01-01\n"),
            "as_at: is set by the release: leave it out",
        ),
        (
            "release = \"r\"\n".to_owned(),
            "release: belongs to edition = \"public\" only",
        ),
        (
            "edition = \"open\"\n".to_owned(),
            "edition: `open` is not one of partnership, public",
        ),
    ] {
        let assessment = Assessment::new("smp-2017-18", "fy:2017-18", &format!("{CRIME}{more}"));
        let written = assessment.try_write(&chain, &Extent::Complete);
        let error = written.err().expect("refused");
        assert!(error.contains(fault), "{fault}:\n{error}");
    }
    let assessment = Assessment::new(
        "smp-2017-18",
        "fy:2017-18",
        &format!("{CRIME}{public}release = \"r\"\n"),
    );
    let error = assessment.try_write(&chain, &Extent::Weekly).err();
    assert!(
        error
            .expect("refused")
            .contains("the weekly digest is of tables that are not released")
    );
}

#[test]
fn a_text_cites_figures_and_an_unknown_one_is_a_fault() {
    let chain = Chain::with(POLICE, &crimes("2017-05", 30));
    chain.aggregate("smp-2017-18").expect("records");
    let window = "month:2017-05";
    let assessment = Assessment::new("smp-2017-18", window, CRIME).text(
        "summary",
        "We know of {{total/kent-police/crime/count}} crimes, and 2 arrests.",
    );
    let written = assessment
        .try_write(&chain, &Extent::Complete)
        .expect("written");
    assert_eq!(written.own_numbers, 1);
    let cited = "We know of <a class=\"n\" href=\"#q-total/kent-police/crime/count\">30</a> crimes";
    assert!(page(&written).contains(cited));
    let assessment = Assessment::new("smp-2017-18", window, CRIME)
        .text("summary", "{{total/kent-police/crime/cout}}");
    let error = assessment
        .try_write(&chain, &Extent::Complete)
        .err()
        .expect("refused");
    assert!(
        error.contains("there is no such figure; did you mean `total/kent-police/crime/count`?"),
        "{error}"
    );
}

#[test]
fn key_points_are_pinned_and_dropped_by_the_name_of_a_figure() {
    let chain = Chain::with(POLICE, &crimes("2017-05", 30));
    chain.aggregate("smp-2017-18").expect("records");
    let with = |pin: &str| {
        let more = format!(
            "{CRIME}[key_points]\npin = [\"{pin}\"]\n[[key_points.drop]]\n\
             figure = \"total/kent-police/crime/count\"\nreason = \"Known from the summary.\"\n"
        );
        Assessment::new("smp-2017-18", "month:2017-05", &more)
    };
    let page = with("domestic-abuse-violent-crime/kent-police/crime/count").write(&chain);
    let key_points = section(&page, "key-points");
    assert!(key_points.contains("Domestic Abuse and Violent Crime"));
    assert!(section(&page, "annex-b").contains("Known from the summary."));
    let error = with("domestic-abuse/kent-police/crime/count")
        .try_write(&chain, &Extent::Complete)
        .err()
        .expect("refused");
    assert!(
        error.contains("key_points.pin: there is no count `domestic-abuse/"),
        "{error}"
    );
}

#[test]
fn a_final_document_has_every_text() {
    let chain = Chain::with(POLICE, &crimes("2017-05", 3));
    chain.aggregate("smp-2017-18").expect("records");
    let mut assessment = Assessment::new("smp-2017-18", "month:2017-05", CRIME);
    let path = format!("assessments/{ID}/assessment.toml");
    let settings = assessment
        .files
        .text(&path)
        .expect("settings")
        .replace("draft", "final");
    assessment.files.put(path, settings);
    let error = assessment
        .try_write(&chain, &Extent::Complete)
        .err()
        .expect("refused");
    assert_eq!(
        error
            .matches("is missing or empty, and the status is final")
            .count(),
        14
    );
}

#[test]
fn a_briefing_is_one_section_with_its_queries() {
    let chain = &*GENERATED;
    let assessment = Assessment::new("smp-2017-18", "fy:2017-18", CRIME);
    let extent = Extent::Section("mental-health".to_owned());
    let written = assessment.try_write(chain, &extent).expect("written");
    let page = page(&written);
    assert!(page.contains("<section id=\"mental-health\"") && page.contains("id=\"annex-f\""));
    assert!(!page.contains("<section id=\"key-points\""));
    let unknown = Extent::Section("mental-helth".to_owned());
    let error = assessment
        .try_write(chain, &unknown)
        .err()
        .expect("refused");
    assert!(error.contains("did you mean `mental-health`?"), "{error}");
}

#[test]
fn the_weekly_digest_has_what_came_in_what_is_unusual_and_what_is_late() {
    let assessment = Assessment::new("smp-2017-18", "fy:2017-18", CRIME);
    let mut chain = Chain::new();
    let crimes = crimes("2017-05", 30);
    let days = ["2017-06-10", "2017-06-12"].map(noon);
    let received = crimes
        .iter()
        .zip([days[0], days[1], days[1]].into_iter().cycle());
    chain.commit(POLICE, 0, received.map(|(crime, day)| (day, crime)));
    let ids = ["smp-2017-18".to_owned()];
    let plan = PlanChoice::parse(&assessment.reference, &ids);
    let since = Micros::end_of_day_in_london("2017-06-11".parse().expect("a day"));
    let settings = AggregateSettings::new(plan.expect("a plan"), &assessment.reference, None)
        .compared_with(Some(since));
    aggregate::run(&chain.store, &settings, chain.runtime.handle(), &mut Quiet).expect("written");
    let written = assessment
        .try_write(&chain, &Extent::Weekly)
        .expect("written");
    let page = page(&written);
    let arrived = text(&section(&page, "arrived").replace("<section", "<main><section"));
    assert!(
        arrived.contains("cancelled since 11 June 2017"),
        "{arrived}"
    );
    assert!(
        arrived.contains("Kent PoliceRecorded crimes200"),
        "{arrived}"
    );
    for id in ["unusual", "late", "annex-f"] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
}

/// All kinds of record in one store.
#[test]
fn every_kind_of_record_is_in_the_document() {
    let page = Assessment::new("smp-2017-18", "fy:2017-18", CRIME).write(&GENERATED);
    assert_is_a_document(&page);
    let coverage = section(&page, "annex-e");
    for kind in [
        "Recorded crimes",
        "Ambulance calls",
        "Homelessness applications",
    ] {
        assert!(coverage.contains(kind), "{kind}");
    }
}

/// The spreadsheet can be read by another library, and has the numbers of the document.
#[test]
fn the_spreadsheet_has_the_tables_of_the_document() {
    let assessment = Assessment::new("smp-2017-18", "fy:2017-18", CRIME);
    let written = assessment
        .try_write(&GENERATED, &Extent::Complete)
        .expect("written");
    let (_, bytes) = written
        .files
        .iter()
        .find(|(name, _)| name == assess::TABLES)
        .expect("a spreadsheet");
    let mut workbook: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).expect("a workbook");
    let names = workbook.sheet_names();
    assert_eq!(names[..3], ["Contents", "Notes", "Table_1"]);
    let contents = workbook.worksheet_range("Contents").expect("a sheet");
    assert_eq!(
        contents.height(),
        names.len() - 2 + 4,
        "a row for each table"
    );
    for name in &names[2..] {
        let sheet = workbook.worksheet_range(name).expect("a sheet");
        let rows = sheet.rows().skip(3);
        let blank = rows.flatten().filter(|cell| cell.is_empty()).count();
        assert_eq!(blank, 0, "{name} has blank cells");
    }
    let glance = workbook.worksheet_range("Table_1").expect("a sheet");
    assert!(glance.rows().flatten().any(DataType::is_float), "numbers");
}

/// The same tables give the same bytes, in any time zone and language.
#[test]
fn equal_inputs_give_equal_bytes() {
    let out = tempfile::tempdir().expect("a folder");
    let [first, second] =
        [("UTC", "C"), ("Pacific/Auckland", "tr_TR.UTF-8")].map(|(zone, language)| {
            let folder = out.path().join(language);
            let status = Command::new(env!("CARGO_BIN_EXE_partner-feeds"))
                .args([
                    "assess",
                    "write",
                    "smp-2018-19",
                    "--store",
                    GENERATED.root(),
                    "--out",
                ])
                .arg(&folder)
                .env("TZ", zone)
                .env("LANG", language)
                .env("LC_ALL", language)
                .output()
                .expect("the program runs");
            let error = String::from_utf8_lossy(&status.stderr).into_owned();
            assert!(status.status.success(), "{error}");
            ["index.html", "figures.json", "tables.xlsx"]
                .map(|name| std::fs::read(folder.join("smp-2018-19").join(name)).expect("written"))
        });
    assert!(first == second, "the bytes differ");
}
