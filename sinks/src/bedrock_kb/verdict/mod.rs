//! From answers of the service to what is to be done about them. Pure.
//!
//! `error` reads a call that failed, `subject` tells a wrong set-up from a bad document, `blame` finds the document at fault,
//! and `status` reads what a success says of each document.

mod blame;
mod error;
mod status;
mod subject;

pub(crate) use blame::culprits;
pub(crate) use error::{ApiCall, failure};
pub(crate) use status::{accepted, confirmed, shown_id};
