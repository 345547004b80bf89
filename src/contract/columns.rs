//! The columns of the ledger: each once, with what it means, how it is kept and who reads it.
//!
//! The list is handed to macros by [`with_columns!`]. The flat record, the schema of the ledger,
//! the state that tables are computed from, the files of `events/` and the search for personal
//! data derive from it. Code names a column by its field in [`COLUMNS`], so that a column which
//! is not in the list does not compile.

use super::flags::Flags;
use super::moment::Moment;
use super::text::Strs;
use crate::event::{Feed, Kind};

/// Hands the list of columns to a macro. Each line is the description of a column and then
/// `name: type, group, feeds, role;`
///
/// - the name is that of its field in the contract, with the part before it (`area_code`);
/// - the type says what it contains ([`Value`]);
/// - the group says how the aggregation keeps it ([`Group`]);
/// - the feeds are those whose file of `events/` contains it;
/// - the role says which checks read it ([`ColumnRole`]).
///
/// The order is that of the ledger's schema: a new column is added at the end.
macro_rules! with_columns {
    ($callback:ident) => {
        $callback! {
            /// `CloudEvents` attribute `id`: same source and id, the same event sent again; null =
            /// `<subject>.<revision>`, as the contracts advise.
            id: UniqueText, Apart, NONE, Identity;
            /// The partner's records system, `urn:partner:<partner>:<system>`.
            source: SourceName, What, EVERY, Open;
            /// `police`, `health` or `housing`.
            feed: FeedName, What, EVERY, Closed;
            /// What the event is about, such as `crime`; `count` = a partner's total.
            kind: KindName, What, EVERY, Closed;
            /// Version of the contract the event was read under.
            version: Number, Apart, NONE, Closed;
            /// The record's token within its source; no personal data.
            subject: SubjectId, Apart, EVERY, Identity;
            /// Grows with each correction of the record.
            revision: Number, Apart, EVERY, Closed;
            /// When this revision was true at the partner (UTC).
            time: SentTime, Apart, EVERY, Moment;
            /// Where the partner says its schema is; never fetched.
            dataschema: RepeatedText, Apart, NONE, Open;
            /// Code list of the partner's own classification; null where the kind has one list of
            /// its own.
            what_list: RepeatedText, What, EVERY, Open;
            /// Edition of that list.
            what_edition: RepeatedText, What, EVERY, Closed;
            /// The category in that list, as sent; the one code of a kind that has a list of its
            /// own, such as `legal_power`, the first of `icd10` or `loss_reason`.
            what_category: RepeatedText, What, EVERY, Open;
            /// The finer code, as sent, where the list has one.
            what_code: RepeatedText, What, EVERY, Open;
            /// The diagnoses after the first, joined by `;`.
            icd10_further: TextList, What, [Health], Closed;
            /// When it happened, or began to: the first instant of the moment (UTC).
            occurred_from: Time, Times, EVERY, Moment;
            /// When it ended, where a span is known.
            occurred_to: Time, Times, EVERY, Moment;
            /// When the partner recorded it.
            recorded_at: Time, Times, EVERY, Moment;
            /// The first day a count covers.
            period_from: Time, Times, EVERY, Moment;
            /// The last day a count covers.
            period_to: Time, Times, EVERY, Moment;
            /// Code of the area, or an outward postcode, as sent; null = not known.
            area_code: RepeatedText, Area, EVERY, Closed;
            /// `lsoa`, `msoa`, `ward`, `district`, `county`, `police_force`, `icb` or
            /// `outward_postcode`.
            area_level: RepeatedText, Area, EVERY, Closed;
            /// What the place is to the record: `incident`, `home` or `service`; never added.
            area_role: RepeatedText, Area, EVERY, Closed;
            /// Year of the boundaries.
            area_vintage: Int, Area, EVERY, Closed;
            /// How the location was found.
            area_confidence: RepeatedText, Area, EVERY, Closed;
            /// A place of the partnership, such as `town-centre`, tagged by the partner.
            area_zone: RepeatedText, Area, EVERY, Open;
            /// Keyed hash of the address, computed by the partner.
            area_place_token: UniqueText, Apart, NONE, Closed;
            /// Flags on the record.
            flags: Marks, Marks, EVERY, Closed;
            /// Keyed hash of the person's identifier, computed by the partner.
            person_token: UniqueText, Tokens, NONE, Closed;
            /// The same token under the previous key.
            person_token_previous: UniqueText, Tokens, NONE, Closed;
            /// The person's age in a band of years.
            person_age_band: RepeatedText, Marks, EVERY, Age;
            /// The person's sex.
            person_sex: RepeatedText, Marks, EVERY, Closed;
            /// As `person_token`, of the harmed person.
            victim_token: UniqueText, Tokens, NONE, Closed;
            /// As `person_token_previous`, of the harmed person.
            victim_token_previous: UniqueText, Tokens, NONE, Closed;
            /// As `person_age_band`, of the harmed person.
            victim_age_band: RepeatedText, Marks, [Police, Housing], Age;
            /// As `person_sex`, of the harmed person.
            victim_sex: RepeatedText, Marks, [Police, Housing], Closed;
            /// As `person_token`, of the person suspected.
            suspect_token: UniqueText, Tokens, NONE, Closed;
            /// As `person_token_previous`, of the person suspected.
            suspect_token_previous: UniqueText, Tokens, NONE, Closed;
            /// As `person_age_band`, of the person suspected.
            suspect_age_band: RepeatedText, Marks, [Police, Housing], Age;
            /// As `person_sex`, of the person suspected.
            suspect_sex: RepeatedText, Marks, [Police, Housing], Closed;
            /// Code list of the outcome.
            outcome_list: RepeatedText, Details, [Police], Open;
            /// The outcome in that list, as sent.
            outcome_code: RepeatedText, Details, [Police], Open;
            /// When the outcome was given.
            outcome_at: Time, Times, [Police], Moment;
            /// Why the record no longer counts; null = it counts.
            cancellation_reason: RepeatedText, Apart, NONE, Closed;
            /// When it stopped counting.
            cancellation_at: Time, Apart, NONE, Moment;
            /// The record that replaces it.
            cancellation_replaced_by: UniqueText, Apart, NONE, Open;
            /// Arrival at the place of safety or the department.
            arrived_at: Time, Times, [Police, Health], Moment;
            /// End of the detention, course, case or support.
            ended_at: Time, Times, EVERY, Moment;
            /// When the case was closed.
            closed_at: Time, Times, [Housing], Moment;
            /// How the course, case or support ended.
            end: RepeatedText, Details, [Health, Housing], Open;
            /// Whether a crime was recorded for the incident too.
            crime_recorded: Bool, Details, [Police], Closed;
            /// Where a detained person was taken first.
            place_of_safety: RepeatedText, Details, [Police, Health], Closed;
            /// Whether the 24 hours of a detention were extended.
            extended: Bool, Details, [Police], Closed;
            /// How a detention ended.
            result: RepeatedText, Details, [Police], Closed;
            /// How a detained person was taken to the place of safety.
            transport: RepeatedText, Details, [Police], Closed;
            /// Why a police vehicle was used.
            police_vehicle_reason: RepeatedText, Details, [Police], Closed;
            /// Why a police station was used.
            police_station_reason: RepeatedText, Details, [Police], Closed;
            /// Whether a health professional was asked before a detention.
            professional_consulted: Bool, Details, [Police], Closed;
            /// What was searched.
            search_type: RepeatedText, Details, [Police], Closed;
            /// The power of a search.
            legislation: RepeatedText, Details, [Police], Open;
            /// Whether a search's outcome was for the object searched for.
            outcome_linked: Bool, Details, [Police], Closed;
            /// Whether a search was part of a policing operation.
            operation: Bool, Details, [Police], Closed;
            /// The concerns of a referral, joined by `;`.
            concerns: TextList, What, [Police], Open;
            /// Who referred.
            referred_by: RepeatedText, Details, EVERY, Open;
            /// The stage a referral has reached.
            stage: RepeatedText, Details, [Police], Closed;
            /// Whether the person was referred before.
            repeat: Bool, Details, [Police], Closed;
            /// What counts as a repeat, such as `within-12-months`.
            repeat_definition: RepeatedText, Details, [Police], Open;
            /// Children in the household, 0 to 20.
            children: Int, Details, EVERY, Closed;
            /// Whether a homelessness case has children (`children` in the event).
            children_present: Bool, Details, [Housing], Closed;
            /// Hospital site, by its ODS code.
            site_code: RepeatedText, Details, [Health], Open;
            /// Kind of place of an assault.
            place_code: RepeatedText, Details, [Health], Open;
            /// How urgent an ambulance call was.
            response_category: RepeatedText, Details, [Health], Closed;
            /// Whether the patient was taken to a hospital.
            conveyed: Bool, Details, [Health], Closed;
            /// How a patient was admitted.
            method: RepeatedText, Details, [Health], Closed;
            /// Where treatment is given.
            setting: RepeatedText, Details, [Health], Open;
            /// What the housing authority decided it owes.
            assessment: RepeatedText, Details, [Housing], Closed;
            /// Whether a notice under section 21 was served.
            section_21: Bool, Details, [Housing], Closed;
            /// Support needs of a homelessness case, joined by `;`: empty = none, null = not asked.
            support_needs: TextList, What, [Housing], Open;
            /// What was done about a case or complaint.
            action: RepeatedText, Details, [Housing], Open;
            /// Whether a case review was asked for.
            case_review: Bool, Details, [Housing], Closed;
            /// Whether the police were informed.
            police_informed: Bool, Details, [Housing], Closed;
            /// The tenure of the dwelling.
            tenure: RepeatedText, Details, [Housing], Closed;
            /// Whether a noise was a statutory nuisance.
            statutory_nuisance: Bool, Details, [Housing], Closed;
            /// The procedure of a possession case.
            procedure: RepeatedText, Details, [Housing], Closed;
            /// Who claims possession.
            landlord: RepeatedText, Details, [Housing], Closed;
            /// The ground of a possession case.
            ground: RepeatedText, Details, [Housing], Closed;
            /// Whether domestic-abuse support was given.
            supported: Bool, Details, [Housing], Closed;
            /// Why it was not given.
            not_supported_reason: RepeatedText, Details, [Housing], Open;
            /// What a count counts; units are never added.
            unit: RepeatedText, Details, EVERY, Closed;
            /// The date by which a count assigns records to its period.
            date_basis: RepeatedText, Details, NONE, Closed;
            /// Whether a count may still change.
            provisional: Bool, Details, EVERY, Closed;
            /// A count's age band; null = all ages.
            age_band: RepeatedText, Details, EVERY, Age;
            /// A count's sex; null = all.
            sex: RepeatedText, Details, EVERY, Closed;
            /// A count's flag: only records with it are counted; null = all records.
            with_flag: RepeatedText, Details, EVERY, Closed;
            /// How exact a count is: `exact`, `rounded`, `suppressed` or `not_supplied`.
            status: RepeatedText, Details, EVERY, Closed;
            /// The number of a count.
            value: Int, Details, EVERY, Closed;
            /// Lower bound of a count.
            at_least: Int, Details, EVERY, Closed;
            /// Upper bound of a count.
            at_most: Int, Details, EVERY, Closed;
        }
    };
}
pub(crate) use with_columns;

