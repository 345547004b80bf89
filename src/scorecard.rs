//! A partner's scorecard: what it sent, what was accepted and refused, how complete and timely its
//! months are, and what to do next. Figures stand side by side; there is no total score, and nothing
//! of any other partner.
//!
//! It must not know how figures are computed. The invariants: a scorecard is a pure function of the
//! store and the reference data, and contains counts, reasons, pointers and coordinates, never a
//! value, a code, a subject or an id of a record.

mod advice;
mod html;
mod to_do;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use serde::Serialize;

use crate::aggregate::{
    Deliveries, FeedDelivery, KindDelivery, MonthDelivery, PROVENANCE, RefusalCount, SCORECARDS,
};
use crate::contract::rejection::Reason;
use crate::door_refusals::{self, DoorRefusals, DoorRefusalsError};
use crate::event::{Feed, Kind, Micros, Month, Position, TopicPartition};
use crate::file_format;
use crate::paused;
use crate::reference::{Partners, Reference};
use crate::storage::{StorageError, Store};
use advice::advice;
use to_do::to_do;

/// The months that a page and the list of things to do are about; the JSON has all.
const MONTHS_SHOWN: i32 = 24;
/// The name of the page in a scorecard's folder.
pub const PAGE: &str = "index.html";
/// The name of the JSON in a scorecard's folder.
pub const DATA: &str = "scorecard.json";
/// What a browser may do with the page: show it, with the styles that it contains.
pub const SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Where a door that shows the page puts a link to its own start page.
pub const START_MARK: &str = "<!-- start -->";

/// Why no scorecard was written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum ScorecardError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    DoorRefusals(#[from] DoorRefusalsError),
    #[error("cannot write a scorecard's page: this is a fault of the program, report it")]
    Page(#[from] minijinja::Error),
}

/// All that scorecards are made of.
pub struct ScorecardInput<'i> {
    deliveries: &'i Deliveries,
    reference: &'i Reference,
    door: BTreeMap<civil::Date, DoorRefusals>,
    paused: BTreeSet<String>,
}

/// A partner's scorecard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    format: u32,
    partner: String,
    name: String,
    /// When Kafka received the newest record that counts.
    as_at: Option<Micros>,
    feeds: Vec<FeedCard>,
    #[serde(skip)]
    months: ShownMonths,
}

/// The first of the months that a page and the list of things to do are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShownMonths {
    /// Of months in which records count.
    records: Month,
    /// Of months in which refused events were received.
    refusals: Month,
}

/// A feed of a partner.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct FeedCard {
    feed: &'static str,
    last_received: Option<Micros>,
    paused: bool,
    /// Records read from Kafka that name this partner: `accepted` + `rejected`.
    received: u64,
    accepted: u64,
    rejected: u64,
    /// Events that a door refused, so that they never reached Kafka.
    door_refused: u64,
    kinds: Vec<KindCard>,
    refusals: Vec<RefusalRow>,
    /// Refusals as personal data, by reason.
    personal: BTreeMap<String, u64>,
    to_do: Vec<String>,
}

/// A kind of a feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct KindCard {
    kind: String,
    label: String,
    /// `supplied`, or `not_supplied` where no record was ever accepted.
    status: &'static str,
    months: Vec<MonthCard>,
    /// How often a record has a code that its list does not contain, by list.
    unknown_codes: BTreeMap<String, u64>,
}

/// A month of a kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct MonthCard {
    month: Month,
    status: Option<&'static str>,
    due: civil::Date,
    records: i64,
    late: i64,
    revised: i64,
    cancelled: i64,
    contradictions: i64,
    reference: Option<f64>,
    ratio: Option<f64>,
    /// The share of records that have each field.
    complete: BTreeMap<String, f64>,
    valid: Validity,
    defaults: Defaults,
    #[serde(skip)]
    is_overdue: bool,
    #[serde(skip)]
    is_suspect: bool,
}

/// Records that figures cannot use fully.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Validity {
    unknown_code: i64,
    unmapped: Option<i64>,
    date_fallback: i64,
    no_location: i64,
    outside: Option<i64>,
}

/// Shares of records with values that look like a default.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Defaults {
    month_precision: f64,
    other_or_not_known: f64,
}

/// The refusals with one reason, pointer and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct RefusalRow {
    reason: Reason,
    pointer: String,
    kind: Option<String>,
    /// Rejects in the ledger.
    count: u64,
    /// Refusals at a door.
    door_refused: u64,
    /// Both, by the month received.
    by_month: BTreeMap<Month, u64>,
    /// Where the newest rejects are in Kafka.
    at: Vec<String>,
    rule: String,
    fault: &'static str,
    #[serde(rename = "do")]
    action: &'static str,
}

impl RefusalRow {
    fn new(reason: Reason, pointer: &str, kind: Option<&str>, rule: &str) -> Self {
        let advice = advice(reason);
        Self {
            reason,
            pointer: pointer.to_owned(),
            kind: kind.map(str::to_owned),
            count: 0,
            door_refused: 0,
            by_month: BTreeMap::new(),
            at: Vec::new(),
            rule: rule.to_owned(),
            fault: advice.fault.as_str(),
            action: advice.action,
        }
    }

