//! What becomes of records at fault.

pub mod letter;
pub mod rejection;
pub mod tolerance;
