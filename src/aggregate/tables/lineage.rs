//! `lineage`: where each priority and theme comes from, and what a plan gave up, over all plans
//! held.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::reference::plan::Plan;

/// What the table answers.
const ABOUT: &str =
    "Where each priority and theme of every plan comes from, and what a plan gave up.";

struct Row<'c> {
    plan: &'c Plan,
    series: Option<&'c str>,
    change: &'static str,
    from_plan: Option<&'c str>,
    from_series: Option<&'c str>,
    same_scope: Option<bool>,
}

/// What a plan says of a series of the plan before that it no longer has.
const DROPPED: &str = "dropped";
/// Of a series without a series that it comes from.
const NEW: &str = "new";

fn columns<'c>() -> Vec<Column<'c, Row<'c>>> {
    type Text = for<'r, 'c> fn(&'r Row<'c>) -> Option<&'r str>;
    let text = |of: Text| Of::Text(Box::new(move |row: &Row<'c>| of(row).map(str::to_owned)));
    vec![
        column("plan", "The plan.", text(|row| Some(&row.plan.id))),
        column(
            "series",
            "Its priority or theme; null = dropped.",
            text(|row| row.series),
        ),
        column(
            "change",
            "`continued`, `relabelled`, `promoted`, `demoted`, `narrowed`, `widened`, `split`, `merged`, `new` or `dropped`.",
            text(|row| Some(row.change)),
        ),
        column(
            "from_plan",
            "The plan it comes from; null = new.",
            text(|row| row.from_plan),
        ),
        column(
            "from_series",
            "The series it comes from.",
            text(|row| row.from_series),
        ),
        column(
            "same_scope",
            "Whether both have the same rules, so that one line may be drawn through both.",
            Of::Boolean(Box::new(|row: &Row<'c>| row.same_scope)),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    file(
        ABOUT,
        columns(),
        folder
            .figures
            .settings
            .reference
            .plans
            .iter()
            .flat_map(|plan| rows(folder, plan)),
    )
}

fn rows<'c>(folder: &Folder<'c>, plan: &'c Plan) -> Vec<Row<'c>> {
    let mut rows = Vec::new();
    for series in &plan.series {
        let row = |change, from_plan, from_series, same_scope| Row {
            plan,
            series: Some(&*series.id),
            change,
            from_plan,
            from_series,
            same_scope,
        };
        if series.from.is_empty() {
            rows.push(row(NEW, None, None, None));
        }
        for from in &series.from {
            let before = folder.figures.settings.reference.plans.get(&from.plan);
            let before = before.and_then(|plan| plan.series.iter().find(|s| s.id == from.id));
            let same = before.map(|before| before.scope == series.scope);
            rows.push(row(
                from.change.as_str(),
                Some(&*from.plan),
                Some(&*from.id),
                same,
            ));
        }
    }
    let follows = plan.follows.as_deref();
    rows.extend(plan.dropped.iter().map(|dropped| Row {
        plan,
        series: None,
        change: DROPPED,
        from_plan: follows,
        from_series: Some(dropped),
        same_scope: None,
    }));
    rows
}
