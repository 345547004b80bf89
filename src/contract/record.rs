//! An event as a flat record: every field of every kind once. The rules between fields, the search
//! for personal data and the ledger's row all work on it, so that none of them is written once for
//! each kind.
//!
//! A column contains what the partner sent. Where a kind has a field of its own for its
//! classification (`legal_power`, `icd10`), that is `what_category`.

#[allow(
    clippy::wildcard_imports,
    reason = "the list of columns names their types"
)]
use super::columns::*;
use super::{Event, VERSION};

macro_rules! record {
    ($($(#[$doc:meta])+ $name:ident: $of:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        /// An event as a flat record.
        #[derive(Clone, Copy, Debug)]
        pub struct Record<'r> { $($(#[$doc])+ pub $name: <$of as Value>::Of<'r>),+ }

        impl Record<'_> {
            /// A record without any value.
            pub(super) fn absent() -> Self {
                Self { $($name: <$of as Value>::absent()),+ }
            }
        }
    };
}
with_columns!(record);

impl<'r> Record<'r> {
    /// The event as a flat record.
    pub fn from_event(event: &'r Event<'_>) -> Self {
        let envelope = &event.envelope;
        let mut record = Record {
            id: (!envelope.has_advised_id()).then_some(&*envelope.id),
            source: &envelope.source,
            feed: envelope.feed,
            kind: envelope.kind,
            version: VERSION,
            subject: &envelope.subject,
            revision: envelope.revision.0,
            time: Some(envelope.time.moment()),
            dataschema: envelope.dataschema.as_deref(),
            ..Record::absent()
        };
        event.data.flatten(&mut record);
        record
    }

    /// The partner in `source`.
    pub fn partner(&self) -> &'r str {
        partner_of(self.source)
    }
}

/// The partner in a `source`, `urn:partner:<partner>:<system>`.
pub fn partner_of(source: &str) -> &str {
    source
        .strip_prefix("urn:partner:")
        .and_then(|rest| rest.split(':').next())
        .unwrap_or(source)
}

/// The system of a source.
pub fn system_of(source: &str) -> &str {
    source.rsplit(':').next().unwrap_or(source)
}
