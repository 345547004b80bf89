//! The weekly digest: what came in, what is out of its usual range, what is late. Counts only, and
//! by ward only of all records of a kind.

use jiff::ToSpan;

use crate::assess::document::{Block, Section};
use crate::assess::draft::Draft;
use crate::assess::prose::{code, name, prose};
use crate::assess::query::{Condition, Expression, Listing, Selection};
use crate::assess::sections::places::ward_vintage;
use crate::assess::sections::{PSEUDO_AREAS, listed_table, paragraph};
use crate::assess::value::NumberFormat;

/// The most rows of a table, so that the digest can be read in a meeting.
const ROWS_MAX: usize = 30;
/// Signals of older months were in earlier digests.
const MONTHS: i64 = 3;

/// The sections of the digest.
pub(crate) fn sections(draft: &Draft<'_>) -> Vec<Section> {
    let section = |id: &str, title: &str, blocks| Section {
        id: id.to_owned(),
        title: title.to_owned(),
        level: 2,
        blocks,
    };
    vec![
        section("arrived", "What came in", arrived(draft)),
        section("unusual", "Out of the usual range", vec![unusual(draft)]),
        section("late", "Late", vec![late(draft)]),
    ]
}

/// A table of a listing, or a sentence if it has no rows.
fn table_or(
    draft: &Draft<'_>,
    id: &str,
    caption: String,
    columns: &[(&'static str, Option<NumberFormat>)],
    listing: &Listing,
    nothing: &'static str,
) -> Block {
    let table = listed_table(draft, id, caption, columns, listing);
    if table.rows.is_empty() {
        return paragraph(nothing);
    }
    Block::Table { table }
}

/// Records received since the earlier time, by partner and by ward.
fn arrived(draft: &Draft<'_>) -> Vec<Block> {
    let Some(since) = draft.since() else {
        return vec![paragraph(prose!(
            "The tables were not compared with an earlier time: run {} with the day of the last \
             digest.",
            code("partner-feeds aggregate --since")
        ))];
    };
    let rows = Selection::new("revisions")
        .is("series_kind", "total")
        .is("window_id", &*draft.config.window.id);
    let by_partner = Listing::new(
        rows.clone().is("area_code", "all-received"),
        &["partner_name", "kind_label", "late"],
    )
    .with(
        "cancelled",
        Expression::Plus(vec!["reinstated", "cancelled"]),
    )
    .ascending("partner")
    .ascending("kind");
    let by_ward = Listing::new(
        rows.is("area_level", "ward")
            .is("area_vintage", ward_vintage(draft).as_deref())
            .and(Condition::NotIn("area_code", PSEUDO_AREAS))
            .and(Condition::Between("late", 1, i64::MAX)),
        &["area_name", "kind_label", "partner_name", "late"],
    )
    .descending("late")
    .ascending("area_code")
    .ascending("partner")
    .ascending("kind")
    .ascending("area_role")
    .first(ROWS_MAX);
    let count = Some(NumberFormat::Count);
    vec![
        paragraph(prose!(
            "Records of {} that were received or cancelled since {}.",
            name(&*draft.window_label),
            name(since)
        )),
        table_or(
            draft,
            "table-arrived",
            "Records by partner".to_owned(),
            &[
                ("Partner", None),
                ("Kind of record", None),
                ("Received", count),
                ("Cancelled", Some(NumberFormat::Signed)),
            ],
            &by_partner,
            "Nothing was received or cancelled.",
        ),
        table_or(
            draft,
            "table-arrived-wards",
            "Records received by ward: the most".to_owned(),
            &[
                ("Ward", None),
                ("Kind of record", None),
                ("Partner", None),
                ("Received", count),
            ],
            &by_ward,
            "No record received names a ward.",
        ),
    ]
}

/// The signals of the last months.
fn unusual(draft: &Draft<'_>) -> Block {
    let from = draft.span.1.saturating_sub(MONTHS.months());
    let rows = Selection::new("spc")
        .one_of("signal", &["above", "below"])
        .one_of("area_code", &[&*draft.config.area, "all-received"])
        .and(Condition::StartsWith("window_id", "month:"))
        .and(Condition::Days("window_from", from, draft.span.1));
    let listing = Listing::new(
        rows,
        &[
            "window_label",
            "series_label",
            "kind_label",
            "partner_name",
            "area_name",
            "count_value",
            "lower",
            "upper",
        ],
    )
    .descending("window_from")
    .ascending("series_kind")
    .ascending("series")
    .ascending("partner")
    .ascending("kind")
    .ascending("area_code")
    .ascending("area_role")
    .first(ROWS_MAX);
    let columns = [
        ("Month", None),
        ("Series", None),
        ("Kind of record", None),
        ("Partner", None),
        ("Area", None),
        ("Count", Some(NumberFormat::Count)),
        ("Usual from", Some(NumberFormat::Rate)),
        ("Usual to", Some(NumberFormat::Rate)),
    ];
    table_or(
        draft,
        "table-unusual",
        "Months outside their usual range".to_owned(),
        &columns,
        &listing,
        "No complete month of the last three is outside its usual range.",
    )
}

/// The months that are due and have no records.
fn late(draft: &Draft<'_>) -> Block {
    let rows = Selection::new("feed_quality")
        .is("data_status", "overdue")
        .and(Condition::Days("window_from", draft.span.0, draft.span.1));
    let listing = Listing::new(rows, &["partner_name", "kind_label", "window_label", "due"])
        .ascending("due")
        .ascending("partner")
        .ascending("kind")
        .ascending("window_from");
    let columns = [
        ("Partner", None),
        ("Kind of record", None),
        ("Month", None),
        ("Was due", None),
    ];
    table_or(
        draft,
        "table-late",
        "Months that are overdue".to_owned(),
        &columns,
        &listing,
        "No month is overdue.",
    )
}

/// What the digest is called.
pub(crate) fn title(draft: &Draft<'_>) -> (String, String) {
    let subtitle = format!(
        "What partners sent, {}, as at {}",
        draft.area_name,
        draft.as_at()
    );
    ("Weekly digest".to_owned(), subtitle)
}
