//! The rules between fields, over the flat record: what a schema cannot say.
//!
//! Each rule returns the first violation it finds; the rules are in the order of their codes, so
//! that a replay gives the same reason. "Now" is the time Kafka gave the record, never this
//! machine's clock.

use super::Record;
use super::columns::{ColumnRole, are_all_of};
use super::moment::Moment;
use super::rejection::{Reason, Violation};
use crate::event::Micros;

/// How far an event's `time` may be after the time Kafka gave the record, in seconds.
pub const AHEAD_OF_KAFKA_SECONDS_MAX: i64 = 15 * 60;
/// How far a moment may be after the event's `time`, and `recorded_at` before `occurred_from`, in
/// seconds.
pub const SLACK_SECONDS: i64 = 24 * 60 * 60;

/// The rules between fields that a record breaks, one violation for each. A date that does not exist
/// hides the other rules.
pub fn check(record: &Record<'_>, received: Micros) -> Vec<Violation> {
    if let Some(violation) = calendar(record) {
        return vec![violation];
    }
    let mut violations = Vec::new();
    let mut add = |found: Option<Violation>| {
        if let Some(violation) = found {
            violations.push(violation);
        }
    };
    add(future(record, received));
    add(order(record));
    add(recorded(record));
    add(area(record));
    add(code(record));
    add(age(record));
    add(count(record));
    violations
}

/// The answer of a broken rule.
#[expect(
    clippy::unnecessary_wraps,
    reason = "each rule answers with the violation that it found"
)]
fn broken(reason: Reason, pointer: &str, rule: &'static str) -> Option<Violation> {
    Some(Violation::new(reason, pointer, rule))
}

const PERIOD_TO: &str = "/data/period/to";

macro_rules! moments {
    ($($column:ident at $pointer:expr;)+) => {
        /// The pointer of the first moment that meets a condition, in the order of their pointers.
        #[inline]
        fn first_moment(
            record: &Record<'_>,
            is_met: impl Fn(&'static str, &Moment) -> bool,
        ) -> Option<&'static str> {
            $(if record.$column.as_ref().is_some_and(|moment| is_met($pointer, moment)) {
                return Some($pointer);
            })+
            None
        }

        const _: () = assert!(
            are_all_of(ColumnRole::Moment, &[$(stringify!($column)),+]),
            "a column of times is missing here"
        );
    };
}

moments! {
    arrived_at at "/data/arrived_at";
    cancellation_at at "/data/cancellation/at";
    closed_at at "/data/closed_at";
    ended_at at "/data/ended_at";
    outcome_at at "/data/outcome/at";
    period_from at "/data/period/from";
    period_to at PERIOD_TO;
    occurred_from at "/data/when/occurred_from";
    occurred_to at "/data/when/occurred_to";
    recorded_at at "/data/when/recorded_at";
    time at "/time";
}

/// The first moment that is not in the calendar.
fn calendar(record: &Record<'_>) -> Option<Violation> {
    let pointer = first_moment(record, |_, moment| moment.low().is_none())?;
    let rule = "the date does not exist: send one that does";
    broken(Reason::SemanticCalendar, pointer, rule)
}

/// `period_to` is left out: a provisional total may cover days to come. `time` is never later than
/// itself.
fn future(record: &Record<'_>, received: Micros) -> Option<Violation> {
    let sent = record.time?.low()?;
    let latest = sent.plus_seconds(SLACK_SECONDS);
    let is_late = |pointer, moment: &Moment| {
        pointer != PERIOD_TO && moment.low().is_some_and(|low| low > latest)
    };
    if let Some(pointer) = first_moment(record, is_late) {
        let rule = "a moment may be at most 24 hours after `time`: check the year and the clock";
        return broken(Reason::SemanticFuture, pointer, rule);
    }
    if sent <= received.plus_seconds(AHEAD_OF_KAFKA_SECONDS_MAX) {
        return None;
    }
    let rule = "`time` may be at most 15 minutes after the record was received: \
                set the sender's clock";
    broken(Reason::SemanticFuture, "/time", rule)
}

/// Whether all of a moment is before an instant.
fn is_before(moment: &Moment, other: Micros) -> bool {
    moment.low().is_some_and(|low| low < other) && moment.high().is_some_and(|high| high < other)
}

macro_rules! order {
    ($($later:ident at $pointer:expr, from $earlier:ident: $rule:literal;)+) => {
        fn order(record: &Record<'_>) -> Option<Violation> {
            $(if let (Some(later), Some(earlier)) = (&record.$later, &record.$earlier)
                && earlier.low().is_some_and(|low| is_before(later, low))
            {
                return broken(Reason::SemanticOrder, $pointer, $rule);
            })+
            None
        }
    };
}

