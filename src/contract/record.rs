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
use super::parts::{AreaAt, BoundedList, Cancellation, Flat, Outcome, Period, Person, What, When};
use super::text::{Icd10, Strs};
use super::{Event, VERSION};

macro_rules! record {
    ($($(#[$doc:meta])+ $name:ident: $of:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        /// An event as a flat record.
        #[derive(Clone, Copy, Debug)]
        pub struct Record<'r> { $($(#[$doc])+ pub $name: <$of as Value>::Of<'r>),+ }

        impl Record<'_> {
            /// A record without any value.
            fn absent() -> Self {
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
            dataschema: envelope.dataschema.flat(),
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

/// The four columns of a person.
macro_rules! flatten_person {
    ($record:ident, $person:expr, $token:ident $token_previous:ident $age_band:ident $sex:ident) => {
        if let Some(person) = $person {
            $record.$token = person.token.flat();
            $record.$token_previous = person.token_previous.flat();
            $record.$age_band = person.age_band.flat();
            $record.$sex = person.sex.flat();
        }
    };
}

/// The parts that several kinds share, and those that need more than one column.
impl<'r> Record<'r> {
    pub(super) fn flatten_what(&mut self, what: &'r What<'_>) {
        self.what_list = Some(&what.list);
        self.what_edition = Some(&what.edition);
        self.what_category = Some(&what.category);
        self.what_code = what.code.flat();
    }

    pub(super) fn flatten_when(&mut self, when: &When) {
        self.occurred_from = Some(when.occurred_from);
        self.occurred_to = when.occurred_to;
        self.recorded_at = when.recorded_at;
    }

    pub(super) fn flatten_period(&mut self, period: &Period) {
        self.period_from = Some(period.from.moment());
        self.period_to = Some(period.to.moment());
    }

    pub(super) fn flatten_area<L>(&mut self, area: Option<&'r AreaAt<'_, L>>)
    where
        L: Flat<'r, Of = &'r str>,
    {
        if let Some(area) = area {
            self.area_code = Some(&area.code);
            self.area_level = area.level.flat();
            self.area_role = area.role.flat();
            self.area_vintage = area.vintage.flat();
            self.area_confidence = area.confidence.flat();
            self.area_zone = area.zone.flat();
            self.area_place_token = area.place_token.flat();
        }
    }

    pub(super) fn flatten_outcome(&mut self, outcome: Option<&'r Outcome<'_>>) {
        if let Some(outcome) = outcome {
            self.outcome_list = Some(&outcome.list);
            self.outcome_code = Some(&outcome.code);
            self.outcome_at = outcome.at;
        }
    }

    pub(super) fn flatten_person(&mut self, person: Option<&'r Person<'_>>) {
        flatten_person!(self, person, person_token person_token_previous person_age_band person_sex);
    }

    pub(super) fn flatten_victim(&mut self, victim: Option<&'r Person<'_>>) {
        flatten_person!(self, victim, victim_token victim_token_previous victim_age_band victim_sex);
    }

    pub(super) fn flatten_suspect(&mut self, suspect: Option<&'r Person<'_>>) {
        flatten_person!(
            self, suspect,
            suspect_token suspect_token_previous suspect_age_band suspect_sex
        );
    }

    pub(super) fn flatten_cancellation(&mut self, cancellation: Option<&'r Cancellation<'_>>) {
        if let Some(cancellation) = cancellation {
            self.cancellation_reason = cancellation.reason.flat();
            self.cancellation_at = Some(cancellation.at);
            self.cancellation_replaced_by = cancellation.replaced_by.flat();
        }
    }

    /// The first diagnosis is the classification.
    pub(super) fn flatten_diagnoses<const MIN: usize, const MAX: usize>(
        &mut self,
        diagnoses: &'r BoundedList<Icd10<'_>, MIN, MAX>,
    ) {
        if let [first, further @ ..] = &diagnoses.0[..] {
            self.what_category = Some(first);
            self.icd10_further = (!further.is_empty()).then_some(Strs::Icd10(further));
        }
    }
}
