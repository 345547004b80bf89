//! Whole numbers of one column in as few bytes as they need: memory is what limits how many records
//! one machine can aggregate.

use super::columns::NO_TIME;
use crate::event::Micros;

/// Numbers or times of the rows of a chunk.
pub(crate) struct Packed {
    least: i64,
    unit: i64,
    /// How many units each value is above the least, plus 1; 0 = [`NO_TIME`].
    steps: Steps,
}

enum Steps {
    Bytes(Vec<u8>),
    Shorts(Vec<u16>),
    Words(Vec<u32>),
    /// The values themselves, as they are too far apart.
    Values(Vec<i64>),
}

impl Packed {
    pub(crate) fn new(values: Vec<i64>) -> Self {
        let present = || values.iter().copied().filter(|value| *value != NO_TIME);
        let least = present().min().unwrap_or_default();
        let most = present().max().unwrap_or_default();
        let far = |value: i64| value.wrapping_sub(least);
        let whole_seconds = present().all(|value| far(value) % Micros::PER_SECOND == 0);
        let unit = if whole_seconds { Micros::PER_SECOND } else { 1 };
        let range = most.checked_sub(least).map_or(i64::MAX, |far| far / unit);
        let steps = match range {
            ..0xff => Steps::Bytes(steps_of(&values, least, whole_seconds)),
            0xff..0xffff => Steps::Shorts(steps_of(&values, least, whole_seconds)),
            0xffff..0xffff_ffff => Steps::Words(steps_of(&values, least, whole_seconds)),
            _ => Steps::Values(values),
        };
        Self { least, unit, steps }
    }

    /// The value of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> i64 {
        let step = match &self.steps {
            Steps::Bytes(steps) => steps[row].into(),
            Steps::Shorts(steps) => steps[row].into(),
            Steps::Words(steps) => steps[row],
            Steps::Values(values) => return values[row],
        };
        match step {
            0 => NO_TIME,
            step => self.least + i64::from(step - 1) * self.unit,
        }
    }
}

/// The steps from the least value to each, where all fit.
fn steps_of<T: TryFrom<i64> + Default>(values: &[i64], least: i64, whole_seconds: bool) -> Vec<T> {
    let step = |value: i64| match value {
        NO_TIME => 0,
        // A constant divisor takes no division.
        value if whole_seconds => (value - least) / Micros::PER_SECOND + 1,
        value => value - least + 1,
    };
    let steps = values.iter().map(|value| T::try_from(step(*value)));
    steps.map(Result::unwrap_or_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_from_the_fewest_bytes() {
        const SECOND: i64 = Micros::PER_SECOND;
        let bytes = |values: &[i64]| {
            let packed = Packed::new(values.to_vec());
            let unpacked: Vec<i64> = (0..values.len()).map(|row| packed.get(row)).collect();
            assert_eq!(unpacked, values);
            match packed.steps {
                Steps::Bytes(_) => 1,
                Steps::Shorts(_) => 2,
                Steps::Words(_) => 4,
                Steps::Values(_) => 8,
            }
        };
        assert_eq!(bytes(&[]), 1);
        assert_eq!(bytes(&[NO_TIME, NO_TIME]), 1);
        assert_eq!(bytes(&[7, 7 + 0xfe, NO_TIME]), 1);
        assert_eq!(bytes(&[7, 7 + 0xff]), 2);
        assert_eq!(bytes(&[-9, 0xfffe - 9]), 2);
        assert_eq!(bytes(&[-9, 0xffff - 9, NO_TIME]), 4);
        assert_eq!(bytes(&[0, 0xffff_fffe, 5]), 4);
        assert_eq!(bytes(&[0, 0xffff_ffff, 5]), 8);
        let year = 366 * 86_400 * SECOND;
        assert_eq!(bytes(&[17, 17 + year, 17 + 3 * SECOND]), 4);
        assert_eq!(bytes(&[17, 18 + year, 17 + 3 * SECOND]), 8);
        assert_eq!(bytes(&[i64::MIN + 1, i64::MAX, NO_TIME]), 8);
    }
}
