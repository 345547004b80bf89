//! The offences of invented crimes, and how often each occurs.

use Discovery::{Property, Seen, Violence};

/// A crime's category, its code, and how it comes to be known.
#[derive(Clone, Copy)]
pub(super) struct Offence {
    pub(super) category: &'static str,
    pub(super) code: &'static str,
    pub(super) discovery: Discovery,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Discovery {
    /// Against a person, more at night.
    Violence,
    /// Found later: a span.
    Property,
    /// Seen by the police or a shop.
    Seen,
}

const fn offence(
    category: &'static str,
    code: &'static str,
    discovery: Discovery,
    weight: u32,
) -> (Offence, u32) {
    (
        Offence {
            category,
            code,
            discovery,
        },
        weight,
    )
}

/// Offences with their weights, about those of a district.
pub(super) const OFFENCES: [(Offence, u32); 36] = [
    offence("8N", "008/01", Violence, 110),
    offence("105A", "008/09", Violence, 150),
    offence("104", "008/73", Violence, 12),
    offence("5D", "005/01", Violence, 10),
    offence("8L", "008/29", Violence, 60),
    offence("8R", "005/28", Violence, 30),
    offence("8Q", "008/65", Violence, 6),
    offence("8U", "008/67", Violence, 4),
    offence("3B", "003/01", Violence, 8),
    offence("1", "001/01", Violence, 1),
    offence("106", "036/06", Violence, 2),
    offence("19C", "019/08", Violence, 8),
    offence("20A", "020/03", Violence, 10),
    offence("71", "071/01", Violence, 2),
    offence("88A", "071/17", Violence, 3),
    offence("34A", "034/01", Violence, 2),
    offence("34B", "034/01", Violence, 9),
    offence("28I", "028/03", Property, 45),
    offence("30C", "030/02", Property, 28),
    offence("45", "045/10", Property, 50),
    offence("48", "048/01", Property, 20),
    offence("37/2", "037/02", Property, 2),
    offence("46", "046/00", Seen, 70),
    offence("49", "045/11", Property, 75),
    offence("40", "040/00", Property, 12),
    offence("44", "044/00", Property, 12),
    offence("39", "039/00", Seen, 8),
    offence("58A", "057/00", Property, 35),
    offence("58C", "057/00", Property, 45),
    offence("58D", "057/00", Property, 25),
    offence("56B", "056/02", Property, 5),
    offence("92E", "092/61", Seen, 18),
    offence("92D", "092/50", Seen, 6),
    offence("92A", "077/50", Seen, 5),
    offence("10D", "008/26", Seen, 6),
    offence("9A", "068/25", Violence, 55),
];
