//! The shapes of values that identify a person, found in a text.
//!
//! A shape is on its own: no letter or digit on either side, so that a run inside a longer token
//! passes. Every shape but an e-mail address begins where a word does, a word being a run of
//! letters and digits.

use crate::contract::rejection::Reason;

/// The first shape, in the order of the reason codes, that is in a text.
#[inline]
pub(super) fn find(text: &[u8]) -> Option<Reason> {
    if may_hold_one(text) {
        find_in(text, true)
    } else {
        None
    }
}

/// As [`find`], but that a date is none: for the contract's own moments.
pub(super) fn find_but_dates(text: &[u8]) -> Option<Reason> {
    if may_hold_one(text) {
        find_in(text, false)
    } else {
        None
    }
}

/// The shortest shape, `B11AA`, has five bytes, and every shape but an e-mail address has two
/// digits.
#[inline]
fn may_hold_one(text: &[u8]) -> bool {
    text.len() >= 5
        && text.iter().fold(0_u32, |n, c| {
            n + u32::from(c.is_ascii_digit()) + 2 * u32::from(*c == b'@')
        }) >= 2
}

#[inline(never)]
fn find_in(text: &[u8], dates: bool) -> Option<Reason> {
    let mut found = None;
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let end = word_end(text, at);
        found = super::first(found, shape_at(text, at, end, dates));
        at = end;
    }
    super::first(
        found,
        (text.contains(&b'@') && is_email(text)).then_some(Reason::PersonalEmail),
    )
}

fn word_end(text: &[u8], at: usize) -> usize {
    text[at..]
        .iter()
        .position(|c| !c.is_ascii_alphanumeric())
        .map_or(text.len(), |len| at + len)
}

/// The first shape that begins with the word at `at`.
fn shape_at(text: &[u8], at: usize, end: usize, dates: bool) -> Option<Reason> {
    let from_plus =
        at > 0 && text[at - 1] == b'+' && (at == 1 || !text[at - 2].is_ascii_alphanumeric());
    if text[at].is_ascii_digit() {
        if is_nhs_number(text, at, end) {
            return Some(Reason::PersonalNhsNumber);
        }
        if is_phone(text, at, from_plus) {
            return Some(Reason::PersonalPhone);
        }
        (dates && is_birth_date(text, at)).then_some(Reason::PersonalBirthDate)
    } else if is_postcode(text, at, end) {
        Some(Reason::PersonalPostcode)
    } else {
        is_ni_number(text, at, end).then_some(Reason::PersonalNiNumber)
    }
}

/// Whether a template matches at `at`, on its own: `d` a digit, `L` a capital, ` ` a space, `-` a space or
/// hyphen, `/` a hyphen, slash or full stop.
#[inline]
fn fits(text: &[u8], at: usize, template: &[u8]) -> bool {
    let end = at + template.len();
    // Cheap checks first, inlined: most texts are too short.
    end <= text.len()
        && text.get(end).is_none_or(|c| !c.is_ascii_alphanumeric())
        && matches_template(&text[at..end], template)
}

/// Whether each byte has the form at its index.
fn matches_template(text: &[u8], template: &[u8]) -> bool {
    template.iter().zip(text).all(|(form, c)| match form {
        b'd' => c.is_ascii_digit(),
        b'L' => c.is_ascii_uppercase(),
        b'-' => matches!(c, b' ' | b'-'),
        b'/' => matches!(c, b'-' | b'/' | b'.'),
        other => c == other,
    })
}

fn is_nhs_number(text: &[u8], at: usize, end: usize) -> bool {
    let bare = end - at == 10 && matches!(text[at], b'3'..=b'9') && fits(text, at, b"dddddddddd");
    (bare && has_check_digit(&text[at..end]))
        || (end - at == 3 && fits(text, at, b"ddd-ddd-dddd") && has_check_digit(&text[at..at + 12]))
}

/// 11 less the sum of the first nine digits by 10, 9 .. 2, modulo 11; 11 is 0, 10 is none.
fn has_check_digit(text: &[u8]) -> bool {
    let digits = text
        .iter()
        .filter(|c| c.is_ascii_digit())
        .map(|c| u32::from(c - b'0'));
    let (sum, last) = digits
        .zip((1..=10).rev())
        .fold((0, 0), |(sum, _), (digit, weight)| match weight {
            1 => (sum, digit),
            _ => (sum + digit * weight, 0),
        });
    (11 - sum % 11) % 11 == last
}

