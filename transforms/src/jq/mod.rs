//! Programs of jq, bounded so that none can stall a connector, fill its memory or end its process.
//!
//! `jaq` parses, compiles and runs them; it knows no bounds itself. It asks for its table at every step and works on values
//! of ours, and so `meter` is asked at every step and for every value that is made: a program that takes too many steps,
//! too much memory, too long or that nests too deep is left there and then. It sees neither the environment nor the clock,
//! and reads and writes nothing: the functions that would are not there.
//!
//! ```text
//! program ── natives (functions) ── access, arithmetic (what jaq does to values) ── value ── number ── meter
//! ```

mod access;
mod arithmetic;
mod kind;
mod meter;
mod natives;
mod number;
mod program;
mod record;
mod value;

pub(crate) use program::JqProgram;
pub(crate) use record::{as_record, as_value};
