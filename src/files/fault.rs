//! What is wrong with a file: where, and why. Faults are gathered, never thrown one by one.

use std::cell::RefCell;
use std::fmt;

/// One thing that is wrong (or, as a warning, odd) in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, relative to the folder of the configuration, or another place a setting came from.
    pub file: String,
    /// The key, as a path (`priority[0].rules[1].codes.ho-category`); empty for the file as a
    /// whole.
    pub key: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl Fault {
    /// A fault at a key of a file.
    pub fn new(file: impl Into<String>, key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            key: key.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.key {
            "" => write!(f, "{}: {}", self.file, self.reason),
            key => write!(f, "{}: {key}: {}", self.file, self.reason),
        }
    }
}

/// Everything that is wrong with a configuration, by file and then as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// The value if nothing is wrong, else everything that is.
    pub fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by(|a, b| a.file.cmp(&b.file));
        self.0.dedup();
        Err(self)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "configuration refused ({} fault{})",
            self.0.len(),
            if self.0.len() == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// Where faults are gathered while files are read.
#[derive(Debug, Default)]
pub struct FaultSink(RefCell<Vec<Fault>>);

impl FaultSink {
    /// Adds a fault.
    pub fn add(&self, file: &str, key: &str, reason: impl Into<String>) {
        self.0.borrow_mut().push(Fault::new(file, key, reason));
    }

    /// What was gathered.
    pub fn into_faults(self) -> Faults {
        Faults(self.0.into_inner())
    }
}

/// The known name nearest to `name`, if near enough to be what was meant.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let bound = 1 + name.len() / 4;
    known
        .into_iter()
        .map(|k| (strsim::levenshtein(name, k), k))
        .filter(|(d, _)| *d <= bound)
        .min()
        .map(|(_, k)| k)
}

/// `; did you mean …?` where a known name is near, else nothing.
pub fn hint<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(name, known).map_or_else(String::new, |k| format!("; did you mean `{k}`?"))
}

/// `; did you mean …?` where a known name is near, else `; known: …` with all of them.
pub fn hint_or_known<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let near = hint(name, known.iter().copied());
    if near.is_empty() {
        format!("; known: {}", known.join(", "))
    } else {
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["flush_rows", "flush_age", "workers"];
        assert_eq!(nearest("flushrows", known), Some("flush_rows"));
        assert_eq!(nearest("worker", known), Some("workers"));
        assert_eq!(nearest("colour", known), None);
    }
}