/// How the aggregation keeps a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Who sent the record and how it is classified: repeats as a combination.
    What,
    /// Flags, ages and sexes: repeats as a combination.
    Marks,
    /// The area: repeats as a combination.
    Area,
    /// The precision of each time, and all other fields of the kinds: repeats as a combination.
    Details,
    /// A time, kept for each record.
    Times,
    /// A token of a person: compared and then dropped.
    Tokens,
    /// Kept by code of its own, or not at all.
    Apart,
}

impl Group {
    /// The groups whose values repeat as combinations, in the order of their numbers.
    pub const COMBINED: [Self; 4] = [Self::What, Self::Marks, Self::Area, Self::Details];
}

/// Which checks read a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// Its form or its list admits nothing personal.
    Closed,
    /// A text loose enough to contain personal data: the tripwire reads it.
    Open,
    /// A part of the event's `id`: the tripwire reads it with that attribute.
    Identity,
    /// A time: the rules between fields read it.
    Moment,
    /// A band of ages: the rules between fields read it.
    Age,
}

/// The definition of a column.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The name of the record's field. The ledger's columns have the same name, with a suffix
    /// where there are several of them.
    pub name: &'static str,
    /// What a value means.
    pub description: &'static str,
    /// How the aggregation keeps it.
    pub group: Group,
    /// Its index among the columns of its group.
    pub index: usize,
    /// The feeds whose file of `events/` contains it.
    pub feeds: &'static [Feed],
    /// Which checks read it.
    pub role: ColumnRole,
    /// The index of its first column in the ledger, after the coordinates.
    pub first: usize,
    /// How many columns of the ledger it has.
    pub width: usize,
}