    fn total(&self) -> u64 {
        self.count + self.door_refused
    }
}

impl MonthCard {
    fn new(month: &MonthDelivery) -> Self {
        let share = |records: i64| rounded(records as f64 / month.records as f64);
        let shares = month.complete.iter().filter(|_| month.records > 0);
        let share_of_any = |records: i64| {
            if month.records > 0 {
                share(records)
            } else {
                0.0
            }
        };
        Self {
            month: month.month,
            status: month.status,
            due: month.due,
            records: month.records,
            late: month.late,
            revised: month.revised,
            cancelled: month.cancelled,
            contradictions: month.contradictions,
            reference: month.reference,
            ratio: month.ratio.map(rounded),
            complete: shares
                .map(|(name, records)| (name.clone(), share(*records)))
                .collect(),
            valid: Validity {
                unknown_code: month.unknown_code,
                unmapped: month.unmapped,
                date_fallback: month.date_fallback,
                no_location: month.no_location,
                outside: month.outside,
            },
            defaults: Defaults {
                month_precision: share_of_any(month.month_precision),
                other_or_not_known: share_of_any(month.other_or_not_known),
            },
            is_overdue: month.is_overdue(),
            is_suspect: month.is_suspect(),
        }
    }
}

/// A share to four decimals.
fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

impl<'i> ScorecardInput<'i> {
    /// Reads what a store has beside its chains: paused partners, and what doors refused.
    pub async fn read(
        store: &Store,
        deliveries: &'i Deliveries,
        reference: &'i Reference,
    ) -> Result<Self, ScorecardError> {
        Ok(Self {
            deliveries,
            reference,
            door: door_refusals::read_all(store).await?,
            paused: paused::partners(store).await?,
        })
    }

    /// The last months with records of a partner or, if it has none, before the time of the figures.
    fn months_shown(&self, partner: &str) -> ShownMonths {
        let own = self
            .deliveries
            .feeds
            .iter()
            .filter(|((of, _), _)| of == partner);
        let kinds = own.flat_map(|(_, delivery)| delivery.kinds.values());
        let last = kinds
            .filter_map(|kind| Some(kind.months.last()?.month))
            .max();
        let as_at = self.deliveries.as_at.unwrap_or_default();
        let received = Month::from_date(as_at.in_london().date());
        ShownMonths {
            records: last.unwrap_or(received).plus(1 - MONTHS_SHOWN),
            refusals: received.plus(1 - MONTHS_SHOWN),
        }
    }

    /// The scorecard of a registered partner.
    pub fn scorecard(&self, partner: &str) -> Scorecard {
        let partners = &self.reference.partners;
        let registered = partners.kinds(partner);
        let own = |(of, _): &&(String, Feed)| of == partner;
        let delivered = self.deliveries.feeds.keys().filter(own);
        let feeds: BTreeSet<Feed> = delivered
            .map(|(_, feed)| *feed)
            .chain(registered.iter().map(|(feed, _)| *feed))
            .collect();
        let as_at = self.deliveries.as_at;
        let months = self.months_shown(partner);
        let nothing = FeedDelivery::default();
        let cards = feeds.iter().enumerate().map(|(index, feed)| {
            let key = (partner.to_owned(), *feed);
            let delivery = self.deliveries.feeds.get(&key).unwrap_or(&nothing);
            let mut card = FeedCard {
                feed: feed.as_str(),
                last_received: delivery.last_received,
                paused: self.paused.contains(partner),
                received: 0,
                accepted: delivery.accepted,
                rejected: 0,
                door_refused: 0,
                kinds: kinds(partners, delivery, *feed, &registered),
                refusals: self.refusals(partner, delivery, *feed, index == 0),
                personal: BTreeMap::new(),
                to_do: Vec::new(),
            };
            card.rejected = card.refusals.iter().map(|row| row.count).sum();
            card.door_refused = card.refusals.iter().map(|row| row.door_refused).sum();
            card.received = card.accepted + card.rejected;
            for row in card.refusals.iter().filter(|row| row.reason.is_personal()) {
                let code = row.reason.as_str();
                let name = code.split_once('.').map_or(code, |(_, name)| name);
                *card.personal.entry(name.to_owned()).or_default() += row.total();
            }
            card.to_do = to_do(&card, months);
            card
        });
        Scorecard {
            format: file_format::SCORECARD,
            partner: partner.to_owned(),
            name: partners.label(partner).to_owned(),
            as_at,
            feeds: cards.collect(),
            months,
        }
    }

