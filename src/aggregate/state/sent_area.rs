//! An area as a partner sent it, before the tables place it.

/// An area as a partner sent it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SentArea<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) level: &'a str,
    pub(crate) vintage: Option<&'a str>,
    pub(crate) role: Option<&'a str>,
    pub(crate) zone: Option<&'a str>,
}
