//! Plans' files read and checked, each alone and all together.