/// A column, named by its field in [`COLUMNS`]; `GROUP` is the number of its [`Group`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnId<const GROUP: u8>(usize);

/// A column of [`Group::What`].
pub type WhatColumn = ColumnId<{ Group::What as u8 }>;
/// A column of [`Group::Area`].
pub type AreaColumn = ColumnId<{ Group::Area as u8 }>;
/// A column of [`Group::Times`].
pub type TimeColumn = ColumnId<{ Group::Times as u8 }>;

impl<const GROUP: u8> ColumnId<GROUP> {
    /// The definition of the column.
    pub const fn definition(self) -> &'static Definition {
        &DEFINITIONS[self.0]
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// Its index among the columns of its group.
    pub const fn index(self) -> usize {
        self.definition().index
    }

    /// Whether the tripwire reads it.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self.definition().role, ColumnRole::Open)
    }
}

/// Feeds of a column that every feed's file has.
const EVERY: [Feed; 3] = Feed::ALL;
/// Feeds of a column that no feed's file has.
const NONE: [Feed; 0] = [];

macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        /// Every column by name.
        #[derive(Clone, Copy, Debug)]
        pub struct Catalogue { $($(#[doc = $doc])+ pub $name: ColumnId<{ Group::$group as u8 }>),+ }

        /// The number of each column.
        #[derive(Clone, Copy)]
        #[expect(non_camel_case_types, reason = "each variant is named after its column")]
        enum CatalogueRow { $($name),+ }

        /// Every column by name.
        ///
        /// A name that is not in the list does not compile:
        ///
        /// ```compile_fail,E0609
        /// let _ = partner_feeds::contract::columns::COLUMNS.outcome_cod;
        /// ```
        ///
        /// Neither does a column where one of another group is expected:
        ///
        /// ```compile_fail,E0308
        /// use partner_feeds::contract::columns::{COLUMNS, TimeColumn};
        /// let _: TimeColumn = COLUMNS.outcome_code;
        /// ```
        pub const COLUMNS: Catalogue = Catalogue { $($name: ColumnId(CatalogueRow::$name as usize)),+ };

        /// The definition of each column, in the order of the ledger.
        pub const DEFINITIONS: [Definition; COUNT] = {
            use Feed::{Health, Housing, Police};
            with_indices([$(Definition {
                name: stringify!($name),
                description: concat!($($doc),+).trim_ascii(),
                group: Group::$group,
                index: 0,
                feeds: &$feeds,
                role: ColumnRole::$role,
                first: 0,
                width: <$kind as Value>::WIDTH,
            }),+])
        };

        /// How many columns there are.
        const COUNT: usize = [$(CatalogueRow::$name),+].len();
    };
}
with_columns!(catalogue);

/// Fills in where each column is in its group and in the ledger. The details begin with the
/// precision of each time.
const fn with_indices(mut definitions: [Definition; COUNT]) -> [Definition; COUNT] {
    let mut ends = [0; Group::Apart as usize + 1];
    let mut first = 0;
    let mut row = 0;
    while row < COUNT {
        if matches!(definitions[row].group, Group::Times) {
            ends[Group::Details as usize] += 1;
        }
        row += 1;
    }
    row = 0;
    while row < COUNT {
        let group = definitions[row].group;
        definitions[row].index = ends[group as usize];
        ends[group as usize] += match group {
            Group::Times => 1,
            _ => definitions[row].width,
        };
        definitions[row].first = first;
        first += definitions[row].width;
        row += 1;
    }
    definitions
}

/// How many columns a group has.
pub const fn columns_in(group: Group) -> usize {
    let (mut count, mut row) = (0, 0);
    while row < COUNT {
        if DEFINITIONS[row].group as u8 == group as u8 {
            count += 1;
        }
        row += 1;
    }
    count
}

/// Whether names are exactly the columns of a role: checks lists elsewhere while compiling.
pub const fn are_all_of(role: ColumnRole, names: &[&str]) -> bool {
    let (mut found, mut row) = (0, 0);
    while row < COUNT {
        if DEFINITIONS[row].role as u8 == role as u8 {
            let mut index = 0;
            while index < names.len() && !is_same(names[index], DEFINITIONS[row].name) {
                index += 1;
            }
            if index == names.len() {
                return false;
            }
            found += 1;
        }
        row += 1;
    }
    found == names.len()
}

/// Whether two texts are the same, while compiling.
pub(crate) const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    a.len() == b.len() && index == a.len()
}

