//! Control totals: a partner's own published counts, with which our figures are compared.
//!
//! `config/controls.csv` has the columns `partner,kind,area,window,value,source`; the file is
//! optional.

use serde::Deserialize;

use crate::files::TextFiles;
use crate::files::csv::read_rows;
use crate::files::fault::FaultSink;
use crate::reference::windows::{Window, Windows};

/// The file.
const FILE: &str = "controls.csv";

/// A published count for one of our figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Whose records it counts.
    pub partner: String,
    /// Their kind, as tables name it.
    pub kind: String,
    /// Code of the area, or `all-received`.
    pub area: String,
    /// The months.
    pub window: Window,
    /// The published count.
    pub value: i64,
    /// The publication.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlRow {
    partner: String,
    kind: String,
    area: String,
    window: String,
    value: i64,
    source: String,
}

/// Reads the control totals.
pub(super) fn read(files: &TextFiles, windows: &Windows, sink: &FaultSink) -> Vec<Control> {
    let Some(text) = files.text(FILE) else {
        return Vec::new();
    };
    read_rows::<ControlRow>(FILE, text, sink)
        .into_iter()
        .filter_map(|row| read_control(row, windows, sink))
        .collect()
}

fn read_control(row: ControlRow, windows: &Windows, sink: &FaultSink) -> Option<Control> {
    let Some(window) = windows.get(&row.window) else {
        let key = format!("{},{},{},{}", row.partner, row.kind, row.area, row.window);
        let reason = format!("`{}` is not a window such as fy:2018-19", row.window);
        sink.add(FILE, &key, reason);
        return None;
    };
    Some(Control {
        partner: row.partner,
        kind: row.kind,
        area: row.area,
        window,
        value: row.value,
        source: row.source,
    })
}
