//! How a kind of event is declared: each field once. Its type, its JSON, the columns it is flattened
//! to and what the program asks about the kind follow from that.

/// A field of a kind and the column that contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindField {
    /// The name in the event's `data`.
    pub name: &'static str,
    /// The column; for a part, such as `when`, the name again.
    pub column: &'static str,
}

/// Declares a kind. Each line is one of
///
/// - `name: Type`: a field of the kind's own, contained in the column of its name;
/// - `name: Type => column`: the same, in a column of another name;
/// - `name: Type => what_category of "list"`: the classification of a kind that has no `what`, with
///   the code list it is from;
/// - `name`: a part, contained in columns of its own; its type is in [`field_type`];
/// - `area: Type`: an area of another type.
macro_rules! kind {
    ($(#[$doc:meta])* $kind:ident { $(
        $(#[$field_doc:meta])* $field:ident $(: $of:ty)? $(=> $column:ident $(of $list:literal)?)?
    ),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
        #[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
        pub struct $kind<'a> { $(
            $(#[$field_doc])*
            #[doc = $crate::contract::kind::part_description!($field)]
            #[serde(skip_serializing_if = "crate::contract::parts::Field::is_absent")]
            pub $field: $crate::contract::kind::field_type!($field $(: $of)?)
        ),+ }

        impl<'a> $kind<'a> {
            /// Its fields, in the order in which they are written.
            pub const FIELDS: &'static [$crate::contract::kind::KindField] = &[$(
                $crate::contract::kind::KindField {
                    name: stringify!($field),
                    column: $crate::contract::kind::column_name!($field $($column)?),
                }
            ),+];
            /// The code list of its classification, where it has no `what`.
            pub const CODE_LIST: Option<&'static str> = {
                let lists: &[&str] = &[$($($($list,)?)?)+];
                lists.first().copied()
            };

            /// Flattens its fields into the columns of a flat record.
            pub(crate) fn flatten<'r>(&'r self, record: &mut $crate::contract::record::Record<'r>) {
                $($crate::contract::kind::flatten_field!(self record $field $(: $of)? $(=> $column)?);)+
            }

            /// Reads its fields from a document into the same columns.
            pub(crate) fn read_flat<'r>(
                reader: &mut $crate::contract::flat::FlatReader<'r, '_>,
                record: &mut $crate::contract::record::Record<'r>,
            ) -> $crate::contract::flat::FlatResult<()> {
                $crate::contract::flat::read_object!(reader, { $(
                    $field (required $crate::contract::kind::is_required!($field $(: $of)?)) => {
                        $crate::contract::kind::read_field!(reader record $field $(: $of)? $(=> $column)?);
                    }
                )+ })
            }
        }
    };
}
pub(crate) use kind;

/// The type of a field: that of its line, or of the part.
macro_rules! field_type {
    ($field:ident: $of:ty) => { $of };
    (what) => { $crate::contract::parts::What<'a> };
    (when) => { $crate::contract::parts::When };
    (period) => { $crate::contract::parts::Period };
    (icd10) => { $crate::contract::parts::BoundedList<$crate::contract::text::Icd10<'a>, 1, 12> };
    (area) => { Option<$crate::contract::parts::Area<'a>> };
    (outcome) => { Option<$crate::contract::parts::Outcome<'a>> };
    (person) => { Option<$crate::contract::parts::Person<'a>> };
    (victim) => { Option<$crate::contract::parts::Person<'a>> };
    (suspect) => { Option<$crate::contract::parts::Person<'a>> };
    (flags) => { Option<$crate::contract::flags::Flags> };
    (cancellation) => { Option<$crate::contract::parts::Cancellation<'a>> };
}
pub(crate) use field_type;

/// What a part is to the record; nothing for a kind's own field, whose line describes it.
macro_rules! part_description {
    (what) => {
        "The partner's own classification."
    };
    (when) => {
        "When it happened and when it was recorded."
    };
    (period) => {
        "The period it covers."
    };
    (icd10) => {
        "The diagnoses, the primary one first."
    };
    (area) => {
        "Where."
    };
    (outcome) => {
        "How it was resolved."
    };
    (person) => {
        "The person it is about."
    };
    (victim) => {
        "The harmed person."
    };
    (suspect) => {
        "The person suspected, or whose behaviour it is."
    };
    (flags) => {
        "Flags, each true, false or not recorded."
    };
    (cancellation) => {
        "The record no longer counts."
    };
    ($own:ident) => {
        ""
    };
}
pub(crate) use part_description;

/// The name of the column that contains a field.
macro_rules! column_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $column:ident) => {
        stringify!($column)
    };
}
pub(crate) use column_name;

/// The role in which a kind has a part, as [`Part`](crate::contract::parts::Part) numbers them.
macro_rules! part_role {
    (victim) => {
        1
    };
    (suspect) => {
        2
    };
    ($other:ident) => {
        0
    };
}
pub(crate) use part_role;

/// Whether a field must be there.
macro_rules! is_required {
    (area: $of:ty) => {
        <$of as $crate::contract::parts::Part<'_, 0>>::IS_REQUIRED
    };
    ($field:ident: $of:ty) => {
        <$of as $crate::contract::parts::Flat<'_>>::IS_REQUIRED
    };
    ($field:ident) => {
        <$crate::contract::kind::field_type!($field) as $crate::contract::parts::Part<
            '_,
            { $crate::contract::kind::part_role!($field) },
        >>::IS_REQUIRED
    };
}
pub(crate) use is_required;

/// Flattens one field into its columns.
macro_rules! flatten_field {
    ($data:ident $record:ident area: $of:ty) => {
        $crate::contract::kind::flatten_field!($data $record area)
    };
    ($data:ident $record:ident $field:ident: $of:ty => $column:ident) => {
        $record.$column = $crate::contract::parts::Flat::flat(&$data.$field)
    };
    ($data:ident $record:ident $field:ident: $of:ty) => {
        $record.$field = $crate::contract::parts::Flat::flat(&$data.$field)
    };
    ($data:ident $record:ident $field:ident $(=> $column:ident)?) => {
        $crate::contract::parts::Part::<'_, { $crate::contract::kind::part_role!($field) }>::flatten(
            &$data.$field,
            $record,
        )
    };
}
pub(crate) use flatten_field;

/// Reads one field from a document into its columns.
macro_rules! read_field {
    ($reader:ident $record:ident area: $of:ty) => {
        <$of as $crate::contract::parts::Part<'_, 0>>::read_flat($reader, $record)?
    };
    ($reader:ident $record:ident $field:ident: $of:ty => $column:ident) => {
        $record.$column = <$of as $crate::contract::parts::Flat<'_>>::read_flat(
            $reader,
            const { $crate::contract::columns::COLUMNS.$column.is_open() },
        )?
    };
    ($reader:ident $record:ident $field:ident: $of:ty) => {
        $crate::contract::kind::read_field!($reader $record $field: $of => $field)
    };
    ($reader:ident $record:ident $field:ident $(=> $column:ident)?) => {
        <$crate::contract::kind::field_type!($field) as $crate::contract::parts::Part<
            '_,
            { $crate::contract::kind::part_role!($field) },
        >>::read_flat($reader, $record)?
    };
}
pub(crate) use read_field;
