//! The checksum of a file: what was changed after it was written is told before anything of it is
//! believed.
//!
//! A reader of Parquet believes what a footer or a page says, and asks for as much memory as a
//! changed count names. So every file bears two CRC-32 (ISO-HDLC, that of gzip), as the last of its
//! key-value pairs: of what stands before the footer, and of the footer, in which the second's own
//! digits count as zeros. The footer's can be checked without the rest. They find what disks and
//! hands change; who wants to forge a file can.

use std::ops::Range;

use flate2::Crc;
use parquet::errors::ParquetError;

use super::{LedgerError, Result};

/// The key of the pair.
pub(super) const KEY: &str = "checksum";

/// Its value, before the digits are there.
pub(super) const UNSEALED: &str = "crc32:00000000-00000000";

/// What its value begins with.
const MARK: &[u8] = b"crc32:";

const DIGITS: usize = 8;

/// Where things stand in the bytes of a file, or of its end.
struct Places {
    /// Where the footer begins: the metadata, their length and the magic.
    footer: usize,
    /// The digits of what stands before it.
    rows: Range<usize>,
    /// The digits of the footer.
    own: Range<usize>,
}

impl Places {
    /// `None` where there is no checksum, or the footer is not there whole.
    fn of(bytes: &[u8]) -> Option<Self> {
        let footer = bytes.len().checked_sub(footer_bytes(bytes)?)?;
        let mark = bytes[footer..]
            .windows(MARK.len())
            .rposition(|window| window == MARK)?;
        let rows = footer + mark + MARK.len();
        let own = rows + DIGITS + 1;
        let places = Self {
            footer,
            rows: rows..rows + DIGITS,
            own: own..own + DIGITS,
        };
        (places.own.end <= bytes.len()).then_some(places)
    }

    fn of_rows(&self, bytes: &[u8]) -> [u8; DIGITS] {
        digits(&[&bytes[..self.footer]])
    }

    fn of_footer(&self, bytes: &[u8]) -> [u8; DIGITS] {
        digits(&[
            &bytes[self.footer..self.own.start],
            b"00000000",
            &bytes[self.own.end..],
        ])
    }
}

/// How long the footer is, by a file's last bytes; `None` where it is not Parquet.
pub(super) fn footer_bytes(tail: &[u8]) -> Option<usize> {
    let (_, [length @ .., b'P', b'A', b'R', b'1']) = tail.split_last_chunk::<8>()? else {
        return None;
    };
    Some(8 + u32::from_le_bytes(*length) as usize)
}

fn digits(parts: &[&[u8]]) -> [u8; DIGITS] {
    let mut crc = Crc::new();
    for part in parts {
        crc.update(part);
    }
    format!("{:08x}", crc.sum())
        .into_bytes()
        .try_into()
        .expect("eight digits")
}

/// Writes the digits into a new file.
pub(super) fn seal(file: &mut [u8]) {
    let places = Places::of(file).expect("a new file has the pair");
    let rows = places.of_rows(file);
    file[places.rows.clone()].copy_from_slice(&rows);
    let own = places.of_footer(file);
    file[places.own].copy_from_slice(&own);
}

/// Checks a file whole. `path` is for the error only.
///
/// # Errors
///
/// [`LedgerError::Changed`]; [`LedgerError::Footer`] where there is no checksum,
/// [`LedgerError::NotParquet`] where the end is not Parquet's.
pub(super) fn check(path: &str, file: &[u8]) -> Result<()> {
    check_parts(path, file, |places| {
        places.of_rows(file) == file[places.rows.clone()]
    })
}

/// Checks the footer, with the bytes of a file's end that hold it.
///
/// # Errors
///
/// As of [`check`].
pub(super) fn check_footer(path: &str, tail: &[u8]) -> Result<()> {
    check_parts(path, tail, |_| true)
}

fn check_parts(path: &str, bytes: &[u8], rows_agree: impl Fn(&Places) -> bool) -> Result<()> {
    if footer_bytes(bytes).is_none() {
        return Err(LedgerError::not_parquet(
            path,
            ParquetError::General("its end is not there".to_owned()),
        ));
    }
    let path = || path.to_owned();
    let places = Places::of(bytes).ok_or_else(|| LedgerError::Footer {
        path: path(),
        key: KEY,
    })?;
    let agrees = places.of_footer(bytes) == bytes[places.own.clone()] && rows_agree(&places);
    agrees
        .then_some(())
        .ok_or_else(|| LedgerError::Changed { path: path() })
}
