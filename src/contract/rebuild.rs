//! The event that a flat record was laid from: the inverse of [`Record::of`].
//!
//! What the ledger does not keep does not come back: attributes of middleware, parts without a
//! field, the difference between absent and null, and the offset of an instant, which is written in
//! UTC.

use serde_json::{Map, Value, json};

use super::moment::{Moment, Precision};
use super::parts::Flags;
use super::record::{Record, Strs};
use super::type_of;
use crate::event::Kind;

impl Record<'_> {
    /// The event as a `CloudEvents` document.
    pub(crate) fn to_event(self) -> Value {
        let mut event = Fields::default();
        event.put("specversion", "1.0");
        event.put(
            "id",
            self.id.map_or_else(
                || format!("{}.{}", self.subject, self.revision),
                str::to_owned,
            ),
        );
        event.put("source", self.source);
        event.put("type", type_of(self.feed, self.kind));
        event.put("subject", self.subject);
        event.put("revision", self.revision);
        event.put("time", self.time);
        event.put("dataschema", self.dataschema);
        event.put("data", self.data());
        event.into()
    }

    fn data(&self) -> Value {
        let mut data = Fields::default();
        self.put_classification(&mut data);
        data.put("when", self.when());
        data.put("period", self.period());
        data.put("area", self.area());
        data.put("outcome", self.outcome());
        data.put(
            "person",
            person(
                self.person_token,
                self.person_token_previous,
                self.person_age_band,
                self.person_sex,
            ),
        );
        data.put(
            "victim",
            person(
                self.victim_token,
                self.victim_token_previous,
                self.victim_age_band,
                self.victim_sex,
            ),
        );
        let suspect = [
            self.suspect_token,
            self.suspect_token_previous,
            self.suspect_age_band,
            self.suspect_sex,
        ];
        let [token, previous, age_band, sex] = suspect;
        data.put("suspect", person(token, previous, age_band, sex));
        self.put_own_fields(&mut data);
        data.put("flags", flags(self.flags));
        data.put("cancellation", self.cancellation());
        data.into()
    }

    /// `what`, or the field of the kind that stands for it.
    fn put_classification(&self, data: &mut Fields) {
        let own = match self.kind {
            Kind::Detention => "legal_power",
            Kind::StopSearch => "object",
            Kind::Referral => "scheme",
            Kind::MentalHealthDetention => "legal_status",
            Kind::Treatment => "substance_group",
            Kind::HomelessnessCase => "loss_reason",
            Kind::Possession => "stage",
            Kind::DomesticAbuseSupport => "service",
            Kind::Admission => return data.put("icd10", self.diagnoses()),
            _ => return data.put("what", self.what()),
        };
        data.put(own, self.what_category);
        // Only a homelessness case has the edition of its codes and no list.
        data.put("edition", self.what_edition);
    }

    fn what(&self) -> Value {
        let mut what = Fields::default();
        what.put("list", self.what_list);
        what.put("edition", self.what_edition);
        what.put("category", self.what_category);
        what.put("code", self.what_code);
        what.into()
    }

    fn diagnoses(&self) -> Value {
        let mut codes: Vec<_> = self.what_category.into_iter().collect();
        if let Some(further) = self.icd10_further {
            further.for_each(|code| codes.push(code));
        }
        json!(codes)
    }

    fn when(&self) -> Value {
        let mut when = Fields::default();
        when.put("occurred_from", self.occurred_from);
        when.put("occurred_to", self.occurred_to);
        when.put("recorded_at", self.recorded_at);
        when.into()
    }

    fn period(&self) -> Value {
        let mut period = Fields::default();
        period.put("from", self.period_from);
        period.put("to", self.period_to);
        period.into()
    }

    fn area(&self) -> Value {
        let mut area = Fields::default();
        area.put("code", self.area_code);
        area.put("level", self.area_level);
        area.put("role", self.area_role);
        area.put("vintage", self.area_vintage);
        area.put("confidence", self.area_confidence);
        area.put("zone", self.area_zone);
        area.put("place_token", self.area_place_token);
        area.into()
    }

    fn outcome(&self) -> Value {
        let mut outcome = Fields::default();
        outcome.put("list", self.outcome_list);
        outcome.put("code", self.outcome_code);
        outcome.put("at", self.outcome_at);
        outcome.into()
    }

    fn cancellation(&self) -> Value {
        let mut cancellation = Fields::default();
        cancellation.put("reason", self.cancellation_reason);
        cancellation.put("at", self.cancellation_at);
        cancellation.put("replaced_by", self.cancellation_replaced_by);
        cancellation.into()
    }

    /// The fields that are named in the record as they are in `data`.
    fn put_own_fields(&self, data: &mut Fields) {
        macro_rules! put {
            ($($field:ident)+) => { $(data.put(stringify!($field), self.$field);)+ };
        }
        put! {
            arrived_at ended_at closed_at end crime_recorded place_of_safety extended result transport
            police_vehicle_reason police_station_reason professional_consulted search_type legislation outcome_linked
            operation concerns referred_by stage repeat repeat_definition children site_code place_code
            response_category conveyed method setting assessment section_21 support_needs action case_review
            police_informed tenure statutory_nuisance procedure landlord ground supported not_supported_reason unit
            date_basis provisional age_band sex with_flag status value at_least at_most
        }
        data.put("children", self.children_present);
    }
}

fn person(
    token: Option<&str>,
    token_previous: Option<&str>,
    age_band: Option<&str>,
    sex: Option<&str>,
) -> Value {
    let mut person = Fields::default();
    person.put("token", token);
    person.put("token_previous", token_previous);
    person.put("age_band", age_band);
    person.put("sex", sex);
    person.into()
}

fn flags(flags: Flags) -> Value {
    let mut fields = Fields::default();
    Flags::names(flags.yes).for_each(|name| fields.put(name, true));
    Flags::names(flags.no).for_each(|name| fields.put(name, false));
    fields.into()
}

/// Fields of an object, without those that say nothing; an object without fields says nothing.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Written) {
        match value.written() {
            Value::Null => {}
            value => {
                self.0.insert(name.to_owned(), value);
            }
        }
    }
}

impl From<Fields> for Value {
    fn from(Fields(fields): Fields) -> Self {
        if fields.is_empty() {
            Self::Null
        } else {
            Self::Object(fields)
        }
    }
}

/// A value of a record as JSON.
trait Written {
    fn written(self) -> Value;
}

macro_rules! written {
    ($($of:ty)+) => { $(
        impl Written for $of {
            fn written(self) -> Value {
                Value::from(self)
            }
        }
    )+ };
}

written! { Value &str String i32 bool }

impl<T: Written> Written for Option<T> {
    fn written(self) -> Value {
        self.map_or(Value::Null, Written::written)
    }
}

impl Written for Moment {
    fn written(self) -> Value {
        let in_utc = match self.precision() {
            Precision::Instant => self
                .low()
                .map(|at| Self::from_stored(at, Precision::Instant)),
            Precision::Month | Precision::Day => None,
        };
        in_utc.unwrap_or(self).to_string().into()
    }
}

impl Written for Strs<'_> {
    fn written(self) -> Value {
        let mut items = Vec::new();
        self.for_each(|item| items.push(Value::from(item)));
        items.into()
    }
}