order! {
    arrived_at at "/data/arrived_at", from occurred_from:
        "`arrived_at` must not be before `occurred_from`: correct one of them";
    closed_at at "/data/closed_at", from occurred_from:
        "`closed_at` must not be before `occurred_from`: correct one of them";
    ended_at at "/data/ended_at", from occurred_from:
        "`ended_at` must not be before `occurred_from`: correct one of them";
    ended_at at "/data/ended_at", from arrived_at:
        "`ended_at` must not be before `arrived_at`: correct one of them";
    period_to at PERIOD_TO, from period_from:
        "`to` must not be before `from`, both days included: correct one of them";
    occurred_to at "/data/when/occurred_to", from occurred_from:
        "`occurred_to` must not be before `occurred_from`: correct one of them";
}

fn recorded(record: &Record<'_>) -> Option<Violation> {
    let from = record.occurred_from?.low()?;
    let earliest = from.plus_seconds(-SLACK_SECONDS);
    is_before(record.recorded_at.as_ref()?, earliest).then(|| {
        let rule =
            "`recorded_at` may be at most 24 hours before `occurred_from`: correct one of them";
        Violation::new(Reason::SemanticRecorded, "/data/when/recorded_at", rule)
    })
}

fn area(record: &Record<'_>) -> Option<Violation> {
    let (code, level) = (record.area_code?, record.area_level?);
    if !is_of_level(code, level) {
        return broken(
            Reason::SemanticArea,
            "/data/area/code",
            "`code` must be an area of the `level`: correct one of them",
        );
    }
    match (level, record.area_vintage) {
        ("lsoa" | "msoa" | "ward", None) => broken(
            Reason::SemanticArea,
            "/data/area",
            "`vintage`, the year of the boundaries, is required for an lsoa, msoa or ward: send it",
        ),
        ("lsoa" | "msoa", Some(year)) if !matches!(year, 2001 | 2011 | 2021) => broken(
            Reason::SemanticArea,
            "/data/area/vintage",
            "`vintage` of an lsoa or msoa must be the year of a census: send 2001, 2011 or 2021",
        ),
        _ => None,
    }
}

/// Whether a code, nine characters or an outward postcode, is one of a level.
pub(crate) fn is_of_level(code: &str, level: &str) -> bool {
    let prefixes: &[&[u8; 3]] = match level {
        "lsoa" => &[b"E01", b"W01", b"S01"],
        "msoa" => &[b"E02", b"W02", b"S02"],
        "ward" => &[b"E05", b"W05"],
        "district" => &[b"E06", b"E07", b"E08", b"E09", b"W06"],
        "county" => &[b"E10"],
        "police_force" => &[b"E23", b"W15"],
        "icb" => &[b"E54"],
        _ => return code.len() <= 4,
    };
    let prefix = code.as_bytes().first_chunk();
    code.len() == 9 && prefix.is_some_and(|prefix| prefixes.contains(&prefix))
}

/// Lists whose codes have a form.
fn code(record: &Record<'_>) -> Option<Violation> {
    if record.outcome_list == Some("ho-outcome") && !record.outcome_code.is_some_and(is_ho_outcome)
    {
        return broken(
            Reason::SemanticCode,
            "/data/outcome/code",
            "an outcome of `ho-outcome` must be 1 to 22, with a capital where the list has one",
        );
    }
    if record.what_list == Some("ho-crime") {
        if !record.what_category.is_some_and(is_ho_category) {
            return broken(
                Reason::SemanticCode,
                "/data/what/category",
                "a category of `ho-crime` must be written as 8N, 4/10 or NFIB1A",
            );
        }
        if !record.what_code.is_none_or(is_ho_offence) {
            return broken(
                Reason::SemanticCode,
                "/data/what/code",
                "a code of `ho-crime` must be three digits, a slash and two digits, as 008/06",
            );
        }
    }
    None
}

/// `[0-9]{1,3}[A-Z]?`, `[0-9]{1,2}[/.][0-9]{1,2}` or `NFIB[0-9]{1,2}[A-Z]?`.
fn is_ho_category(category: &str) -> bool {
    let category = category.as_bytes();
    if let [b'N', b'F', b'I', b'B', fraud @ ..] = category {
        return are_digits(without_letter(fraud), 1, 2);
    }
    match category.iter().position(|c| matches!(c, b'/' | b'.')) {
        Some(at) => are_digits(&category[..at], 1, 2) && are_digits(&category[at + 1..], 1, 2),
        None => are_digits(without_letter(category), 1, 3),
    }
}

/// `[0-9]{3}/[0-9]{2}`.
fn is_ho_offence(code: &str) -> bool {
    match code.as_bytes() {
        [class @ .., b'/', tens, ones] => {
            are_digits(class, 3, 3) && are_digits(&[*tens, *ones], 2, 2)
        }
        _ => false,
    }
}