/// A type of column: what a flat record contains in it.
pub trait Value {
    /// The value, borrowed from the event or the row.
    type Of<'r>: Copy;
    /// How many columns of the ledger contain it.
    const WIDTH: usize = 1;

    /// The value of a record that lacks it.
    fn absent<'r>() -> Self::Of<'r>;

    /// Calls `f` with each text of a value.
    fn for_each_text<'r>(value: Self::Of<'r>, f: &mut impl FnMut(&'r str)) {
        let _ = (value, f);
    }
}

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident: $of:ty = $absent:expr
        $(, width $width:literal)? $(, texts |$value:ident, $f:ident| $texts:expr)?;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Value for $name {
            type Of<'r> = $of;
            $(const WIDTH: usize = $width;)?

            fn absent<'r>() -> Self::Of<'r> {
                $absent
            }

            $(fn for_each_text<'r>($value: Self::Of<'r>, $f: &mut impl FnMut(&'r str)) {
                $texts
            })?
        }
    )+ };
}

values! {
    /// The record's id within its source: always there and seldom the same.
    SubjectId: &'r str = "";
    /// The partner's records system: always there and often the same.
    SourceName: &'r str = "", texts |text, f| f(text);
    /// The feed.
    FeedName: Feed = Feed::Police;
    /// The kind.
    KindName: Kind = Kind::Count;
    /// An integer that is always there.
    Number: i32 = 0;
    /// The instant an event was sent for.
    SentTime: Option<Moment> = None;
    /// A text that is often the same.
    RepeatedText: Option<&'r str> = None, texts |text, f| text.into_iter().for_each(f);
    /// A text that is seldom the same.
    UniqueText: Option<&'r str> = None, texts |text, f| text.into_iter().for_each(f);
    /// An integer.
    Int: Option<i32> = None;
    /// True, false or not recorded.
    Bool: Option<bool> = None;
    /// A month, a day or an instant; in the ledger its first instant, and its precision.
    Time: Option<Moment> = None, width 2;
    /// Several texts.
    TextList: Option<Strs<'r>> = None, texts |texts, f| if let Some(texts) = texts {
        texts.for_each(f);
    };
    /// The flags; in the ledger those that are true, and those that are false.
    Marks: Flags = Flags::NONE, width 2;
}
