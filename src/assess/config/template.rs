//! The files of a new assessment.

use std::collections::BTreeMap;

use super::{FILE, FOLDER, SERIES_TEXT, TEXTS};
use crate::event::Kind;
use crate::reference::Reference;

/// The configuration and a text for each section, by their paths.
pub(crate) fn files(
    reference: &Reference,
    id: &str,
    plan: &str,
    window: &str,
) -> BTreeMap<String, String> {
    let folder = format!("{FOLDER}/{id}");
    let mut files = BTreeMap::new();
    let police = reference
        .partners
        .sender(Kind::Crime)
        .unwrap_or("your-police");
    files.insert(
        format!("{folder}/{FILE}"),
        settings(id, plan, window, police),
    );
    let series = reference.plans.get(plan).map(|plan| &*plan.series);
    let series = series.unwrap_or_default().iter();
    let texts = TEXTS
        .iter()
        .map(|(section, advice)| (*section, *advice))
        .chain(series.map(|series| (&*series.id, SERIES_TEXT)));
    for (section, advice) in texts {
        // A definition of a link that nothing uses: Markdown shows nothing of it.
        files.insert(
            format!("{folder}/{section}.md"),
            format!("[advice]: # ({advice})\n"),
        );
    }
    files
}

fn settings(id: &str, plan: &str, window: &str, police: &str) -> String {
    format!(
        r#"# A strategic assessment. The texts of its sections are the files beside it, in Markdown. A text cites a figure as
# {{{{mental-health/{police}/detention/count}}}}; annex F of the document has the names.
format = 1
id = "{id}"
title = "Strategic assessment"
plan = "{plan}"  # its area, priorities and tables
window = "{window}"  # the period
baseline = "year-before"  # year-before | mean-5-years
status = "draft"  # draft: boxes for missing texts | final: a missing text is a fault
edition = "partnership"  # partnership: of the exact tables | public: of a release, see docs/releases.md
# release = "{id}"  # of edition = "public"
# as_at = 2017-11-30  # tables as at the end of this day (aggregate --as-at); without it, today's
# committee = "Communities, Housing and Environment Committee"
overview = ["{police}/crime"]  # partner/kind: the overall picture; the first begins the key points
restricted = []  # priorities that are never shown below the district
# previous = "smp-2016-17"  # the assessment before: annex D lists its figures that have changed

# The main measure of a priority; without it, the largest one.
[lead]

# [map]
# feed = "{police}/crime"
# vintage = "2019"  # edition of the wards
# boundaries = "assessments/wards-2019.geojson"  # GeoJSON in degrees, in the folder of the configuration
# code = "code"  # its property with the code of the ward
# credit = "Office for National Statistics, Open Government Licence v3.0"

# [key_points]
# pin = ["mental-health/{police}/detention/count"]
# drop = [{{ figure = "total/{police}/crime/count", reason = "printed in annex B" }}]

# [[accept]]  # a check of sums that failed
# check = "areas"
# reason = "printed in annex A"
"#
    )
}
