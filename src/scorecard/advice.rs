//! Who can fix a refusal, and what to do about it, by reason.

use crate::contract::rejection::Reason;

/// Who can fix a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The partner, in its system or its extract.
    Partner,
    /// The partner or the partnership: they have to agree.
    Either,
}

impl Fault {
    /// The name in JSON.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Either => "partner or partnership",
        }
    }
}

/// What a reason means in words, who can fix it, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// Ends a sentence that begins with `was refused`.
    pub(super) because: &'static str,
    pub(super) fault: Fault,
    pub(super) action: &'static str,
}

/// The advice for a reason.
#[expect(clippy::too_many_lines, reason = "an arm for each sort of reason")]
pub(super) fn advice(reason: Reason) -> Advice {
    let partner = |because, action| Advice {
        because,
        fault: Fault::Partner,
        action,
    };
    let either = |because, action| Advice {
        fault: Fault::Either,
        ..partner(because, action)
    };
    match reason {
        Reason::TransportEmpty => partner("it is empty", "do not send records without a value"),
        Reason::TransportTooLarge => partner(
            "it is larger than 16 KiB",
            "leave out what the contract does not need",
        ),
        Reason::TransportPrefix
        | Reason::TransportContentType
        | Reason::TransportHeader
        | Reason::TransportKey
        | Reason::TransportTimestamp => partner(
            "its Kafka record is not set up as the contract asks",
            "correct the producer's settings, then send the records again",
        ),
        Reason::EncodingUtf8 | Reason::EncodingBom => partner(
            "it is not plain UTF-8",
            "write the file as UTF-8 without a byte order mark, then send it again",
        ),
        Reason::JsonSyntax | Reason::JsonEscape | Reason::JsonDuplicateKey | Reason::JsonNumber => {
            partner(
                "it is not valid JSON",
                "write it with a JSON library, then send it again",
            )
        }
        Reason::EnvelopeSource => either(
            "its source is not registered for this feed",
            "check the spelling of `source`; if it is right, ask the partnership to register it",
        ),
        Reason::EnvelopeFeed | Reason::EnvelopeType | Reason::EnvelopeVersion => partner(
            "its type is not one that this feed accepts",
            "write the `type` of the contract, and send it to the topic of its feed",
        ),
        Reason::EnvelopeRevision => partner(
            "its revision is not a number from 1",
            "number the revisions of a record 1, 2, 3",
        ),
        Reason::EnvelopeNotObject
        | Reason::EnvelopeSpecversion
        | Reason::EnvelopeRequired
        | Reason::EnvelopeInvalid
        | Reason::EnvelopeExtension => partner(
            "an attribute of the event is missing or wrong",
            "correct the attribute, then send the events again",
        ),
        Reason::SchemaRequired => partner(
            "a required field is missing",
            "fill in the field, then send the records again",
        ),
        Reason::SchemaEnum => partner(
            "a value is not in the contract's list",
            "use a value of the list in the schema, then send the records again",
        ),
        Reason::SchemaUnknownField => partner(
            "it has a field that the contract does not have",
            "remove the field, then send the records again",
        ),
        Reason::SchemaType | Reason::SchemaPattern | Reason::SchemaRange | Reason::SchemaItems => {
            partner(
                "a value does not have the form of the contract",
                "write it as the rule says, then send the records again",
            )
        }
        Reason::SemanticCalendar => partner(
            "a date does not exist",
            "correct the date, then send the records again",
        ),
        Reason::SemanticFuture => partner(
            "a date is in the future",
            "correct the date or the clock, then send the records again",
        ),
        Reason::SemanticOrder | Reason::SemanticRecorded => partner(
            "its dates are in an order that cannot be",
            "correct the dates, then send the records again",
        ),
        Reason::SemanticCode => either(
            "a code does not have the form of its list",
            "correct the code; if it is right, ask the partnership to add the list",
        ),
        Reason::SemanticArea | Reason::SemanticAge | Reason::SemanticCount => partner(
            "two of its fields contradict each other",
            "correct one of them, then send the records again",
        ),
        Reason::PartnerPaused => either(
            "the partner was paused after many refusals in a row",
            "fix the cause, then ask the partnership to resume and replay the records",
        ),
        Reason::PersonalNhsNumber
        | Reason::PersonalPostcode
        | Reason::PersonalEmail
        | Reason::PersonalPhone
        | Reason::PersonalNiNumber
        | Reason::PersonalBirthDate
        | Reason::PersonalField => partner(
            "it looks as if it contains personal data",
            "remove it in the extract; nothing of these records was stored, so send them again",
        ),
    }
}
