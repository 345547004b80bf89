//! The search for personal data reads whatever tokenises, and finds what stands in it whole.

use partner_feeds::contract::tripwire;

pub(crate) fn run(bytes: &[u8]) {
    for binary in [false, true] {
        drop(tripwire::search(bytes, binary));
    }
}
