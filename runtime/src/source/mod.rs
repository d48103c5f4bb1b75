//! What the engine reads from: a trait, its events, and the byte budget that bounds how far it reads ahead.

pub mod budget;
mod event;

pub use event::{AskMember, Event, Offsets, Resumed, Revoked, Source};
