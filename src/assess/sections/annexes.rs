//! The annexes: where the figures come from, how the words were chosen, and what is missing.

use crate::aggregate::tables::TableValue;
use crate::assess::config::Edition;
use crate::assess::document::{Block, DataTable, Section, TableCell};
use crate::assess::draft::{Draft, Measure};
use crate::assess::previous::Previous;
use crate::assess::prose::{Prose, code, constant, name, prose, strong};
use crate::assess::query::{Condition, Expression, Listing, Selection};
use crate::assess::sections::know::{break_days, breaks, ids};
use crate::assess::sections::{column, listed_table, paragraph};
use crate::assess::value::NumberFormat;
use crate::assess::words::{Wording, count_reason_short};
use crate::reference::labels::in_words;

/// The annexes before and after the list of queries, which is annex F.
pub(super) fn sections(draft: &Draft<'_>, previous: Option<&Previous>) -> Vec<Section> {
    let annex = |letter: &str, title: &str, blocks| Section {
        id: format!("annex-{letter}"),
        title: format!("Annex {}: {title}", letter.to_uppercase()),
        level: 2,
        blocks,
    };
    vec![
        annex("a", "data sources and quality", quality(draft)),
        annex("b", "how the words were chosen", methods(draft)),
        annex("c", "changes in counting", breaks_table(draft)),
        annex("d", "figures that changed", revisions(draft, previous)),
        annex("e", "what each kind of record can show", coverage(draft)),
        annex(
            "g",
            "words, accessibility, licence and provenance",
            about(draft),
        ),
    ]
}

fn quality(draft: &Draft<'_>) -> Vec<Block> {
    let rows = Selection::new("feed_quality")
        .and(Condition::NotNull("kind"))
        .and(Condition::NotNull("kind_label"))
        .and(Condition::Days("window_from", draft.span.0, draft.span.1));
    let status = |status: &str| {
        Expression::CountWhere(Condition::Is("data_status", TableValue::from(status)))
    };
    let sum = Expression::Sum;
    let months = [
        ("final", "Final months", status("final")),
        ("provisional", "Provisional", status("provisional")),
        ("suspect", "Unusual", status("suspect")),
        ("overdue", "Missing", status("overdue")),
        ("not_kept", "Not kept", status("not_kept")),
    ];
    let records = [
        ("records", "Records", sum("records")),
        ("late", "Late records", sum("late")),
        ("revised", "Corrected", sum("revised")),
        ("rejected", "Rejected", sum("rejected")),
        ("unknown_code", "Unknown code", sum("unknown_code")),
        ("no_location", "No location", sum("no_location")),
    ];
    // A release has the statuses of months, and no numbers of records.
    let records = records.into_iter().filter(|_| !draft.config.is_public());
    let mut listing = Listing::new(rows, &["partner_name", "kind_label"]);
    let mut columns = vec![("Partner", None), ("Kind of record", None)];
    for (name, label, expression) in months.into_iter().chain(records) {
        listing = listing.with(name, expression);
        columns.push((label, Some(NumberFormat::Count)));
    }
    let listing = listing.grouped(&["partner_name", "kind_label"]);
    let caption = format!("What partners sent, {}", draft.window_label);
    let mut table = listed_table(draft, "table-quality", caption, &columns, &listing);
    table.note = Prose::from(
        "Everything that a partner sent, not only for this area. A month is unusual if it has far \
         fewer or more records than the months around it, and missing if it was due and nothing \
         came. It is not kept if the retention period of its records has ended. Months before the \
         first record of a kind, and months that are not due yet, are in no column.",
    );
    let mut blocks = vec![Block::Table { table }];
    if !draft.config.is_public() {
        blocks.extend(reconciliation(draft));
    }
    blocks
}

/// The checks of sums, those that failed with the reason why they are accepted.
fn reconciliation(draft: &Draft<'_>) -> Vec<Block> {
    let checked = |result: &str| {
        draft.figure(
            format!("reconciliation/{result}"),
            Selection::new("reconciliation").is("result", result),
            Expression::Rows,
            NumberFormat::Count,
        )
    };
    let mut blocks = vec![paragraph(prose!(
        "Sums of parts were compared with their totals. {} checks passed, {} \
             failed, and {} could not be made, because one side is not exact or was \
             not sent.",
        checked("pass"),
        checked("fail"),
        checked("not_tested")
    ))];
    for accepted in &draft.config.accept {
        blocks.push(paragraph(prose!(
            "{} {}",
            strong(prose!("Accepted: {}.", name(&*accepted.check))),
            name(&*accepted.reason)
        )));
    }
    blocks
}

