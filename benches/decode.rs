//! What one event costs: decoding, laying flat, the rules between fields, the search for personal
//! data, and all of it at the front door; and what a refusal costs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use partner_feeds::contract::{
    Event, Incoming, KnownTexts, Record, TopicRules, judge, semantic, tripwire,
};
use partner_feeds::event::{Feed, Micros};

const CRIME: &str = include_str!("../schemas/examples/crime.json");
/// 2017-02-06T09:15:00Z, the example's `time`.
const RECEIVED: Micros = Micros(1_486_372_500_000_000);

fn decode(criterion: &mut Criterion) {
    let document = CRIME.trim_end();
    let event = Event::decode(document).expect("valid");
    let record = Record::from_event(&event);
    let mut group = criterion.benchmark_group("crime");
    group.bench_function("decode", |b| {
        b.iter(|| Event::decode(black_box(document)).is_ok());
    });
    group.bench_function("decode and lay flat", |b| {
        b.iter(|| {
            Event::decode(black_box(document))
                .map(|event| Record::from_event(black_box(&event)).revision)
        });
    });
    group.bench_function("semantic", |b| {
        b.iter(|| semantic::check(black_box(&record), RECEIVED));
    });
    group.bench_function("tripwire", |b| {
        b.iter(|| tripwire::check(black_box(&record), &event.envelope));
    });
    let rules = TopicRules::new(Feed::Police, [event.envelope.source.to_string()]);
    let mut known = KnownTexts::default();
    let mut whole = |document: &str| {
        let key = Some(&b"46-001234-17"[..]);
        let incoming = Incoming {
            value: Some(document.as_bytes()),
            key,
            headers: &[],
            received: RECEIVED,
            clock: RECEIVED,
        };
        judge(&incoming, &rules, &|_| false, &mut known, |record| {
            record.revision
        })
    };
    assert!(whole(document).is_ok());
    group.bench_function("judge", |b| b.iter(|| whole(black_box(document))));
    let refused = document.replace("008/06", "8_6");
    assert!(whole(&refused).is_err());
    group.bench_function("refuse", |b| b.iter(|| whole(black_box(&refused))));
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
