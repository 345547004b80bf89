//! Control totals: what a partner's own publication counts, to hold our figures against.
//!
//! `config/controls.csv` has `partner,kind,area,window,value,source`; it need not be there.

use serde::Deserialize;

use crate::files::TextFiles;
use crate::files::csv::read_rows;
use crate::files::fault::FaultSink;
use crate::reference::windows::{Window, Windows};

/// The file.
const FILE: &str = "controls.csv";

/// What a partner published for one of our cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Whose records.
    pub partner: String,
    /// Their kind, as tables name it.
    pub kind: String,
    /// Code of the area, or `all`.
    pub area: String,
    /// The months.
    pub window: Window,
    /// How many the partner counts.
    pub value: i64,
    /// Where it says so.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    partner: String,
    kind: String,
    area: String,
    window: String,
    value: i64,
    source: String,
}

pub(super) fn read(files: &TextFiles, windows: &Windows, sink: &FaultSink) -> Vec<Control> {
    let Some(text) = files.text(FILE) else {
        return Vec::new();
    };
    let control = |row: Row| {
        let Some(window) = windows.get(&row.window) else {
            let key = format!("{},{},{},{}", row.partner, row.kind, row.area, row.window);
            sink.add(
                FILE,
                &key,
                format!("`{}` is no window such as fy:2018-19", row.window),
            );
            return None;
        };
        let Row {
            partner,
            kind,
            area,
            value,
            source,
            ..
        } = row;
        Some(Control {
            partner,
            kind,
            area,
            window,
            value,
            source,
        })
    };
    read_rows::<Row>(FILE, text, sink)
        .into_iter()
        .filter_map(control)
        .collect()
}
