//! Properties of a client library, by name: those of librdkafka and of the object store's client.
//!
//! The value of a secret property is never shown.

use std::collections::BTreeMap;
use std::fmt;

/// Whether the value of a property must not be shown.
pub(crate) fn is_secret(name: &str) -> bool {
    let ends = [
        "password",
        "passphrase",
        "secret",
        "key",
        "pem",
        "token",
        "base64",
        "jaas.config",
        "sasl.oauthbearer.config",
        // A URL may hold a user and a password.
        "proxy_url",
    ];
    ends.iter().any(|end| name.ends_with(end))
}

/// Names and values of properties. Values that are secrets are not in its `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Name and value of each, in order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(properties: I) -> Self {
        Self(properties.into_iter().collect())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .iter()
            .map(|(name, value)| (name, if is_secret(name) { "(hidden)" } else { value }));
        f.debug_map().entries(shown).finish()
    }
}
