//! Split into any files, over any partitions, in any order, with any of them sent again: the same
//! bytes.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_select::filter::filter_record_batch;
use partner_feeds::aggregate::tables::TABLES;
use proptest::prelude::*;

use crate::chain::{Chain, HOUSING, POLICE, REFERENCE, Table};
use crate::kit::events::{crime, homelessness_case};

/// Two plans, and each month under its own: their months meet at the end of March 2018.
const FOLDERS: [&str; 3] = ["smp-2017-18", "smp-2018-19", "in-force"];

#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) housing: bool,
    pub(crate) subject: u8,
    pub(crate) revision: u8,
    pub(crate) month: u8,
    code: usize,
    pub(crate) area: usize,
    flags: usize,
    pub(crate) cancelled: bool,
}

impl Sent {
    pub(crate) fn document(&self) -> String {
        let subject = format!("s-{}", self.subject);
        let event = if self.housing {
            homelessness_case(&subject)
        } else {
            crime(&subject).category(["8N", "92D", "106", "999", "58A"][self.code])
        };
        let event = match self.area {
            0 => event,
            1 => event.lsoa("E01024374"),
            2 => event.lsoa("E01024375"),
            _ => event.area_as("home", "E07000110", "district"),
        };
        let event = match self.flags {
            0 => event,
            1 => event.flag("domestic_abuse", true),
            _ => event.flag("mental_health", false).flag("drugs", true),
        };
        let event = if self.cancelled {
            event.cancelled()
        } else {
            event
        };
        let Self {
            revision, month, ..
        } = self;
        event
            .revision((*revision).into())
            .occurred(&format!("2018-0{month}-1{revision}T22:10:00Z"))
            .to_string()
    }
}

pub(crate) fn sent() -> impl Strategy<Value = Sent> {
    (
        any::<bool>(),
        0_u8..8,
        1_u8..4,
        1_u8..6,
        0_usize..5,
        0_usize..4,
        0_usize..3,
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(housing, subject, revision, month, code, area, flags, cancelled)| Sent {
                housing,
                subject,
                revision,
                month,
                code,
                area,
                flags,
                cancelled,
            },
        )
}

/// Commits what was received, each in the partition and file that `place` gives.
fn written(received: &[(i64, &Sent)], place: &[(u8, u8)]) -> Vec<(String, bytes::Bytes)> {
    let mut chain = Chain::new();
    let documents: Vec<String> = received.iter().map(|(_, sent)| sent.document()).collect();
    for file in 0..3 {
        for partition in 0..3 {
            for (topic, housing) in [(POLICE, false), (HOUSING, true)] {
                let here = (0..received.len()).filter(|i| {
                    received[*i].1.housing == housing
                        && place[*i % place.len()] == (partition, file)
                });
                let here: Vec<_> = here.map(|i| (received[i].0, &*documents[i])).collect();
                if !here.is_empty() {
                    chain.commit(topic, i32::from(partition), here);
                }
            }
        }
    }
    let run = chain
        .aggregate_with(&REFERENCE, &FOLDERS, None)
        .expect("records");
    run.written
        .into_iter()
        .map(|file| (file.path.clone(), chain.bytes(&file.path)))
        .collect()
}

/// The checks of figures, not those of partitions.
fn checks(file: &bytes::Bytes) -> RecordBatch {
    let Table(all) = Table::read(file.clone());
    let of_figures = all["check_id"]
        .as_string::<i32>()
        .iter()
        .map(|check| check.map(|check| check != "accepted-rejected"));
    filter_record_batch(&all, &of_figures.collect()).expect("filtered")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn tables_do_not_depend_on_how_events_came(
        all in prop::collection::vec(sent(), 8..24),
        one in prop::collection::vec((0_u8..3, 0_u8..3), 7),
        other in prop::collection::vec((0_u8..3, 0_u8..3), 11),
        again in prop::collection::vec(0_usize..24, 0..6),
    ) {
        let received: Vec<(i64, &Sent)> = all.iter().enumerate().map(|(i, sent)| (i as i64, sent)).collect();
        let mut replayed = received.clone();
        replayed.extend(again.iter().filter_map(|i| all.get(*i)).enumerate().map(|(i, sent)| (1000 + i as i64, sent)));
        replayed.reverse();
        let (one, other) = (written(&received, &one), written(&replayed, &other));
        let files = 3 + 3 * TABLES.len();
        prop_assert_eq!((one.len(), other.len()), (files, files));
        for ((name, a), (same, b)) in one.iter().zip(&other) {
            prop_assert_eq!(name, same);
            // How many records of a partition were read depends on the partition.
            let is_equal = if name.ends_with("/reconciliation.parquet") { checks(a) == checks(b) } else { a == b };
            prop_assert!(is_equal, "{name} differs");
        }
    }
}
