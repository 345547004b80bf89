//! Events as partners send them, built field by field: `crime("a").month("2017-05").cancelled()`.

use std::fmt;

use serde_json::{Map, Value, json};

/// An event under construction; its text is the JSON document.
#[derive(Clone, Debug)]
pub(crate) struct EventBuilder {
    source: String,
    /// Feed and kind: `police.crime`.
    kind: &'static str,
    subject: String,
    revision: i32,
    time: String,
    data: Map<String, Value>,
}

/// A crime recorded by Kent Police: violence with injury, on 3 May 2017.
pub(crate) fn crime(subject: &str) -> EventBuilder {
    EventBuilder::new("kent-police:crime", "police.crime", subject)
        .what("ho-crime", "2026-04", "8N")
        .occurred("2017-05-03")
}

/// A drugs offence as the published files have it: a month, a type and no flags.
pub(crate) fn published_crime(subject: &str, month: &str) -> EventBuilder {
    EventBuilder::new("kent-police:open-data", "police.crime", subject)
        .what("police-uk", "2013-05", "drugs")
        .occurred(month)
}

/// A detention under section 136 of the Mental Health Act.
pub(crate) fn detention(subject: &str, place_of_safety: &str) -> EventBuilder {
    EventBuilder::new("kent-police:custody", "police.detention", subject)
        .put("legal_power", "s136")
        .put("place_of_safety", place_of_safety)
        .put("transport", "ambulance")
}

/// A household that lost its home by domestic abuse.
pub(crate) fn homelessness_case(subject: &str) -> EventBuilder {
    EventBuilder::new("maidstone-bc:hclic", "housing.homelessness-case", subject)
        .put("edition", "2018-04")
        .put("assessment", "relief_duty")
        .put("loss_reason", "domestic-abuse")
}

/// A count of households by a housing authority.
pub(crate) fn housing_count(source: &str, subject: &str) -> EventBuilder {
    EventBuilder::new(source, "housing.count", subject).unit("households")
}

/// A count of persons in treatment.
pub(crate) fn treatment_count(subject: &str) -> EventBuilder {
    EventBuilder::new("kent-treatment:ndtms", "health.count", subject).unit("persons")
}

/// A count of offences by Kent Police.
pub(crate) fn police_count(subject: &str) -> EventBuilder {
    EventBuilder::new("kent-police:crime", "police.count", subject).unit("events")
}

impl EventBuilder {
    /// An event of `partner:system` of a kind, with no data.
    pub(crate) fn new(source: &str, kind: &'static str, subject: &str) -> Self {
        Self {
            source: source.to_owned(),
            kind,
            subject: subject.to_owned(),
            revision: 1,
            time: "2019-12-01T00:00:00Z".to_owned(),
            data: Map::new(),
        }
    }

    pub(crate) fn revision(mut self, revision: i32) -> Self {
        self.revision = revision;
        self
    }

    /// When the partner sent it.
    pub(crate) fn time(mut self, time: &str) -> Self {
        time.clone_into(&mut self.time);
        self
    }

    /// Any field of `data`.
    pub(crate) fn put(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.data.insert(field.to_owned(), value.into());
        self
    }

    pub(crate) fn what(self, list: &str, edition: &str, category: &str) -> Self {
        self.put(
            "what",
            json!({ "list": list, "edition": edition, "category": category }),
        )
    }

    /// Another category of the same list.
    pub(crate) fn category(mut self, category: &str) -> Self {
        self.data["what"]["category"] = category.into();
        self
    }

    /// A time, a day or a month, as `from`.
    pub(crate) fn occurred(self, from: &str) -> Self {
        self.put("when", json!({ "occurred_from": from }))
    }

    /// On the evening of the 3rd of a month, recorded on the next day.
    pub(crate) fn month(self, month: &str) -> Self {
        self.put(
            "when",
            json!({
                "occurred_from": format!("{month}-03T23:10:00Z"),
                "recorded_at": format!("{month}-04"),
            }),
        )
    }

    /// What a count covers: from the first day to the last.
    pub(crate) fn period(self, from: &str, to: &str) -> Self {
        self.put("period", json!({ "from": from, "to": to }))
    }

    /// In an area where it happened.
    pub(crate) fn area(self, code: &str, level: &str) -> Self {
        self.area_as("incident", code, level)
    }

    /// In an area of another role: `home`, `service`.
    pub(crate) fn area_as(self, role: &str, code: &str, level: &str) -> Self {
        self.put(
            "area",
            json!({ "code": code, "level": level, "role": role }),
        )
    }

    /// In an area of a level whose boundaries have editions.
    pub(crate) fn area_of(mut self, code: &str, level: &str, vintage: u16) -> Self {
        self = self.area(code, level);
        self.data["area"]["vintage"] = vintage.into();
        self
    }

    /// In an LSOA of 2011.
    pub(crate) fn lsoa(self, code: &str) -> Self {
        self.area_of(code, "lsoa", 2011)
    }

    pub(crate) fn flag(mut self, name: &str, value: bool) -> Self {
        let flags = self.data.entry("flags").or_insert_with(|| json!({}));
        flags[name] = value.into();
        self
    }

    /// With a victim who is known by a token.
    pub(crate) fn victim(self, token: &str) -> Self {
        self.put("victim", json!({ "token": token }))
    }

    pub(crate) fn cancelled(self) -> Self {
        self.put(
            "cancellation",
            json!({ "reason": "no_offence", "at": "2018-02-01" }),
        )
    }

    pub(crate) fn unit(self, unit: &str) -> Self {
        self.put("unit", unit)
    }

    pub(crate) fn exact(self, value: i64) -> Self {
        self.put("status", "exact").put("value", value)
    }

    /// A count withheld, with the bounds that the partner states.
    pub(crate) fn suppressed(self, at_least: i64, at_most: Option<i64>) -> Self {
        let event = self.put("status", "suppressed").put("at_least", at_least);
        match at_most {
            Some(at_most) => event.put("at_most", at_most),
            None => event,
        }
    }

    pub(crate) fn not_supplied(self) -> Self {
        self.put("status", "not_supplied")
    }
}

impl fmt::Display for EventBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            kind,
            subject,
            revision,
            time,
            data,
        } = self;
        write!(
            f,
            r#"{{"specversion":"1.0","id":"{subject}.{revision}","source":"urn:partner:{source}","#
        )?;
        write!(f, r#""type":"uk.community-safety.{kind}.v1","#)?;
        write!(
            f,
            r#""subject":"{subject}","revision":{revision},"time":"{time}","#
        )?;
        write!(f, r#""data":{}}}"#, Value::Object(data.clone()))
    }
}
