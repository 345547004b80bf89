//! Settings by full key, each with the layer it came from.
//!
//! [`super::Config`] gives them their meaning. A secret value never appears in a fault or text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use toml::{Table, Value};

use super::properties::Client;
use super::{ENVIRONMENT_PREFIX, FILE};
use crate::files::Faults;
use crate::files::fault::{FaultSink, hint};
use crate::files::toml_reader::parse;
use crate::properties::{Properties, is_secret};
use crate::retention::{AfterPeriod, KindPeriod};
use crate::storage::is_property;

/// The built-in file, which names every setting.
const BUILT_IN: &str = include_str!("../../config/partner-feeds.toml");
/// The prefix of the variables that S3's own tools read.
const AWS: &str = "AWS_";
/// The section of the retention periods of kinds, whose names are not fixed.
const KINDS_RETAINED: &str = "retention.kinds.";
/// Environment variables for logging and tests, which are not settings.
const NOT_SETTINGS: [&str; 3] = ["CRASH_", "LOG", "TEST_"];

#[derive(Debug)]
pub(super) struct Settings {
    by_key: BTreeMap<String, Setting>,
    sink: FaultSink,
}

#[derive(Debug)]
struct Setting {
    value: Value,
    /// A file, a variable or an option.
    origin: String,
}

impl Settings {
    pub(super) fn built_in() -> Self {
        let mut settings = Self {
            by_key: BTreeMap::new(),
            sink: FaultSink::default(),
        };
        let table = parse("built in", BUILT_IN, &settings.sink).unwrap_or_default();
        for (key, value) in flat(&table) {
            settings.by_key.insert(
                key,
                Setting {
                    value,
                    origin: "built in".to_owned(),
                },
            );
        }
        settings
    }