fn is_postcode(text: &[u8], at: usize, end: usize) -> bool {
    let len = end - at;
    let word = &text[at..end];
    if (5..=7).contains(&len) {
        return is_inward(&word[len - 3..], false)
            && is_outward(&word[..len - 3], false)
            && !is_in_random_token(text, at, end);
    }
    let inward = end + 1;
    (2..=4).contains(&len)
        && text.get(end).is_some_and(|c| matches!(c, b' ' | b'-'))
        && inward + 3 <= text.len()
        && word_end(text, inward) == inward + 3
        && is_inward(&text[inward..inward + 3], true)
        && is_outward(word, true)
        && !(text[end] == b'-' && is_in_random_token(text, at, inward + 3))
}

/// The shortest token of random characters: 120 bits in base64url.
const RANDOM_TOKEN_LEN_MIN: usize = 20;
/// The fewest [`changes`] in the rest of such a token. About one random token in 40 has fewer.
const RANDOM_TOKEN_CHANGES_MIN: usize = 5;

/// Whether a shape is a part of a token of random characters, such as a hash in base64url, whose `-`
/// and `_` are letters of its alphabet: one run in which capitals, small letters and digits take turns,
/// as they do not in words and numbers that people join.
fn is_in_random_token(text: &[u8], from: usize, to: usize) -> bool {
    let is_part = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let before = text[..from].iter().rev().take_while(|c| is_part(c)).count();
    let after = text[to..].iter().take_while(|c| is_part(c)).count();
    if before + (to - from) + after < RANDOM_TOKEN_LEN_MIN {
        return false;
    }
    let rest = changes(&text[from - before..from]) + changes(&text[to..to + after]);
    rest >= RANDOM_TOKEN_CHANGES_MIN
}

/// The changes between capitals, small letters and digits inside words, but for a capital that begins
/// a word.
fn changes(text: &[u8]) -> usize {
    let words = text.split(|c| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let pairs = word.windows(2);
            let changes = pairs.filter(|pair| class_of(pair[0]) != class_of(pair[1]));
            let is_capitalised = word.first().is_some_and(u8::is_ascii_uppercase)
                && word.get(1).is_some_and(u8::is_ascii_lowercase);
            changes.count() - usize::from(is_capitalised)
        })
        .sum()
}

/// 0 = a digit, 1 = a capital, 2 = a small letter.
fn class_of(letter_or_digit: u8) -> u8 {
    match letter_or_digit {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    }
}

/// `[0-9][ABD-HJLNP-UW-Z]{2}`.
fn is_inward(b: &[u8], any_case: bool) -> bool {
    b[0].is_ascii_digit()
        && b[1..3].iter().all(|c| {
            let upper = if any_case { c.to_ascii_uppercase() } else { *c };
            matches!(
                upper,
                b'A' | b'B' | b'D'..=b'H' | b'J' | b'L' | b'N' | b'P'..=b'U' | b'W'..=b'Z'
            )
        })
}

/// A postcode area, a digit, and perhaps a digit or letter.
fn is_outward(b: &[u8], any_case: bool) -> bool {
    let area_len = b.iter().take_while(|c| c.is_ascii_alphabetic()).count();
    (1..=2).contains(&area_len)
        && (1..=2).contains(&(b.len() - area_len))
        && b[area_len].is_ascii_digit()
        && b.iter()
            .all(|c| c.is_ascii_alphanumeric() && (any_case || !c.is_ascii_lowercase()))
        && is_postcode_area(&b[..area_len])
}

/// Whether a text is a postcode area.
fn is_postcode_area(text: &[u8]) -> bool {
    let first = text[0].to_ascii_uppercase();
    let second = text.get(1).map_or(b' ', u8::to_ascii_uppercase);
    AREAS
        .as_bytes()
        .chunks_exact(3)
        .any(|area| area[0] == first && area[1] == second)
}

/// Every postcode area, in three bytes each. Source: Royal Mail, with the Crown dependencies.
const AREAS: &str = "AB AL B  BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E  \
EC EH EN EX FK FY G  GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L  LA LD LE LL LN LS LU M  ME MK ML \
N  NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S  SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR \
TS TW UB W  WA WC WD WF WN WR WS WV YO ZE ";

