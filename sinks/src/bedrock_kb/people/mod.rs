//! What people ask of a knowledge base, beside what the engine puts.
//!
//! `check` looks at the set-up without writing, `documents` lists and deletes for `sluice kb`, and `retrieve` searches for
//! `sluice query`, with a condition from `filter`.

mod asking;
mod check;
mod documents;
mod filter;
mod passage_json;
mod retrieve;

pub(crate) use asking::AskedBase;
pub(crate) use check::findings;
pub use documents::{DocumentPage, DocumentState, Documents};
pub use filter::{Filter, FilterError};
pub use retrieve::{KnowledgeBase, Passage, Question};
