//! Split into any files, over any partitions, in any order, with any of them sent again: the same bytes.

use proptest::prelude::*;

use crate::chain::{Chain, HOUSING, POLICE};

const PLAN: &str = "smp-2017-18";
const FILES: [&str; 6] = [
    "events/police.parquet",
    "events/health.parquet",
    "events/housing.parquet",
    "aggregates/smp-2017-18/priority_monthly.parquet",
    "aggregates/smp-2017-18/category_monthly.parquet",
    "aggregates/smp-2017-18/feed_quality.parquet",
];

#[derive(Clone, Debug)]
struct Sent {
    housing: bool,
    subject: u8,
    revision: u8,
    month: u8,
    code: usize,
    area: usize,
    flags: usize,
    cancelled: bool,
}

impl Sent {
    fn document(&self) -> String {
        let Self { subject, revision, month, .. } = self;
        let (source, kind, what) = if self.housing {
            (
                "maidstone-bc:hclic",
                "housing.homelessness-case",
                r#""edition":"2018-04","assessment":"relief_duty","loss_reason":"domestic-abuse""#.to_owned(),
            )
        } else {
            let category = ["8N", "92D", "106", "999", "58A"][self.code];
            (
                "kent-police:crime",
                "police.crime",
                format!(r#""what":{{"list":"ho-crime","edition":"2026-04","category":"{category}"}}"#),
            )
        };
        let area = [
            "",
            r#","area":{"code":"E01024374","level":"lsoa","vintage":2011,"role":"incident"}"#,
            r#","area":{"code":"E01024375","level":"lsoa","vintage":2011,"role":"incident"}"#,
            r#","area":{"code":"E07000110","level":"district","role":"home"}"#,
        ][self.area];
        let flags =
            ["", r#","flags":{"domestic_abuse":true}"#, r#","flags":{"mental_health":false,"drugs":true}"#][self.flags];
        let cancelled = if self.cancelled { r#","cancellation":{"reason":"duplicate","at":"2018-01-01"}"# } else { "" };
        format!(
            r#"{{"specversion":"1.0","id":"{subject}.{revision}","source":"urn:partner:{source}","type":"uk.community-safety.{kind}.v1","subject":"s-{subject}","revision":{revision},"time":"2018-02-06T09:15:00Z","data":{{{what},"when":{{"occurred_from":"2017-0{month}-1{revision}T22:10:00Z"}}{area}{flags}{cancelled}}}}}"#
        )
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    (any::<bool>(), 0_u8..12, 1_u8..4, 1_u8..6, 0_usize..5, 0_usize..4, 0_usize..3, prop::bool::weighted(0.2)).prop_map(
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

/// Commits what was received, each in the partition and file that `place` says.
fn written(received: &[(i64, &Sent)], place: &[(u8, u8)]) -> Vec<bytes::Bytes> {
    let mut chain = Chain::new();
    let documents: Vec<String> = received.iter().map(|(_, sent)| sent.document()).collect();
    for file in 0..3 {
        for partition in 0..3 {
            for (topic, housing) in [(POLICE, false), (HOUSING, true)] {
                let here = (0..received.len())
                    .filter(|i| received[*i].1.housing == housing && place[*i % place.len()] == (partition, file));
                let here: Vec<_> = here.map(|i| (received[i].0, &*documents[i])).collect();
                if !here.is_empty() {
                    chain.commit(topic, i32::from(partition), here);
                }
            }
        }
    }
    chain.aggregate(PLAN);
    FILES.map(|file| chain.bytes(file)).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn tables_do_not_depend_on_how_events_came(
        all in prop::collection::vec(sent(), 1..40),
        one in prop::collection::vec((0_u8..3, 0_u8..3), 7),
        other in prop::collection::vec((0_u8..3, 0_u8..3), 11),
        again in prop::collection::vec(0_usize..40, 0..10),
    ) {
        let received: Vec<(i64, &Sent)> = all.iter().enumerate().map(|(i, sent)| (i as i64, sent)).collect();
        let mut replayed = received.clone();
        replayed.extend(again.iter().filter_map(|i| all.get(*i)).enumerate().map(|(i, sent)| (1000 + i as i64, sent)));
        replayed.reverse();
        for (name, (a, b)) in FILES.iter().zip(written(&received, &one).iter().zip(&written(&replayed, &other))) {
            prop_assert!(a == b, "{name} differs");
        }
    }
}