fn is_email(text: &[u8]) -> bool {
    text.iter()
        .enumerate()
        .filter(|(_, c)| **c == b'@')
        .any(|(at, _)| {
            let host = &text[at + 1..];
            let end = host.iter().position(|c| ends_address(*c));
            let host = &host[..end.unwrap_or(host.len())];
            at > 0
                && !ends_address(text[at - 1])
                && host.windows(3).skip(1).any(|w| {
                    w[0] == b'.' && w[1].is_ascii_alphabetic() && w[2].is_ascii_alphabetic()
                })
        })
}

fn ends_address(c: u8) -> bool {
    c.is_ascii_whitespace() || c == b'@'
}

/// `+44`, `0044` or `0`, then the number as it is grouped.
fn is_phone(text: &[u8], at: usize, from_plus: bool) -> bool {
    let abroad = |from: usize| {
        let gap = text.get(from).is_some_and(|c| matches!(c, b' ' | b'-'));
        is_national(text, from + usize::from(gap))
    };
    (from_plus && text[at..].starts_with(b"44") && abroad(at + 2))
        || (text[at] == b'0' && is_national(text, at + 1))
        || (text[at..].starts_with(b"0044") && abroad(at + 4))
}

fn is_national(text: &[u8], at: usize) -> bool {
    let fits = |template| fits(text, at, template);
    match text.get(at) {
        Some(b'2') if fits(b"dd-dddd-dddd") => true,
        Some(b'1' | b'2') if fits(b"ddd-ddd-dddd") => true,
        Some(b'1' | b'2' | b'3' | b'7') => {
            fits(b"dddddddddd") || fits(b"dddd-ddd-ddd") || fits(b"dddd-dddddd")
        }
        _ => false,
    }
}

