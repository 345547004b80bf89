//! The story of the demo: months on one level, and one clear case of everything that figures show.
//!
//! | what | where |
//! |---|---|
//! | a rise | police incidents, from April 2017 |
//! | a fall | ambulance calls, from April 2017 |
//! | a signal in a control chart | crimes in September 2017 |
//! | half a month | antisocial behaviour cases of the landlord in February 2018 |
//! | a late partner | nothing from the treatment service after December 2017 |
//! | a second district | a fifth of the small areas are in Tonbridge and Malling |

use super::kinds::MIX;
use crate::event::Kind;

/// How much of a kind happens in a month, in percent of its level. Months count from April 2013.
const fn percent_of_level(kind: Kind, month: u32) -> u32 {
    match (kind, month) {
        (Kind::Incident, PLAN_YEAR..) => 160,
        (Kind::AmbulanceCall, PLAN_YEAR..) => 55,
        (Kind::Crime, SIGNAL) => 150,
        (Kind::AntisocialBehaviourCase, HALF_MONTH) => LANDLORD / 2,
        (Kind::AntisocialBehaviourCase, _) => LANDLORD,
        (Kind::Treatment, LATE..) => 0,
        _ => 100,
    }
}

/// How many cases of the landlord there are, in percent: enough that half a month is fewer than
/// chance explains.
const LANDLORD: u32 = 300;
/// April 2017.
const PLAN_YEAR: u32 = 48;
/// September 2017.
const SIGNAL: u32 = 53;
/// January 2018.
const LATE: u32 = 57;
/// February 2018.
const HALF_MONTH: u32 = 58;
/// The days of the half month.
const HALF_DAYS: u32 = 14;

/// How many events in 100,000 are of each kind in a month, where everything is on its level.
pub(super) fn mix(month: u32) -> [(Kind, u32); Kind::ALL.len()] {
    MIX.map(|(kind, per_mille)| (kind, per_mille * percent_of_level(kind, month)))
}

/// How much happens in a month.
pub(super) fn weight(month: u32) -> u32 {
    mix(month).iter().map(|(_, weight)| weight).sum::<u32>() / 100
}

/// The days of a month on which records of a kind are, from its first.
pub(super) fn days(kind: Kind, month: u32, days: u32) -> u32 {
    if (kind, month) == (Kind::AntisocialBehaviourCase, HALF_MONTH) {
        HALF_DAYS
    } else {
        days
    }
}
