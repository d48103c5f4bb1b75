//! `unwrap_cdc`: the rows in what change data capture writes.
//!
//! `change` says what an envelope is, for each tool that writes some; `transform` makes records of it, with
//! what the schema of the envelope says of its rows (`row_types`).

mod change;
mod row_types;
mod transform;

pub(crate) use transform::UnwrapCdcSettings;
