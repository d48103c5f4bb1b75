//! `redact`: texts without what must not be passed on.

mod finds;
mod transform;

pub(crate) use transform::RedactSettings;