fn methods(draft: &Draft<'_>) -> Vec<Block> {
    let mut items = vec![
        prose!(
            "{}both periods are complete and counted in the same way, and a \
             difference as large as this comes about by chance less than once in {} \
             times. A document makes about that many comparisons.",
            strong("Rose, fell: "),
            constant("100")
        ),
        prose!(
            "{}the difference could be chance.",
            strong("No clear change: ")
        ),
        prose!(
            "{}both numbers are below {}. No percentage is given of a base below {}.",
            strong("Too small: "),
            constant("20"),
            constant("20")
        ),
        prose!(
            "{}the way of counting changed, and it is known by how much that alone \
             raised the numbers.",
            strong("Better recording alone could: ")
        ),
        prose!(
            "{}counting changed by an unknown amount, or months are unusual, missing \
             or not complete. Both numbers are given, and no change is read from \
             them.",
            strong("Cannot be compared: ")
        ),
        prose!(
            "{}the limits of a control chart (XmR), from at least {} complete months. \
             The chart does not know seasons: a number that is high every summer can \
             be outside it.",
            strong("Usual range: "),
            constant("12")
        ),
        prose!(
            "{}among the records that state it, within {} months. People are never \
             linked across partners.",
            strong("Repeats: "),
            constant("12")
        ),
        prose!(
            "{}per {} residents, or households where the kind is about households, by \
             the population nearest to the middle of the period.",
            strong("Rates: "),
            constant("1,000")
        ),
        prose!(
            "{}[b] counting changed; [c] not shown, to protect people; [p] \
             provisional; [u] unusual or not exact, read with care; [x] not \
             available. ● The change can be judged. ◇ It cannot.",
            strong("Signs: ")
        ),
    ];
    if draft.config.is_public() {
        items.push(prose!(
            "{}small numbers are not shown, nor are others from which they could be computed. Those \
             of health records are rounded to the nearest {}. {}",
            strong("Protection of people: "),
            constant("5"),
            "A share, a rate or a change is computed from the numbers as shown."
        ));
    }
    let mut blocks = vec![
        paragraph(prose!(
            "The words about a change follow from the tables by fixed rules. Nobody \
             chooses them."
        )),
        Block::Bullets { items },
    ];
    for drop in &draft.config.drop {
        blocks.push(paragraph(prose!(
            "{}{}. {}",
            strong("Left out of the key points: "),
            code(&*drop.figure),
            name(&*drop.reason)
        )));
    }
    blocks
}

