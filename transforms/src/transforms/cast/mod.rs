//! `cast`: fields, or the whole, in another type.

mod kind;
mod transform;
mod written;

pub(crate) use transform::CastSettings;
