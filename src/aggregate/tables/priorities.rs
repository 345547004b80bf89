//! `priorities`: the priorities and cross-cutting themes of the plans, and who answers for them.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::reference::plan::{Plan, Series};

/// What the table answers.
const ABOUT: &str =
    "The priorities and cross-cutting themes of the plan, and who answers for them.";

type Row<'c> = (&'c Plan, &'c Series);

fn columns<'c>() -> Vec<Column<'c, Row<'c>>> {
    let owner = |(plan, series): &Row<'c>| {
        plan.owners
            .iter()
            .find(|owner| Some(&owner.id) == series.owner.as_ref())
    };
    vec![
        column(
            "plan",
            "The plan.",
            Of::Text(Box::new(|(plan, _): &Row<'c>| Some(plan.id.clone()))),
        ),
        column(
            "plan_label",
            "Its title.",
            Of::Text(Box::new(|(plan, _): &Row<'c>| Some(plan.label.clone()))),
        ),
        column(
            "status",
            "`draft`, `adopted` or `withdrawn`.",
            Of::Text(Box::new(|(plan, _): &Row<'c>| {
                Some(plan.status.as_str().to_owned())
            })),
        ),
        column(
            "adopted",
            "The day it was adopted.",
            Of::Date(Box::new(|(plan, _): &Row<'c>| plan.adopted)),
        ),
        column(
            "valid_from",
            "Its first day.",
            Of::Date(Box::new(|(plan, _): &Row<'c>| Some(plan.valid_from))),
        ),
        column(
            "valid_to",
            "Its last day.",
            Of::Date(Box::new(|(plan, _): &Row<'c>| Some(plan.valid_to))),
        ),
        column(
            "series_kind",
            "`priority` or `theme`.",
            Of::Text(Box::new(|(_, series): &Row<'c>| {
                Some(series.kind.as_str().to_owned())
            })),
        ),
        column(
            "series",
            "Its id, by which tables name it.",
            Of::Text(Box::new(|(_, series): &Row<'c>| Some(series.id.clone()))),
        ),
        column(
            "label",
            "What people call it.",
            Of::Text(Box::new(|(_, series): &Row<'c>| Some(series.label.clone()))),
        ),
        column(
            "owner",
            "Id of the group that answers for it; null = none named.",
            Of::Text(Box::new(|(_, series): &Row<'c>| series.owner.clone())),
        ),
        column(
            "owner_label",
            "What people call the group.",
            Of::Text(Box::new(move |row: &Row<'c>| {
                Some(owner(row)?.label.clone())
            })),
        ),
        column(
            "scope",
            "Equal scope = comparable figures, whatever the label: the first 12 hexadecimal digits of the SHA-256 over the sorted rules.",
            Of::Text(Box::new(|(_, series): &Row<'c>| Some(series.scope.clone()))),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let rows = folder
        .plans()
        .into_iter()
        .flat_map(|plan| plan.series.iter().map(move |series| (plan, series)));
    file(ABOUT, columns(), rows)
}
