//! What differs between two releases, from their files alone.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::release::ReleaseError;
use crate::release::folder::read_published;
use crate::release::keys::CellKey;
use crate::release::published::PublishedForm;

/// The numbers of two releases, compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseDifference {
    /// Numbers in both.
    pub in_both: usize,
    /// Shown in both, with different numbers.
    pub changed: Vec<String>,
    /// Hidden before, shown now.
    pub newly_shown: Vec<String>,
    /// Shown before, hidden now.
    pub newly_hidden: Vec<String>,
}

/// Compares two releases.
pub fn diff(
    before: &BTreeMap<String, Bytes>,
    after: &BTreeMap<String, Bytes>,
) -> Result<ReleaseDifference, ReleaseError> {
    let before: BTreeMap<CellKey, PublishedForm> = read_published(before)?
        .cells
        .into_iter()
        .map(|(key, cell)| (key, cell.form))
        .collect();
    let mut difference = ReleaseDifference::default();
    for (key, cell) in read_published(after)?.cells {
        let Some(was) = before.get(&key) else {
            continue;
        };
        difference.in_both += 1;
        let text = || key.text();
        match (was.value(), cell.form.value()) {
            (Some(was), Some(now)) if was != now => {
                difference
                    .changed
                    .push(format!("{}: {was} → {now}", text()));
            }
            (None, Some(_)) => difference.newly_shown.push(text()),
            (Some(_), None) => difference.newly_hidden.push(text()),
            _ => {}
        }
    }
    Ok(difference)
}
