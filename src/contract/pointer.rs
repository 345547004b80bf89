//! A JSON pointer into a document, as far as the contract knows its names.
//!
//! Anyone may read the pointer of a rejection, and a key that the contract does not know may itself
//! be personal: below such a key, or too deep, a pointer ends at the last known parent.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use super::{attributes, schemas};

/// The most steps of a pointer; no field of the contract is deeper.
const STEPS_MAX: usize = 16;

/// The field that a pointer into an event is to, as tables name it: `what.code`; `None` = the complete
/// event.
pub(crate) fn field_name(pointer: &str) -> Option<String> {
    let below = pointer
        .strip_prefix("/data/")
        .or(pointer.strip_prefix('/'))?;
    Some(below.replace('/', "."))
}

/// One step down.
#[derive(Clone, Copy)]
pub(crate) enum PointerStep {
    /// A field the contract knows.
    Field(&'static str),
    /// An item of an array, from 0.
    Item(usize),
    /// A field the contract does not know.
    Unknown,
}

impl PointerStep {
    /// The step to a field.
    pub(crate) fn to(name: &str) -> Self {
        NAMES
            .get(name)
            .map_or(Self::Unknown, |name| Self::Field(name))
    }
}

/// The steps from the root of a document to a value.
#[derive(Default)]
pub(crate) struct Pointer {
    steps: Vec<PointerStep>,
    /// How many steps were taken since the last known one.
    hidden: usize,
}

impl Pointer {
    /// Goes one step down.
    pub(crate) fn enter(&mut self, step: PointerStep) {
        if self.hidden > 0 || matches!(step, PointerStep::Unknown) || self.steps.len() == STEPS_MAX
        {
            self.hidden += 1;
        } else {
            self.steps.push(step);
        }
    }

    /// Goes one step up.
    pub(crate) fn leave(&mut self) {
        if self.hidden > 0 {
            self.hidden -= 1;
        } else {
            self.steps.pop();
        }
    }

    /// The steps, if all are known.
    pub(crate) fn steps(&self) -> Option<&[PointerStep]> {
        (self.hidden == 0).then_some(&self.steps)
    }

    /// The JSON pointer as text, as far as names are known.
    pub(crate) fn text(&self) -> String {
        let mut pointer = String::new();
        for step in &self.steps {
            match step {
                PointerStep::Field(name) => pointer.extend(["/", name]),
                PointerStep::Item(index) => pointer.extend(["/", &index.to_string()]),
                PointerStep::Unknown => {}
            }
        }
        pointer
    }
}

/// Every name of a field of the contract.
static NAMES: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let mut names = attributes().collect::<BTreeSet<_>>();
    schemas::documents().for_each(|(_, document)| gather(document, &mut names));
    names
});

fn gather(schema: &'static Value, names: &mut BTreeSet<&'static str>) {
    let Value::Object(keywords) = schema else {
        return;
    };
    if let Some(Value::Object(properties)) = keywords.get("properties") {
        names.extend(properties.keys().map(String::as_str));
    }
    keywords.values().for_each(|inner| gather(inner, names));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_stops_at_the_first_unknown_name() {
        let mut pointer = Pointer::default();
        for name in ["data", "victim", "surname", "token"] {
            pointer.enter(PointerStep::to(name));
        }
        assert_eq!(pointer.text(), "/data/victim");
        pointer.leave();
        pointer.leave();
        pointer.enter(PointerStep::Item(3));
        assert_eq!(pointer.text(), "/data/victim/3");
    }
}
