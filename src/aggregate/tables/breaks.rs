//! `breaks`: what changed in how things are defined, recorded or counted, so that a change across
//! it is no change in crime.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::reference::Break;

/// What the table answers.
const ABOUT: &str = "What changed in how things are defined, recorded or counted.";

fn columns<'c>() -> Vec<Column<'c, &'c Break>> {
    let joined = |of: fn(&Break) -> Vec<&str>| {
        let text = move |row: &&'c Break| Some(of(row).join(";")).filter(|text| !text.is_empty());
        Of::Text(Box::new(text))
    };
    vec![
        column(
            "id",
            "Its id, by which `change` names it.",
            Of::Text(Box::new(|row: &&'c Break| Some(row.id.clone()))),
        ),
        column(
            "break_from",
            "The day from which it holds.",
            Of::Date(Box::new(|row: &&'c Break| Some(row.from))),
        ),
        column(
            "break_to",
            "The last day, where it lasted; else the same.",
            Of::Date(Box::new(|row: &&'c Break| Some(row.to))),
        ),
        column(
            "announced",
            "The day that was announced for it, where that is another.",
            Of::Date(Box::new(|row: &&'c Break| row.announced)),
        ),
        column(
            "effect",
            "`definition`, `recording`, `system`, `boundary` or `law`.",
            Of::Text(Box::new(|row: &&'c Break| {
                Some(row.effect.as_str().to_owned())
            })),
        ),
        column(
            "partners",
            "Whose records, joined by `;`; null = all.",
            joined(|of| of.partners.iter().map(String::as_str).collect()),
        ),
        column(
            "kinds",
            "Of which kinds, joined by `;`; null = all.",
            joined(|of| of.kinds.iter().map(String::as_str).collect()),
        ),
        column(
            "levels",
            "At which levels of area, joined by `;`; null = all.",
            joined(|of| of.levels.iter().map(|level| level.as_str()).collect()),
        ),
        column(
            "text",
            "What changed.",
            Of::Text(Box::new(|row: &&'c Break| Some(row.text.clone()))),
        ),
        column(
            "source",
            "Where that is said.",
            Of::Text(Box::new(|row: &&'c Break| Some(row.source.clone()))),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    file(ABOUT, columns(), &folder.figures.settings.reference.breaks)
}
