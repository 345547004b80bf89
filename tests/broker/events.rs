//! Events to send: the example of each kind, and variants of one of them by number.

use crate::broker::Sent;
use crate::kit::examples::{BadRecord, EXAMPLES, example};

/// The example of each kind, as partners find them.
pub(crate) fn examples() -> Vec<String> {
    let documents = EXAMPLES.iter().map(|(kind, _)| example(kind).to_owned());
    documents.collect()
}

/// A valid record with a subject of its own.
pub(crate) fn crime(number: usize) -> Sent {
    let subject = format!("c-{number:06}");
    let document = example("crime").replace("46-001234-17", &subject);
    Sent::new(subject, document)
}

/// Records by number; every tenth breaks its contract.
pub(crate) fn records(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Sent> {
    let good = example("crime");
    let bad = good.replace(r#""revision":2"#, r#""revision":0"#);
    numbers.map(move |number| {
        let subject = format!("c-{number:06}");
        let document = if number % 10 == 3 { &*bad } else { good };
        Sent::new(subject.clone(), document.replace("46-001234-17", &subject))
    })
}

impl From<&BadRecord> for Sent {
    fn from(bad: &BadRecord) -> Self {
        let timestamp: jiff::Timestamp = bad.received.parse().expect("a time");
        Self {
            key: bad.key.clone(),
            value: bad.value.clone(),
            headers: bad.headers.clone(),
            timestamp: Some(timestamp.as_millisecond()),
            partition: None,
        }
    }
}
