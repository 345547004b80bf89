//! Whole numbers of one column in as few bits as they need: memory limits how many records one
//! machine can aggregate.

use super::numbering::NO_TIME;
use crate::event::Micros;

/// The bytes that are read at once.
const WORD: usize = size_of::<u64>();
/// The widest value that is in one word wherever its first bit is in a byte.
const WIDTH_MAX: u32 = u64::BITS - u8::BITS + 1;

/// Numbers or times of the rows of a chunk.
pub(crate) struct Packed {
    least: i64,
    /// 1, or microseconds in a second if all values are whole seconds apart.
    unit: u64,
    /// Bits of each value.
    width: u32,
    /// How many units each value is above the least, plus 1; 0 = [`NO_TIME`]. Little-endian.
    steps: Vec<u8>,
}

impl Packed {
    pub(crate) fn new(values: &[i64]) -> Self {
        const SECOND: u64 = Micros::PER_SECOND as u64;
        let present = || values.iter().copied().filter(|value| *value != NO_TIME);
        let least = present().min().unwrap_or_default();
        let above = |value: i64| value.wrapping_sub(least) as u64;
        let is_in_seconds = present().all(|value| above(value).is_multiple_of(SECOND));
        let step = |value| match value {
            NO_TIME => 0,
            // A constant divisor takes no division.
            value if is_in_seconds => above(value) / SECOND + 1,
            value => above(value) + 1,
        };
        let most = present().max().map_or(0, step);
        let width = match u64::BITS - most.leading_zeros() {
            width @ ..=WIDTH_MAX => width,
            _ => u64::BITS,
        };
        let mut steps = vec![0; (values.len() * width as usize).div_ceil(8) + WORD];
        for (row, value) in values.iter().enumerate() {
            let (byte, bit) = place(row, width);
            let word = word(&steps, byte) | step(*value) << bit;
            steps[byte..byte + WORD].copy_from_slice(&word.to_le_bytes());
        }
        Self {
            least,
            unit: if is_in_seconds { SECOND } else { 1 },
            width,
            steps,
        }
    }

    /// The value of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> i64 {
        let (byte, bit) = place(row, self.width);
        let mask = u64::MAX.checked_shr(u64::BITS - self.width).unwrap_or(0);
        match word(&self.steps, byte) >> bit & mask {
            0 => NO_TIME,
            step => self.least.wrapping_add(((step - 1) * self.unit) as i64),
        }
    }
}

/// The byte and the bit in it at which a row's value begins.
#[inline]
fn place(row: usize, width: u32) -> (usize, usize) {
    let bit = row * width as usize;
    (bit / 8, bit % 8)
}

#[inline]
fn word(steps: &[u8], byte: usize) -> u64 {
    let bytes = steps[byte..].first_chunk().expect("a word after the last");
    u64::from_le_bytes(*bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The width of each value, after all came back.
    fn width(values: &[i64]) -> u32 {
        let packed = Packed::new(values);
        let unpacked: Vec<i64> = (0..values.len()).map(|row| packed.get(row)).collect();
        assert_eq!(unpacked, values);
        packed.width
    }

    #[test]
    fn every_value_comes_back_from_the_fewest_bits() {
        const SECOND: i64 = Micros::PER_SECOND;
        assert_eq!(width(&[]), 0);
        assert_eq!(width(&[NO_TIME, NO_TIME]), 0);
        assert_eq!(width(&[7; 9]), 1);
        assert_eq!(width(&[7, NO_TIME, 13]), 3);
        assert_eq!(width(&[-9, 0xfffe - 9]), 16);
        assert_eq!(width(&[-9, 0xffff - 9, NO_TIME]), 17);
        assert_eq!(width(&[5, 5 + (1 << 57) - 2, NO_TIME]), 57);
        assert_eq!(width(&[5, 5 + (1 << 57) - 1, NO_TIME]), 64);
        let day = 86_400 * SECOND;
        assert_eq!(width(&[17, 17 + day, 17 + 3 * SECOND]), 17);
        assert_eq!(width(&[17, 18 + day, 17 + 3 * SECOND]), 37);
        assert_eq!(width(&[i64::MIN + 1, i64::MAX, NO_TIME]), 64);
    }

    proptest! {
        #[test]
        fn values_of_any_range_come_back(
            values in (0_u32..64).prop_flat_map(|bits| prop::collection::vec(
                prop_oneof![any::<i64>().prop_map(move |n| n >> bits), Just(NO_TIME)], 0..40,
            )),
        ) {
            width(&values);
        }
    }
}
