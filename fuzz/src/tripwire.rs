//! The tripwire reads everything that tokenises, and finds each complete token in it.

use partner_feeds::contract::tripwire;

pub(crate) fn run(bytes: &[u8]) {
    for binary in [false, true] {
        drop(tripwire::search(bytes, binary));
    }
}
