//! `unwrap_cdc`: the rows in what change data capture writes.
//!
//! `change` says what an envelope is, for each tool that writes some; `transform` makes records of it.

mod change;
mod transform;

pub(crate) use transform::UnwrapCdcSettings;