fn is_ni_number(text: &[u8], at: usize, end: usize) -> bool {
    let shape = match end - at {
        9 => fits(text, at, b"LLddddddL"),
        2 => fits(text, at, b"LL dd dd dd L"),
        _ => return false,
    };
    let last = if end - at == 9 { end - 1 } else { at + 12 };
    shape
        && !matches!(text[at], b'D' | b'F' | b'I' | b'Q' | b'U' | b'V')
        && !matches!(text[at + 1], b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V')
        && !matches!(
            &text[at..at + 2],
            b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ"
        )
        && matches!(text[last], b'A'..=b'D')
}

/// A day from 1900 to 2009, the year first or last; later years pass, since references carry them.
fn is_birth_date(text: &[u8], at: usize) -> bool {
    let number = |range: std::ops::Range<usize>| {
        text[range]
            .iter()
            .fold(0, |n, c| n * 10 + u32::from(c - b'0'))
    };
    let (year, month, day) = if fits(text, at, b"dddd/dd/dd") {
        (
            number(at..at + 4),
            number(at + 5..at + 7),
            number(at + 8..at + 10),
        )
    } else if fits(text, at, b"dd/dd/dddd") {
        (
            number(at + 6..at + 10),
            number(at + 3..at + 5),
            number(at..at + 2),
        )
    } else {
        return false;
    };
    (1900..=2009).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reason: Option<Reason>, texts: &[&str]) {
        for text in texts {
            assert_eq!(find(text.as_bytes()), reason, "{text}");
        }
    }

    #[test]
    fn what_identifies_a_person_is_found() {
        check(
            Some(Reason::PersonalNhsNumber),
            &["9434765919", "case.943-476-5919", "pt 943 476 5919 seen"],
        );
        check(
            Some(Reason::PersonalPostcode),
            &[
                "ME14 1XX",
                "me14-1xx",
                "ME141XX",
                "B11AA",
                "w1a 0ax",
                "at M1 1AE.",
            ],
        );
        check(
            Some(Reason::PersonalEmail),
            &["a.b@kent.example", "x@y.uk", "to: é@b.example"],
        );
        check(
            Some(Reason::PersonalPhone),
            &[
                "07700900123",
                "+44 7700 900123",
                "+447700900123",
                "00447700900123",
                "0044 7700-900-123",
                "020 7946 0018",
                "0161 496 0000",
                "01632 960 001",
                "tel:03001234567",
            ],
        );
        check(
            Some(Reason::PersonalNiNumber),
            &["AB123456C", "AB 12 34 56 C", "x/AB123456D"],
        );
        check(
            Some(Reason::PersonalBirthDate),
            &["b-1984-03-12", "12/03/1984", "2009.12.31", "31.12.1900"],
        );
    }

    #[test]
    fn what_looks_alike_passes() {
        check(
            None,
            &[
                "9434765918",
                "1234567890",
                "1711111111",
                "9434765919000",
                "a4009434765919b",
                "46-001234-17",
                "2018-11-05-0001",
                "01-2018-00123",
                "00001622602000",
                "19840312",
                "12345678",
                "008/06",
                "ME14",
                "E01024374",
                "RWF03",
                "S21.1",
                "GBR123456",
                "AB12CDE",
                "w1a0b",
                "550e8400-e29b-41d4-a716-446655440000",
                "ZZ99 3VZ",
                "me141xx",
                "AB123456E",
                "GB123456A",
                "ab123456c",
                "2010-01-01",
                "1984-13-01",
                "@kent.example",
                "a@b",
                "a @b.uk",
                "a@.uk",
                "9f86d081884c7d659a2feaa0c55ad0159f86d081884c7d659a2feaa0c55ad015",
            ],
        );
    }

    /// How many of twenty thousand random tokens, each made from 64 random bits a call, are hit.
    fn hits(token: impl FnMut(&mut dyn FnMut(u64) -> u64) -> String) -> u32 {
        hits_of(20_000, token)
    }

    fn hits_of(tokens: u32, mut token: impl FnMut(&mut dyn FnMut(u64) -> u64) -> String) -> u32 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |n: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % n
        };
        (0..tokens)
            .map(|_| u32::from(find(token(&mut below).as_bytes()).is_some()))
            .sum()
    }

    fn of(alphabet: &str, len: usize, below: &mut dyn FnMut(u64) -> u64) -> String {
        (0..len)
            .map(|_| char::from(alphabet.as_bytes()[below(alphabet.len() as u64) as usize]))
            .collect()
    }

    #[test]
    fn a_postcode_is_found_between_words_and_numbers_and_not_in_a_random_token() {
        check(
            Some(Reason::PersonalPostcode),
            &[
                "Smith-ME14-1XX-ref-00231",
                "PoliceRef2018A-ME14-1XX-0001",
                "maidstone_case_ME141XX_2018_0441",
                "AAAAAAAAAAAAAAAAAAAA-ME14-1XX",
                "f_MfE3gikpImHE ME14 1XX",
            ],
        );
        check(
            None,
            &["f_MfE3gikpImHE_g4B-5qg.1", "H0g8NIpuoDWZBJm-TW29LQ"],
        );
    }

    /// Hashes of 128 bits. Of ten million, 31 were rejected.
    #[test]
    fn random_tokens_in_base64url_pass() {
        const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let rejected = hits_of(200_000, |below| of(BASE64, 22, below));
        assert_eq!(rejected, 0);
    }

    #[test]
    fn random_tokens_pass_but_for_bare_digits() {
        const HEX: &str = "0123456789abcdef";
        const DIGITS: &str = "0123456789";
        const ULID: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        const BASE36: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for len in [7, 32, 64] {
            assert_eq!(
                hits(|below| of(HEX, len, below)),
                0,
                "{len} hexadecimal digits"
            );
        }
        assert_eq!(hits(|below| of(ULID, 26, below)), 0);
        assert_eq!(hits(|below| of(DIGITS, 9, below)), 0);
        assert_eq!(
            hits(|below| format!("46/{}/{}", of(DIGITS, 6, below), of(DIGITS, 2, below))),
            0
        );
        assert_eq!(
            hits(|below| [8, 4, 4, 4, 12].map(|len| of(HEX, len, below)).join("-")),
            0
        );
        assert!(
            (10..80).contains(&hits(|below| of(BASE36, 7, below))),
            "about 0.2 %"
        );
        assert!(
            (650..950).contains(&hits(|below| of(DIGITS, 11, below))),
            "about 4 %"
        );
        assert!(
            (1150..1450).contains(&hits(|below| of(DIGITS, 10, below))),
            "about 6.5 %"
        );
    }
}
