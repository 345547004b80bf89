//! Why a record was rejected: a reason of a closed list, a pointer into the document, the rule and
//! what to do. Never a value: values may be personal.

use std::borrow::Cow;
use std::fmt;

use crate::event::Kind;

macro_rules! reasons {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// Why a record was refused, as `family.code`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each variant is the reason code that it is named after")]
        pub enum Reason { $($variant),+ }

        impl Reason {
            /// All reasons: families in the order they are judged in, codes in the order of the
            /// contracts.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The reason code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The reason of that code.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

reasons! {
    TransportEmpty = "transport.empty",
    TransportTooLarge = "transport.too_large",
    TransportPrefix = "transport.prefix",
    TransportContentType = "transport.content_type",
    TransportHeader = "transport.header",
    TransportKey = "transport.key",
    TransportTimestamp = "transport.timestamp",
    EncodingUtf8 = "encoding.utf8",
    EncodingBom = "encoding.bom",
    JsonSyntax = "json.syntax",
    JsonEscape = "json.escape",
    JsonDuplicateKey = "json.duplicate_key",
    JsonNumber = "json.number",
    EnvelopeNotObject = "envelope.not_object",
    EnvelopeSpecversion = "envelope.specversion",
    EnvelopeRequired = "envelope.required",
    EnvelopeInvalid = "envelope.invalid",
    EnvelopeRevision = "envelope.revision",
    EnvelopeExtension = "envelope.extension",
    EnvelopeType = "envelope.type",
    EnvelopeVersion = "envelope.version",
    EnvelopeFeed = "envelope.feed",
    EnvelopeSource = "envelope.source",
    SchemaType = "schema.type",
    SchemaRequired = "schema.required",
    SchemaEnum = "schema.enum",
    SchemaPattern = "schema.pattern",
    SchemaRange = "schema.range",
    SchemaItems = "schema.items",
    SchemaUnknownField = "schema.unknown_field",
    SemanticCalendar = "semantic.calendar",
    SemanticFuture = "semantic.future",
    SemanticOrder = "semantic.order",
    SemanticRecorded = "semantic.recorded",
    SemanticArea = "semantic.area",
    SemanticCode = "semantic.code",
    SemanticAge = "semantic.age",
    SemanticCount = "semantic.count",
    PartnerPaused = "partner.paused",
    PersonalNhsNumber = "personal.nhs_number",
    PersonalPostcode = "personal.postcode",
    PersonalEmail = "personal.email",
    PersonalPhone = "personal.phone",
    PersonalNiNumber = "personal.ni_number",
    PersonalBirthDate = "personal.birth_date",
    PersonalField = "personal.field",
}

impl Reason {
    /// Whether the record looks as if it contains personal data: then none of its bytes are kept.
    pub fn is_personal(self) -> bool {
        self >= Self::PersonalNhsNumber
    }
}

impl serde::Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with a record, before it is known whose it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Why.
    pub reason: Reason,
    /// As [`Rejection::pointer`].
    pub pointer: String,
    /// As [`Rejection::rule`].
    pub rule: Cow<'static, str>,
}

impl Violation {
    /// A violation at a pointer; empty where it is nowhere in the document.
    pub(crate) fn new(
        reason: Reason,
        pointer: impl Into<String>,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            reason,
            pointer: pointer.into(),
            rule: rule.into(),
        }
    }

    /// Of several violations of a family, the one of least rank is reported: the code listed first, then the
    /// smallest pointer.
    pub(crate) fn rank(&self) -> (Reason, &str) {
        (self.reason, &self.pointer)
    }
}

/// A record that broke its contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// JSON pointer of what is wrong; of its parent where a field is missing or unknown. It
    /// contains only names the contract knows. Empty where the violation is nowhere in the document.
    pub pointer: String,
    /// The rule that was broken, and what to do, in a sentence.
    pub rule: Cow<'static, str>,
    /// The partner of the `source`, where that could be read and is registered for the topic.
    pub partner: Option<String>,
    /// The kind of the `type`, where that could be read.
    pub kind: Option<Kind>,
    /// The faults after the first, if they were searched for.
    pub more: Vec<Violation>,
}

impl Rejection {
    /// All faults, the reason of the rejection first.
    pub fn faults(&self) -> impl Iterator<Item = Violation> + '_ {
        let first = Violation::new(self.reason, self.pointer.clone(), self.rule.clone());
        std::iter::once(first).chain(self.more.iter().cloned())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.pointer.is_empty() { "" } else { " at " };
        write!(f, "{}{at}{}: {}", self.reason, self.pointer, self.rule)
    }
}