    pub(super) fn overlay_file(&mut self, file: &Path) {
        let name = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let table = parse(&name, &text, &self.sink).unwrap_or_default();
                for (key, value) in flat(&table) {
                    self.set(&key, value, &name);
                }
            }
            Err(error) => self.sink.add(&name, "", format!("cannot be read: {error}")),
        }
    }

    pub(super) fn overlay_environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) {
        let mut variables: Vec<(String, String)> = variables.into_iter().collect();
        variables.sort();
        for (variable, text) in variables {
            if variable.starts_with(AWS) && is_property(&variable.to_lowercase()) {
                self.overlay_aws(&variable, text);
                continue;
            }
            let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            if NOT_SETTINGS.iter().any(|other| name.starts_with(other)) {
                continue;
            }
            if let Some(key) = self.key_of(name) {
                self.set_text(&key, &text, &variable);
            } else {
                let known: Vec<String> = self.by_key.keys().map(|key| variable_of(key)).collect();
                let hint = hint(&variable, known.iter().map(String::as_str));
                self.sink
                    .add("environment", &variable, format!("is not a setting{hint}"));
            }
        }
    }

    /// A variable shared with other tools is overridden by any setting of this program.
    fn overlay_aws(&mut self, variable: &str, text: String) {
        let name = variable.to_lowercase();
        let own = name.trim_start_matches("aws_");
        let section = Client::Store.section();
        let is_set = [&*name, own].iter().any(|name| {
            let key = format!("{section}{name}");
            self.by_key.contains_key(&key) || self.by_key.contains_key(&format!("{key}_file"))
        });
        if !is_set {
            let setting = Setting {
                value: text.into(),
                origin: variable.to_owned(),
            };
            self.by_key.insert(format!("{section}{own}"), setting);
        }
    }

    pub(super) fn overlay_command_line(&mut self, settings: &[(&'static str, String)]) {
        for (key, text) in settings {
            self.set_text(key, text, "command line");
        }
    }

    /// The key that a variable without its prefix sets.
    fn key_of(&self, name: &str) -> Option<String> {
        Client::key_of(name).or_else(|| {
            self.by_key
                .keys()
                .find(|key| variable_of(key) == format!("{ENVIRONMENT_PREFIX}{name}"))
                .cloned()
        })
    }

    /// Sets a key to a text, read as the type that the built-in value has.
    fn set_text(&mut self, key: &str, text: &str, origin: &str) {
        let value = match self.by_key.get(key).map(|setting| &setting.value) {
            Some(Value::Integer(_)) => text.parse().map_or_else(|_| text.into(), Value::Integer),
            Some(Value::Array(_)) => {
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Value::Array(items.map(Value::from).collect())
            }
            _ => text.into(),
        };
        self.set(key, value, origin);
    }

    fn set(&mut self, key: &str, value: Value, origin: &str) {
        let is_known = self.by_key.contains_key(key)
            || Client::of(key).is_some()
            || key.starts_with(KINDS_RETAINED);
        if is_known {
            self.by_key.insert(
                key.to_owned(),
                Setting {
                    value,
                    origin: origin.to_owned(),
                },
            );
        } else {
            let hint = hint(key, self.by_key.keys().map(String::as_str));
            self.sink.add(origin, key, format!("unknown setting{hint}"));
        }
    }

    pub(super) fn into_faults(self) -> Faults {
        self.sink.into_faults()
    }

    /// Adds a fault at a setting, in the layer it came from.
    pub(super) fn fault(&self, key: &str, reason: impl Into<String>) {
        let origin = self.by_key.get(key).map_or(FILE, |setting| &setting.origin);
        self.sink.add(origin, key, reason);
    }

    /// Reads a setting; `None` after a fault that shows the value and what it should be.
    fn typed<'s, T>(
        &'s self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&'s Value) -> Option<T>,
    ) -> Option<T> {
        let value = &self.by_key.get(key)?.value;
        let read = read(value);
        if read.is_none() {
            self.fault(key, format!("{value} is not {wanted}"));
        }
        read
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.typed(key, "a text", Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// A text that is not empty.
    pub(super) fn filled(&self, key: &str) -> String {
        let filled = self.typed(key, "a text that is not empty", |value| {
            value.as_str().filter(|text| !text.trim().is_empty())
        });
        filled.unwrap_or_default().to_owned()
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let texts = self.typed(key, "a list of texts", |value| {
            let values = value.as_array()?.iter();
            let texts = values.map(|value| value.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<String>>>()
        });
        texts.unwrap_or_default()
    }

    /// Addresses `host:port` joined by commas.
    pub(super) fn brokers(&self, key: &str) -> String {
        let brokers = self.typed(key, "host:port, joined by commas", |value| {
            value.as_str().filter(|text| text.split(',').all(is_broker))
        });
        brokers.unwrap_or_default().to_owned()
    }

    /// An address `host:port`, or none where the text is empty.
    pub(super) fn optional_address(&self, key: &str) -> Option<String> {
        self.typed(key, "host:port, or empty", |value| {
            match value.as_str()? {
                "" => Some(None),
                text => port_of(text).map(|_| Some(text.to_owned())),
            }
        })
        .flatten()
    }

    pub(super) fn integer(&self, key: &str, (low, high): (usize, usize)) -> usize {
        let wanted = format!("an integer from {low} to {high}");
        let number = self.typed(key, &wanted, |value| {
            let number = usize::try_from(value.as_integer()?).ok()?;
            (low..=high).contains(&number).then_some(number)
        });
        number.unwrap_or(low)
    }

    /// A value of a closed list; the first one after a fault.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&'static str, T)]) -> T {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let found = self.typed(key, &format!("one of {}", names.join(", ")), |value| {
            let name = value.as_str()?;
            choices.iter().find(|(known, _)| *known == name)
        });
        found.unwrap_or(&choices[0]).1
    }

    pub(super) fn duration(&self, key: &str, bounds: (Duration, Duration)) -> Duration {
        let within = |value: &Value| parse_duration(value.as_str()?, bounds);
        self.typed(key, &duration_between(bounds), within)
            .unwrap_or(bounds.0)
    }

    /// A duration, or none where the text is empty.
    pub(super) fn optional_duration(
        &self,
        key: &str,
        bounds: (Duration, Duration),
    ) -> Option<Duration> {
        let within = |value: &Value| match value.as_str()? {
            "" => Some(None),
            text => parse_duration(text, bounds).map(Some),
        };
        self.typed(
            key,
            &format!("{}, or empty", duration_between(bounds)),
            within,
        )
        .flatten()
    }

    /// A value that is read from a text.
    pub(super) fn parsed<T: FromStr<Err = &'static str>>(&self, key: &str) -> Option<T> {
        match self.text(key).parse() {
            Ok(value) => Some(value),
            Err(reason) => {
                self.fault(key, reason);
                None
            }
        }
    }

    /// Days such as `60d`, or none where the text is empty.
    pub(super) fn optional_days(&self, key: &str, (low, high): (u16, u16)) -> Option<u16> {
        let within = |value: &Value| match value.as_str()? {
            "" => Some(None),
            text => {
                let days: u16 = text.strip_suffix('d')?.parse().ok()?;
                (low..=high).contains(&days).then_some(Some(days))
            }
        };
        self.typed(
            key,
            &format!("days from {low}d to {high}d, or empty"),
            within,
        )
        .flatten()
    }

    /// The retention periods of kinds.
    pub(super) fn kind_periods(&self) -> Vec<KindPeriod> {
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        for key in self
            .by_key
            .keys()
            .filter_map(|key| key.strip_prefix(KINDS_RETAINED))
        {
            let mut parts = [".after", ".action"].iter();
            let kind = parts.find_map(|part| key.strip_suffix(part));
            keys.insert(kind.unwrap_or(key));
        }
        let read = keys.into_iter().filter_map(|kind| {
            let own = format!("{KINDS_RETAINED}{kind}");
            let (key, after) = if self.by_key.contains_key(&own) {
                (own.clone(), AfterPeriod::Erase)
            } else {
                let action = format!("{own}.action");
                let after = if self.by_key.contains_key(&action) {
                    self.choice(&action, &AfterPeriod::ALL)
                } else {
                    AfterPeriod::Erase
                };
                (format!("{own}.after"), after)
            };
            if !self.by_key.contains_key(&key) {
                self.fault(&key, "is missing");
                return None;
            }
            match KindPeriod::parse(kind, self.parsed(&key)?, after) {
                Ok(period) => Some(period),
                Err(reason) => {
                    self.fault(&own, reason);
                    None
                }
            }
        });
        read.collect()
    }

    /// The properties of a client; those given as files are read.
    pub(super) fn properties(&self, client: Client) -> Properties {
        self.by_key
            .iter()
            .filter_map(|(key, setting)| {
                let name = key.strip_prefix(client.section())?;
                self.property(client, key, name, &setting.value)
            })
            .collect()
    }

    fn property(
        &self,
        client: Client,
        key: &str,
        name: &str,
        value: &Value,
    ) -> Option<(String, String)> {
        let own = name
            .strip_suffix("_file")
            .filter(|own| client.refuses(own).is_none())
            .unwrap_or(name);
        if let Some(reason) = client.refuses(own) {
            self.fault(key, reason);
            return None;
        }
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Integer(_) | Value::Boolean(_) => value.to_string(),
            _ => {
                self.fault(key, "is neither a text, an integer nor true or false");
                return None;
            }
        };
        if own == name {
            return self.checked(client, key, own, text);
        }
        if self
            .by_key
            .contains_key(&format!("{}{own}", client.section()))
        {
            self.fault(
                key,
                format!("is given together with `{own}`; give only one"),
            );
        }
        match std::fs::read_to_string(&text) {
            Ok(content) => self.checked(client, key, own, content.trim_end().to_owned()),
            Err(error) => {
                self.fault(key, format!("file {text} cannot be read: {error}"));
                None
            }
        }
    }

    /// A property, if its client accepts it.
    fn checked(
        &self,
        client: Client,
        key: &str,
        name: &str,
        value: String,
    ) -> Option<(String, String)> {
        match client.fault_of(name, &value) {
            None => Some((name.to_owned(), value)),
            Some(reason) => {
                self.fault(key, reason);
                None
            }
        }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, Setting { value, origin }) in &self.by_key {
            if is_secret(key) {
                writeln!(f, "{key} = (hidden)  # {origin}")?;
            } else {
                writeln!(f, "{key} = {value}  # {origin}")?;
            }
        }
        Ok(())
    }
}

/// The values of a table and its subtables, by full key.
fn flat(table: &Table) -> Vec<(String, Value)> {
    let mut values = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(below) => {
                let below = flat(below).into_iter();
                values.extend(below.map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => values.push((key.clone(), value.clone())),
        }
    }
    values
}

fn variable_of(key: &str) -> String {
    format!(
        "{ENVIRONMENT_PREFIX}{}",
        key.to_uppercase().replace('.', "_")
    )
}

fn is_broker(address: &str) -> bool {
    port_of(address.trim()).is_some_and(|port| port > 0)
}

/// The port of `host:port`.
fn port_of(address: &str) -> Option<u16> {
    let (host, port) = address.rsplit_once(':')?;
    port.parse().ok().filter(|_| !host.is_empty())
}

/// The duration of a text such as `30s` or `1h30m`, if it is within the bounds.
fn parse_duration(text: &str, (low, high): (Duration, Duration)) -> Option<Duration> {
    let duration = Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()?;
    (low..=high).contains(&duration).then_some(duration)
}

fn duration_between((low, high): (Duration, Duration)) -> String {
    let [low, high] = [low, high].map(|bound| SignedDuration::from_secs(bound.as_secs() as i64));
    format!("a duration from {low:#} to {high:#}")
}