/// `1` to `22` and perhaps a letter.
fn is_ho_outcome(code: &str) -> bool {
    matches!(
        without_letter(code.as_bytes()),
        [b'1'..=b'9'] | [b'1', b'0'..=b'9'] | [b'2', b'0'..=b'2']
    )
}

fn without_letter(text: &[u8]) -> &[u8] {
    match text {
        [rest @ .., b'A'..=b'Z'] => rest,
        _ => text,
    }
}

fn are_digits(text: &[u8], min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

macro_rules! ages {
    ($($column:ident at $pointer:literal;)+) => {
        fn age(record: &Record<'_>) -> Option<Violation> {
            let bands = [$(($pointer, record.$column)),+];
            let rule = "the first year of a band must be below the last, as 18-24: send no single years";
            let (pointer, _) = bands
                .into_iter()
                .find(|(_, band)| band.is_some_and(|band| !rises(band)))?;
            Some(Violation::new(Reason::SemanticAge, pointer, rule))
        }

        const _: () = assert!(
            are_all_of(ColumnRole::Age, &[$(stringify!($column)),+]),
            "a column of age bands is missing here"
        );
    };
}

ages! {
    age_band at "/data/age_band";
    person_age_band at "/data/person/age_band";
    suspect_age_band at "/data/suspect/age_band";
    victim_age_band at "/data/victim/age_band";
}

/// Whether a band, `18-24` or `65+`, begins below its end.
fn rises(band: &str) -> bool {
    let band = band.as_bytes();
    let Some(dash) = band.iter().position(|c| *c == b'-') else {
        return true;
    };
    // The form of a band admits only digits here, at most three.
    let year = |digits: &[u8]| {
        let digits = digits.iter().map(|c| u32::from(c - b'0'));
        digits.fold(0, |year, digit| year * 10 + digit)
    };
    year(&band[..dash]) < year(&band[dash + 1..])
}

fn count(record: &Record<'_>) -> Option<Violation> {
    let (value, least, most) = (record.value, record.at_least, record.at_most);
    // The first bound that was sent, in the order of pointers.
    let extra = match (least, most) {
        (Some(_), _) => Some("/data/at_least"),
        (None, Some(_)) => Some("/data/at_most"),
        (None, None) => None,
    };
    match record.status? {
        "exact" if extra.is_some() => broken(
            Reason::SemanticCount,
            extra?,
            "an exact count may have only `value`: leave out the bounds",
        ),
        "exact" if value.is_none() => broken(
            Reason::SemanticCount,
            "/data",
            "an exact count must have a `value`: send it",
        ),
        "rounded" => match (least, value, most) {
            (Some(least), Some(value), Some(most)) if least <= value && value <= most => None,
            (Some(_), Some(_), Some(_)) => broken(
                Reason::SemanticCount,
                "/data/value",
                "`value` must be between `at_least` and `at_most`: correct one of them",
            ),
            _ => broken(
                Reason::SemanticCount,
                "/data",
                "a rounded count must have `value`, `at_least` and `at_most`: send all three",
            ),
        },
        "suppressed" if value.is_some() => broken(
            Reason::SemanticCount,
            "/data/value",
            "a suppressed count must not have a `value`: leave it out",
        ),
        "suppressed" if least.zip(most).is_some_and(|(least, most)| most < least) => broken(
            Reason::SemanticCount,
            "/data/at_most",
            "`at_most` must not be below `at_least`: correct one of them",
        ),
        "not_supplied" if extra.is_some() || value.is_some() => broken(
            Reason::SemanticCount,
            extra.unwrap_or("/data/value"),
            "a count that is not supplied must not have a number: leave it out",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_home_office_lists_have_a_form() {
        let check = |form: fn(&str) -> bool, fits: &[&str], others: &[&str]| {
            for (codes, expected) in [(fits, true), (others, false)] {
                assert!(codes.iter().all(|code| form(code) == expected), "{codes:?}");
            }
        };
        check(
            is_ho_category,
            &["8N", "4/10", "4.10", "NFIB1A", "NFIB19", "104"],
            &["8n", "N", "NFIB", "4/", "1048", "8NN"],
        );
        check(
            is_ho_offence,
            &["008/06"],
            &["8/6", "008", "008/060", "0080/6"],
        );
        check(
            is_ho_outcome,
            &["1", "22", "1A", "16"],
            &["0", "23", "01", "A", "1a", "116"],
        );
    }

    #[test]
    fn a_level_admits_its_own_codes() {
        for (code, level, fits) in [
            ("E01024374", "lsoa", true),
            ("E05004996", "lsoa", false),
            ("ME14", "lsoa", false),
            ("ME14", "outward_postcode", true),
            ("E01024374", "outward_postcode", false),
            ("W15000001", "police_force", true),
            ("E54000032", "icb", true),
            ("E07000110", "district", true),
            ("E10000016", "district", false),
        ] {
            assert_eq!(is_of_level(code, level), fits, "{code} {level}");
        }
    }
}
