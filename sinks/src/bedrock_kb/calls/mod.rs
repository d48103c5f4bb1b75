//! From changes to calls of the API, and the calls themselves.
//!
//! `plan` makes calls of a batch, pure; `data_source` finds out where they go; `tokens` lets the service see a retry; and
//! `client` makes the calls, one at a time, and hands their failures to the verdict; `lazy_client` makes it when it is
//! needed. `answer_bound` keeps what comes back small.

mod answer_bound;
mod client;
mod data_source;
mod lazy_client;
mod plan;
mod tokens;

pub(crate) use answer_bound::{AnswerBound, PASSAGE_BYTES};
pub(crate) use client::{CallRefusal, DocumentClient, bounded_client};
pub(crate) use data_source::{DataSourceRef, IdOrName};
pub(crate) use lazy_client::LazyClient;
pub(crate) use plan::{CallContent, CallPlan, DocumentCall, MAX_BATCH_BYTES, documents, size_of};
pub(crate) use tokens::ClientTokens;
