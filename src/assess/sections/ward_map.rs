//! The wards on a map, with the table of their numbers beside it.

use crate::aggregate::tables::TableValue;
use crate::assess::chart::map::{self, MapArea};
use crate::assess::config::MapSettings;
use crate::assess::document::{Block, Chart, DataTable};
use crate::assess::draft::{Draft, Measure};
use crate::assess::prose::{Prose, constant, name, prose};
use crate::assess::query::{HIDDEN, Listing, Selection};
use crate::assess::sections::charts::measured;
use crate::assess::sections::measures::kind_in_sentence;
use crate::assess::sections::{hidden_note, listed_table};
use crate::assess::value::NumberFormat;

/// The columns of the table. The map needs code and rate.
const COLUMNS: [(&str, Option<NumberFormat>); 5] = [
    ("Ward, with its number on the map", None),
    ("Count", Some(NumberFormat::Count)),
    ("Residents", Some(NumberFormat::Count)),
    ("Rate per 1,000", Some(NumberFormat::Rate)),
    ("Code", None),
];

/// The map of the wards of a measure, or why there is none.
pub(super) fn map_chart(
    draft: &Draft<'_>,
    measure: &Measure<'_>,
    rows: &Selection,
) -> Result<Block, Prose> {
    let Some(settings) = &draft.config.map else {
        return Err(prose!(
            "There is no map: the configuration names no boundaries."
        ));
    };
    let listing = Listing::new(
        rows.clone(),
        &[
            "area_name",
            "count_value",
            "population",
            "rate_per_1000",
            "area_code",
            "count_status",
        ],
    )
    .descending("rate_per_1000")
    .ascending("area_code");
    let wards = draft.facts.list(&listing);
    let areas = areas(settings, measure, &wards)?;
    let number = draft.next_chart();
    let ward_name = |ward: Option<&Vec<TableValue>>| {
        let text = ward.and_then(|ward| ward[0].text());
        name(text.unwrap_or_default())
    };
    let hidden = wards.iter().filter(|ward| is_hidden(ward)).count();
    let (title, label) = if hidden == 0 {
        let title = prose!(
            "{} had the highest rate of {} for its residents",
            ward_name(wards.first()),
            kind_in_sentence(measure)
        );
        let lowest = Prose::from(ward_name(wards.last())).plain();
        let label = format!("{}. The lowest rate: {lowest}.", title.plain());
        (title, label)
    } else {
        let title = prose!(
            "{} for every {} residents, by ward, as far as shown",
            name(measure.kind_label),
            constant("1,000")
        );
        let label = format!("{}. {}", title.plain(), hidden_note(hidden).plain());
        (title, label)
    };
    let drawing = map::draw(&areas, &label);
    let chart = Chart {
        is_open: true,
        credit: Some(settings.credit.clone()),
        ..Chart::new(
            number,
            (
                title,
                prose!("{} {}", subtitle(draft, measure), hidden_note(hidden)),
            ),
            drawing,
            table(draft, measure, number, &listing),
        )
    };
    Ok(Block::Chart {
        chart: Box::new(chart),
    })
}

/// The wards with their shapes, numbered in the order of their rates.
fn areas<'m>(
    settings: &'m MapSettings,
    measure: &Measure<'_>,
    wards: &[Vec<TableValue>],
) -> Result<Vec<MapArea<'m>>, Prose> {
    let own_rate = measure.total.number("rate_per_1000");
    let no_rates = || {
        prose!("There is no map: not every ward has a number of residents, so there are no rates.")
    };
    let own_rate = own_rate.filter(|rate| *rate > 0.0).ok_or_else(no_rates)?;
    let areas = wards.iter().zip(1..).map(|(ward, number)| {
        let code = ward[4].text().unwrap_or_default();
        let shape = settings.boundaries.shapes.get(code);
        let no_shape = || {
            let ward = name(ward[0].text().unwrap_or_default());
            prose!(
                "There is no map: the boundaries have no shape for {}.",
                ward
            )
        };
        let rate = ward[3].number();
        if rate.is_none() && !is_hidden(ward) {
            return Err(no_rates());
        }
        Ok(MapArea {
            rings: shape.ok_or_else(no_shape)?,
            relative: rate.map(|rate| rate / own_rate),
            number,
        })
    });
    areas.collect()
}

/// Whether a release hides the number of a ward of the listing.
fn is_hidden(ward: &[TableValue]) -> bool {
    ward.last().and_then(TableValue::text) == Some(HIDDEN)
}

fn subtitle(draft: &Draft<'_>, measure: &Measure<'_>) -> Prose {
    prose!(
        "{} per {} residents by ward, {}. The numbers go from the highest rate to the lowest. The \
         shades compare with {} for the whole area. A ward where many come to shop or go out has a \
         high rate for its residents, so read the counts too.",
        measured(measure),
        constant("1,000"),
        name(&*draft.window_label),
        draft.total_figure(measure, "rate", "rate_per_1000", NumberFormat::Rate)
    )
}

/// The table beside the map: the place of a ward in it is its number on the map.
fn table(draft: &Draft<'_>, measure: &Measure<'_>, number: usize, listing: &Listing) -> DataTable {
    let id = format!("figure-{number}-data");
    let caption = format!("{} by ward, {}", measure.kind_label, draft.window_label);
    let mut table = listed_table(draft, &id, caption, &COLUMNS, listing);
    for (row, number) in table.rows.iter_mut().zip(1..) {
        let ward = std::mem::take(&mut row[0].prose);
        row[0].prose = prose!("{}{}", name(format!("{number}. ")), ward);
    }
    table
}
