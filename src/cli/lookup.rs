//! Finds what an argument names: a plan, a window, an event kind. An unknown name is an error with
//! the nearest known name, or the list of them.

use anyhow::anyhow;

use crate::aggregate::PlanChoice;
use crate::event::Kind;
use crate::files::fault::nearest;
use crate::reference::Reference;
use crate::reference::plan::Plan;
use crate::reference::windows::Window;

/// The plan with that id.
pub(super) fn plan<'r>(reference: &'r Reference, id: &str) -> anyhow::Result<&'r Plan> {
    reference
        .plans
        .get(id)
        .ok_or_else(|| unknown_plan(reference, id))
}

/// The folders of tables for a list of plan ids, `in-force` among them.
pub(super) fn table_folders<'r>(
    reference: &'r Reference,
    ids: &[String],
) -> anyhow::Result<Vec<PlanChoice<'r>>> {
    PlanChoice::parse(reference, ids).map_err(|id| unknown_plan(reference, id))
}

fn unknown_plan(reference: &Reference, id: &str) -> anyhow::Error {
    anyhow!(unknown(
        "plan",
        id,
        reference.plans.iter().map(|plan| &*plan.id)
    ))
}

/// The window with that id.
pub(super) fn window(reference: &Reference, id: &str) -> anyhow::Result<Window> {
    reference.windows.get(id).ok_or_else(|| {
        anyhow!("unknown window `{id}`: write one such as month:2018-10 or fy:2018-19")
    })
}

/// The registered partner of a name.
pub(super) fn partner<'r>(reference: &'r Reference, name: &str) -> anyhow::Result<&'r str> {
    let partners = reference.partners.ids();
    let known = partners.get(name).copied();
    known.ok_or_else(|| anyhow!(unknown("partner", name, partners)))
}

/// Reads an argument that is an event kind.
pub(super) fn parse_kind(name: &str) -> Result<Kind, String> {
    Kind::from_name(name)
        .ok_or_else(|| unknown("kind", name, Kind::ALL.iter().map(|kind| kind.as_str())))
}

/// Why a name is not known: with the known name nearest to it, or with all of them.
fn unknown<'n>(what: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("unknown {what} `{name}`; did you mean `{near}`?"),
        None => format!("unknown {what} `{name}`; known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_gets_the_nearest_known_one_or_all() {
        let known = ["crime", "search"];
        assert_eq!(
            unknown("kind", "crimes", known),
            "unknown kind `crimes`; did you mean `crime`?"
        );
        assert_eq!(
            unknown("kind", "house", known),
            "unknown kind `house`; known: crime, search"
        );
    }
}
