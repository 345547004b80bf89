//! The event of a flat record: the inverse of [`Record::from_event`].
//!
//! What the ledger does not keep does not come back: attributes of middleware, parts without a
//! field, the difference between absent and null, and the offset of an instant, which is written in
//! UTC.

use serde_json::{Map, Value, json};

#[allow(
    clippy::wildcard_imports,
    reason = "the list of columns names their types"
)]
use super::columns::*;
use super::flags::Flags;
use super::moment::{Moment, Precision};
use super::text::Strs;
use super::{KindField, Record, fields, type_of};
use crate::event::{Feed, Kind};

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
        for field in fields(self.kind) {
            data.put(field.name, self.field(*field));
        }
        data.into()
    }

    fn field(&self, field: KindField) -> Value {
        match field.name {
            "what" => self.what(),
            "when" => self.when(),
            "period" => self.period(),
            "area" => self.area(),
            "outcome" => self.outcome(),
            "person" | "victim" | "suspect" => self.person(field.name),
            "icd10" => self.diagnoses(),
            "flags" => flags(self.flags),
            "cancellation" => self.cancellation(),
            _ => self.column(field.column),
        }
    }

    fn person(&self, role: &str) -> Value {
        let mut person = Fields::default();
        for name in ["token", "token_previous", "age_band", "sex"] {
            person.put(name, self.column(&format!("{role}_{name}")));
        }
        person.into()
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
}

macro_rules! column {
    ($($(#[$doc:meta])+ $name:ident: $of:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        impl Record<'_> {
            /// The value of a column, by name.
            fn column(&self, name: &str) -> Value {
                match name {
                    $(stringify!($name) => self.$name.written(),)+
                    _ => unreachable!("{name} is not a column"),
                }
            }
        }
    };
}
with_columns!(column);

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

impl Written for Feed {
    fn written(self) -> Value {
        self.as_str().into()
    }
}

impl Written for Kind {
    fn written(self) -> Value {
        self.as_str().into()
    }
}

impl Written for Flags {
    fn written(self) -> Value {
        flags(self)
    }
}

impl Written for Strs<'_> {
    fn written(self) -> Value {
        let mut items = Vec::new();
        self.for_each(|item| items.push(Value::from(item)));
        items.into()
    }
}
