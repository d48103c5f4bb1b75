//! From answers of the service to what is to be done about them. Pure.
//!
//! `error` reads a call that failed, `blame` finds the document at fault in it, and `status` reads what a success says of
//! each document.

mod blame;
mod error;
mod status;

pub(crate) use blame::culprits;
pub(crate) use error::{ApiCall, failure};
pub(crate) use status::{accepted, confirmed};