    /// The refusals of a feed, the most frequent first. At a door, an event whose kind cannot be read
    /// counts in the first feed of its partner.
    fn refusals(
        &self,
        partner: &str,
        delivery: &FeedDelivery,
        feed: Feed,
        is_first: bool,
    ) -> Vec<RefusalRow> {
        let mut rows: BTreeMap<(Reason, &str, Option<&str>), RefusalRow> = BTreeMap::new();
        for refusal in &delivery.refusals {
            let (pointer, kind) = (&*refusal.pointer, refusal.kind.as_deref());
            if let Some(reason) = Reason::from_name(&refusal.reason) {
                let row = RefusalRow::new(reason, pointer, kind, &refusal.rule);
                rows.entry((reason, pointer, kind))
                    .or_insert(row)
                    .add_rejects(refusal);
            }
        }
        for (day, refusals) in &self.door {
            for (refusal, count) in refusals.iter() {
                let (pointer, kind) = (&*refusal.pointer, refusal.kind.as_deref());
                let is_here = match kind.and_then(Kind::from_name).and_then(Kind::feed) {
                    Some(known) => known == feed,
                    None => is_first,
                };
                let reason = Reason::from_name(&refusal.reason);
                if let Some(reason) = reason.filter(|_| is_here && refusal.partner == partner) {
                    let row = RefusalRow::new(reason, pointer, kind, &refusal.rule);
                    rows.entry((reason, pointer, kind))
                        .or_insert(row)
                        .add_door_refusals(Month::from_date(*day), count);
                }
            }
        }
        let mut rows: Vec<RefusalRow> = rows.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.total()));
        rows
    }
}

impl RefusalRow {
    fn add_rejects(&mut self, refusal: &RefusalCount) {
        self.count += refusal.by_month.values().sum::<u64>();
        for (month, count) in &refusal.by_month {
            *self.by_month.entry(*month).or_default() += count;
        }
        self.at.extend(refusal.at.iter().map(coordinates));
    }

    fn add_door_refusals(&mut self, month: Month, count: u64) {
        self.door_refused += count;
        *self.by_month.entry(month).or_default() += count;
    }
}

/// Topic, partition and position as one text.
fn coordinates((partition, position): &(TopicPartition, Position)) -> String {
    format!("{partition} {position}")
}

/// The kinds of a feed: those with records, and those that the partner's systems are registered for.
fn kinds(
    partners: &Partners,
    delivery: &FeedDelivery,
    feed: Feed,
    registered: &BTreeSet<(Feed, Kind)>,
) -> Vec<KindCard> {
    let registered = registered.iter().filter(|(of, _)| *of == feed);
    let records = registered.filter(|(_, kind)| *kind != Kind::Count);
    let mut names: BTreeSet<&str> = records.map(|(_, kind)| kind.as_str()).collect();
    names.extend(delivery.kinds.keys().map(String::as_str));
    let nothing = KindDelivery::default();
    let card = |name: &&str| {
        let delivery = delivery.kinds.get(*name);
        KindCard {
            kind: (*name).to_owned(),
            label: partners.kind_label(name),
            status: if delivery.is_some() {
                "supplied"
            } else {
                "not_supplied"
            },
            months: delivery
                .unwrap_or(&nothing)
                .months
                .iter()
                .map(MonthCard::new)
                .collect(),
            unknown_codes: delivery.unwrap_or(&nothing).unknown_codes.clone(),
        }
    };
    names.iter().map(card).collect()
}

impl Scorecard {
    /// The scorecard as JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers go into JSON") + "\n"
    }

    /// The scorecard as a page of its own.
    pub fn html(&self) -> Result<String, ScorecardError> {
        Ok(html::write(self)?)
    }

    /// Whether a store has nothing of the partner.
    pub fn is_empty(&self) -> bool {
        let mut feeds = self.feeds.iter();
        feeds.all(|feed| feed.received == 0 && feed.door_refused == 0)
    }
}

/// What a refusal as personal data is called, after its reason: `NHS number`.
fn personal_reason(name: &str) -> String {
    match name {
        "nhs_number" => "NHS number".to_owned(),
        "ni_number" => "National Insurance number".to_owned(),
        _ => name.replace('_', " "),
    }
}

/// Writes the scorecards of all partners with records or rejects in the store; returns their ids.
pub async fn write_all(
    store: &Store,
    input: &ScorecardInput<'_>,
) -> Result<Vec<String>, ScorecardError> {
    let mut written = Vec::new();
    let provenance = format!("{:#}\n", input.deliveries.provenance);
    for partner in input.reference.partners.ids() {
        let scorecard = input.scorecard(partner);
        if scorecard.is_empty() {
            continue;
        }
        let mut folder = store.replacement(&folder_of(partner)).await?;
        folder.put(PAGE, scorecard.html()?.into()).await?;
        folder.put(DATA, scorecard.json().into()).await?;
        folder.put(PROVENANCE, provenance.clone().into()).await?;
        folder.publish().await?;
        written.push(partner.to_owned());
    }
    Ok(written)
}

/// The folder of a partner's scorecard.
pub fn folder_of(partner: &str) -> String {
    format!("{SCORECARDS}/{partner}")
}

/// What happened to an event that was refused, in words: `a required field is missing`.
pub(crate) fn because(reason: Reason) -> &'static str {
    advice(reason).because
}
