//! From a record to what it changes in the knowledge base. Pure.
//!
//! `identity` names the document, `content` and `metadata` fill it, `document` writes it as the API takes it, and `change`
//! puts them together: a record writes a document, deletes one, or does nothing.

mod change;
mod content;
mod document;
mod identity;
mod metadata;
mod unfit;

pub(crate) use change::{ChangeKind, DocumentChange, DocumentMapping};
pub(crate) use document::{DocumentWrite, identifier};
