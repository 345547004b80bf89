//! The checksums of a file, which are checked before anything in it is decoded.
//!
//! A Parquet reader trusts a footer or page, and allocates as much memory as a damaged count asks
//! for. So every file carries two CRC-32 sums (ISO-HDLC, as in gzip) in the last of its key-value
//! pairs: of everything before the footer, and of the footer, with the second sum's own digits read
//! as zeros. The footer's can be checked without the rest. They find faults of disks and accidents,
//! not forgery.
//!
//! It must not know what the pairs or rows contain. The invariant: a file in which any byte changed
//! is an error before it is decoded.

use std::ops::Range;

use parquet::errors::ParquetError;

use super::{LedgerError, Result};

/// The key of the pair.
pub(super) const KEY: &str = "checksum";

/// Its value before the digits are known.
pub(super) const UNSEALED: &str = "crc32:00000000-00000000";

/// The start of its value.
const MARK: &[u8] = b"crc32:";

const DIGITS: usize = 8;

/// Where the footer and the checksums are in the bytes of a file, or of its tail.
struct Layout {
    /// Where the footer begins: the metadata, its length and the magic.
    footer: usize,
    /// The digits of the sum over everything before the footer.
    rows: Range<usize>,
    /// The digits of the sum over the footer.
    own: Range<usize>,
}

impl Layout {
    /// `None` without a checksum, or if the footer is incomplete.
    fn find(bytes: &[u8]) -> Option<Self> {
        let footer = bytes.len().checked_sub(footer_bytes(bytes)?)?;
        let mark = bytes[footer..]
            .windows(MARK.len())
            .rposition(|window| window == MARK)?;
        let rows = footer + mark + MARK.len();
        let own = rows + DIGITS + 1;
        let layout = Self {
            footer,
            rows: rows..rows + DIGITS,
            own: own..own + DIGITS,
        };
        (layout.own.end <= bytes.len()).then_some(layout)
    }

    fn sum_of_rows(&self, bytes: &[u8]) -> [u8; DIGITS] {
        digits(&[&bytes[..self.footer]])
    }

    fn sum_of_footer(&self, bytes: &[u8]) -> [u8; DIGITS] {
        digits(&[
            &bytes[self.footer..self.own.start],
            b"00000000",
            &bytes[self.own.end..],
        ])
    }
}

/// The length of the footer, from a file's last bytes; `None` if it is not Parquet.
pub(super) fn footer_bytes(tail: &[u8]) -> Option<usize> {
    let (_, [length @ .., b'P', b'A', b'R', b'1']) = tail.split_last_chunk::<8>()? else {
        return None;
    };
    Some(8 + u32::from_le_bytes(*length) as usize)
}

fn digits(parts: &[&[u8]]) -> [u8; DIGITS] {
    let mut crc = crc32fast::Hasher::new();
    for part in parts {
        crc.update(part);
    }
    format!("{:08x}", crc.finalize())
        .into_bytes()
        .try_into()
        .expect("eight digits")
}

/// Writes the digits into a new file.
pub(super) fn seal(file: &mut [u8]) {
    let layout = Layout::find(file).expect("a new file has the pair");
    let rows = layout.sum_of_rows(file);
    file[layout.rows.clone()].copy_from_slice(&rows);
    let own = layout.sum_of_footer(file);
    file[layout.own].copy_from_slice(&own);
}

/// Checks a complete file. `path` is for the error only.
///
/// # Errors
///
/// [`LedgerError::Changed`]; [`LedgerError::Footer`] without a checksum,
/// [`LedgerError::NotParquet`] if the file does not end as Parquet does.
pub(super) fn check(path: &str, file: &[u8]) -> Result<()> {
    let layout = check_tail(path, file)?;
    if layout.sum_of_rows(file) == file[layout.rows] {
        Ok(())
    } else {
        Err(changed(path))
    }
}

/// Checks the footer only, from the bytes of a file's tail.
///
/// # Errors
///
/// As for [`check`].
pub(super) fn check_footer(path: &str, tail: &[u8]) -> Result<()> {
    check_tail(path, tail).map(drop)
}

fn check_tail(path: &str, tail: &[u8]) -> Result<Layout> {
    if footer_bytes(tail).is_none() {
        return Err(LedgerError::not_parquet(
            path,
            ParquetError::General("the end of the file is missing".to_owned()),
        ));
    }
    let layout = Layout::find(tail).ok_or_else(|| LedgerError::Footer {
        path: path.to_owned(),
        key: KEY,
    })?;
    if layout.sum_of_footer(tail) == tail[layout.own.clone()] {
        Ok(layout)
    } else {
        Err(changed(path))
    }
}

fn changed(path: &str) -> LedgerError {
    LedgerError::Changed {
        path: path.to_owned(),
    }
}
