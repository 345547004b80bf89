//! A value of a table's cell, and how it is shown.
//!
//! Numbers are shown the same on every machine: commas between thousands, one decimal for shares and
//! rates, halves rounded away from zero, and a true minus sign.

use serde::Serialize;

use crate::aggregate::tables::TableValue;

/// The minus sign, which is wider than a hyphen and is read as a minus.
const MINUS: char = '\u{2212}';

impl TableValue {
    /// The value as an SQL literal.
    pub(crate) fn literal(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Date(date) => format!("DATE '{date}'"),
            Self::Instant(time) => format!("TIMESTAMPTZ '{time}'"),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
        }
    }

    /// How it sorts: nulls last, numbers by size, the rest by their bytes.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        use std::cmp::Ordering;
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (a, b) => a
                .number()
                .unwrap_or_default()
                .total_cmp(&b.number().unwrap_or_default()),
        }
    }
}

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NumberFormat {
    /// `1,257`.
    Count,
    /// `+39` or `−5`.
    Signed,
    /// `14.9%`, without a sign: the words say the direction.
    Percent,
    /// `+14.9%`.
    SignedPercent,
    /// `41%`.
    WholePercent,
    /// `30.7`.
    Rate,
}

impl NumberFormat {
    /// The number as text.
    pub(crate) fn show(self, value: &TableValue) -> String {
        let Some(number) = value.number() else {
            return match value {
                TableValue::Text(text) => text.clone(),
                _ => String::new(),
            };
        };
        match self {
            Self::Count => with_commas(number, 0),
            Self::Signed => signed(number, 0),
            Self::Percent => format!("{}%", with_commas(number.abs(), 1)),
            Self::SignedPercent => format!("{}%", signed(number, 1)),
            Self::WholePercent => format!("{}%", with_commas(number, 0)),
            Self::Rate => with_commas(number, 1),
        }
    }
}

fn signed(number: f64, decimals: u32) -> String {
    let shown = with_commas(number, decimals);
    if round(number, decimals) > 0.0 {
        format!("+{shown}")
    } else {
        shown
    }
}

/// Rounds halves away from zero.
fn round(number: f64, decimals: u32) -> f64 {
    let factor = 10_f64.powi(decimals as i32);
    (number * factor).round() / factor
}

fn with_commas(number: f64, decimals: u32) -> String {
    let number = round(number, decimals);
    let digits = format!("{:.*}", decimals as usize, number.abs());
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut shown = String::new();
    if number < 0.0 {
        shown.push(MINUS);
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if !fraction.is_empty() {
        shown.push('.');
        shown.push_str(fraction);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_write_them() {
        let shown = |format: NumberFormat, number: f64| format.show(&TableValue::Number(number));
        assert_eq!(
            NumberFormat::Count.show(&TableValue::Integer(1_257)),
            "1,257"
        );
        assert_eq!(
            NumberFormat::Count.show(&TableValue::Integer(-1_234_567)),
            "−1,234,567"
        );
        assert_eq!(shown(NumberFormat::Percent, 14.899_451), "14.9%");
        assert_eq!(shown(NumberFormat::Percent, -12.25), "12.3%");
        assert_eq!(shown(NumberFormat::SignedPercent, -12.25), "−12.3%");
        assert_eq!(shown(NumberFormat::SignedPercent, 0.04), "0.0%");
        assert_eq!(NumberFormat::Signed.show(&TableValue::Integer(39)), "+39");
        assert_eq!(shown(NumberFormat::Rate, 31.831_84), "31.8");
        assert_eq!(shown(NumberFormat::WholePercent, 41.2), "41%");
    }
}
