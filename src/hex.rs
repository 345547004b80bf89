//! Bytes as hexadecimal digits: how checksums and digests are written.

use sha2::{Digest, Sha256};

/// Two lower-case digits for each byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// The SHA-256 of bytes.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_two_lower_case_digits() {
        assert_eq!(encode(b"\x00\x0f\xa0\xff"), "000fa0ff");
        assert_eq!(encode(b""), "");
    }
}
