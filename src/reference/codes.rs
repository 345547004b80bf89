//! Lists of codes: which codes exist, in which edition, and what people call them.

/// The code lists that are held.
#[derive(Clone, Debug, Default)]
pub struct CodeLists {}