fn breaks_table(draft: &Draft<'_>) -> Vec<Block> {
    let rows: Vec<Vec<TableCell>> = breaks(draft)
        .into_iter()
        .map(|row| {
            let size = draft.figure(
                format!("breaks/{}/most-pct", row.text("break_id")),
                Selection::new("breaks").is("break_id", row.text("break_id")),
                Expression::Column("most_pct"),
                NumberFormat::Percent,
            );
            let size =
                size.map_or_else(|| Prose::from("not known"), |size| prose!("up to {}", size));
            vec![
                prose!("{}", name(break_days(row))).into(),
                prose!("{}", name(in_words(row.text("effect")))).into(),
                prose!("{}", name(row.text("text"))).into(),
                ids(row.text("kinds")).into(),
                size.into(),
                prose!("{}", name(row.text("source"))).into(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return vec![paragraph(prose!(
            "No change in counting is known that affects these periods."
        ))];
    }
    vec![Block::Table {
        table: DataTable {
            id: "table-breaks".to_owned(),
            caption: "Changes in counting between the start of the earlier period and the end of this one"
                .to_owned(),
            columns: ["Days", "What kind", "What changed", "Records", "Raised the number", "Source"]
                .map(|label| column(label, false))
                .into(),
            rows,
            note: Prose::default(),
            query: None,
        },
    }]
}

/// Figures of the previous document that differ today, and records that changed.
fn revisions(draft: &Draft<'_>, previous: Option<&Previous>) -> Vec<Block> {
    let mut blocks = restated(draft, previous);
    if !draft.config.is_public() {
        blocks.push(revised_counts(draft));
    }
    blocks
}

fn restated(draft: &Draft<'_>, previous: Option<&Previous>) -> Vec<Block> {
    let Some(previous) = previous else {
        return vec![paragraph(prose!(
            "There is no earlier document to compare with. To compare with one, name \
             it as {} in the configuration, and keep its {}.",
            code("previous"),
            code("figures.json")
        ))];
    };
    let changed = previous.figures.iter().filter_map(|(figure, printed)| {
        let now = draft.figures.get(figure)?;
        let is_restated = now.sql == printed.sql && now.shown() != printed.shown;
        is_restated.then(|| {
            vec![
                prose!("{}", code(figure)).into(),
                prose!("{}", name(&*printed.shown)).into(),
                draft.cite_again(figure).into(),
            ]
        })
    });
    let rows: Vec<Vec<TableCell>> = changed.collect();
    let reasons = (!draft.config.is_public()).then(|| {
        let command = code("partner-feeds explain … --before");
        prose!(" {} gives the reasons for a count.", command)
    });
    if rows.is_empty() {
        return vec![paragraph(prose!(
            "No figure that {} printed and that has the same query in this document \
             has changed.",
            code(&*previous.id)
        ))];
    }
    vec![Block::Table {
        table: DataTable {
            id: "table-revisions".to_owned(),
            caption: format!("Figures of {} that have changed since [r]", previous.id),
            columns: vec![
                column("Figure", false),
                column("As printed", true),
                column("Now", true),
            ],
            rows,
            note: prose!(
                "The query is the same, so partners have sent or corrected records since.{}",
                reasons
            ),
            query: None,
        },
    }]
}

/// Counts of this document that changed since the earlier time of the tables, with the reasons.
fn revised_counts(draft: &Draft<'_>) -> Block {
    let Some(since) = draft.since() else {
        return paragraph(prose!(
            "The tables were not compared with an earlier time. {} with the day of the earlier \
             document adds the counts that have changed since, with the reasons.",
            code("partner-feeds aggregate --since")
        ));
    };
    let rows = Selection::new("revisions")
        .one_of("series_kind", &["total", "priority", "theme"])
        .is("window_id", &*draft.config.window.id)
        .is("area_code", &*draft.config.area);
    let listing = Listing::new(
        rows,
        &[
            "series_label",
            "kind_label",
            "partner_name",
            "before_value",
            "count_value",
            "late",
        ],
    )
    .with(
        "cancelled",
        Expression::Plus(vec!["reinstated", "cancelled"]),
    )
    .with(
        "redated",
        Expression::Plus(vec!["redated_in", "redated_out"]),
    )
    .with(
        "relocated",
        Expression::Plus(vec!["relocated_in", "relocated_out"]),
    )
    .with(
        "reclassified",
        Expression::Plus(vec!["reclassified_in", "reclassified_out"]),
    )
    .with("restated", Expression::Column("restated"))
    .ascending("series_kind")
    .ascending("series")
    .ascending("partner")
    .ascending("kind")
    .ascending("area_role");
    let signed = Some(NumberFormat::Signed);
    let columns = [
        ("Series", None),
        ("Kind of record", None),
        ("Partner", None),
        ("Before", Some(NumberFormat::Count)),
        ("Now", Some(NumberFormat::Count)),
        ("Received since", signed),
        ("Cancelled", signed),
        ("Date changed", signed),
        ("Place changed", signed),
        ("Codes changed", signed),
        ("Totals restated", signed),
    ];
    if draft.facts.list(&listing).is_empty() {
        return paragraph(prose!(
            "No count of this period has changed since {}.",
            name(since)
        ));
    }
    let caption = format!("Counts that have changed since {since} [r]");
    let mut table = listed_table(draft, "table-revised", caption, &columns, &listing);
    table.note = Prose::from("The columns after “Now” add up to the difference.");
    Block::Table { table }
}

/// Which kind of record can show which priority.
fn coverage(draft: &Draft<'_>) -> Vec<Block> {
    let mut columns = vec![column("Kind of record", false)];
    columns.extend(
        draft
            .series
            .iter()
            .map(|series| column(series.label.clone(), false)),
    );
    let by_series: Vec<Vec<Measure<'_>>> = draft
        .series
        .iter()
        .map(|series| draft.measures(series))
        .collect();
    let kinds = draft.partner_kinds().into_iter().map(|kind| {
        let mut row = vec![TableCell::from(prose!(
            "{} ({})",
            name(kind.text("kind_label")),
            name(kind.text("partner_name"))
        ))];
        row.extend(by_series.iter().map(|measures| {
            let measure = measures.iter().find(|measure| {
                measure.partner == kind.text("partner") && measure.kind == kind.text("kind")
            });
            TableCell::from(coverage_words(measure))
        }));
        row
    });
    vec![
        paragraph(prose!(
            "A kind of record can show a priority only if its records have the codes \
             or marks by which the plan defines it."
        )),
        Block::Table {
            table: DataTable {
                id: "table-coverage".to_owned(),
                caption: format!("What each kind of record can show, {}", draft.window_label),
                columns,
                rows: kinds.collect(),
                note: Prose::default(),
                query: None,
            },
        },
    ]
}

fn coverage_words(measure: Option<&Measure<'_>>) -> Prose {
    let Some(measure) = measure else {
        return prose!("no figure: nothing was sent, or for other periods [x]");
    };
    match measure.wording {
        Wording::NotSupplied => {
            prose!(
                "{} [x]",
                count_reason_short(measure.total.text("count_reason"))
            )
        }
        Wording::Hidden => prose!("not shown [c]"),
        Wording::Bounds => prose!("within bounds [u]"),
        Wording::None => prose!("counted: none"),
        _ => prose!("counted"),
    }
}

/// Which tables a document is written from.
fn tables_provenance(draft: &Draft<'_>) -> Prose {
    let receipt = &draft.facts.provenance;
    let program = code(receipt["program"].as_str().unwrap_or_default());
    let as_at = name(draft.as_at());
    match &draft.config.edition {
        Edition::Public { release } => prose!(
            "Release: {}, written by {}, as at {}.",
            code(&**release),
            program,
            as_at
        ),
        Edition::Partnership => prose!(
            "Tables: {}, as at {}. Reference data: {}",
            program,
            as_at,
            code(receipt["reference"]["sha256"].as_str().unwrap_or_default())
        ),
    }
}

fn about(draft: &Draft<'_>) -> Vec<Block> {
    let config = draft.config;
    let words = vec![
        prose!(
            "{}what the partnership set for the year. {}what runs across the priorities.",
            strong("Priority: "),
            strong("Theme: ")
        ),
        prose!(
            "{}one crime, incident, call, admission or case that a partner sent.",
            strong("Record: ")
        ),
        prose!(
            "{}what a record is about. Each partner sends its own kinds.",
            strong("Kind of record: ")
        ),
        prose!(
            "{}a number that links to its query in annex F.",
            strong("Figure: ")
        ),
    ];
    let mut provenance = vec![
        prose!(
            "Assessment: {}. Plan: {}. Window: {}. Baseline: {}.",
            code(&*config.id),
            code(&*config.plan.id),
            code(&*config.window.id),
            code(config.baseline)
        ),
        tables_provenance(draft),
    ];
    for (file, text) in &config.files {
        provenance.push(prose!(
            "{}: checksum {}",
            code(&**file),
            code(crate::hex::sha256(text))
        ));
    }
    vec![
        Block::Heading {
            text: "Words".to_owned(),
        },
        Block::Bullets { items: words },
        Block::Heading {
            text: "Accessibility".to_owned(),
        },
        paragraph(prose!(
            "This document is one page without scripts. Charts have a description and \
             their data as a table. No meaning is in a colour alone. It is written to \
             meet the Web Content Accessibility Guidelines {}, level AA. To report a \
             problem, write to the partnership.",
            constant("2.2")
        )),
        Block::Heading {
            text: "Licence".to_owned(),
        },
        paragraph(prose!(
            "Codes, names and population numbers contain public sector information \
             licensed under the Open Government Licence v{}. So do figures that are counted from \
             published data: credit the publishers that annex A names. {}",
            constant("3.0"),
            if draft.config.is_public() {
                "The release that this document was written from has its licence."
            } else {
                "All other figures are the partnership's. They contain exact small numbers and are \
                 not for publication."
            }
        )),
        Block::Heading {
            text: "Provenance".to_owned(),
        },
        Block::Bullets { items: provenance },
    ]
}
