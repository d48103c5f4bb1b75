//! Which page of a list is asked for.

/// Which page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) max_results: usize,
    pub(crate) next_token: Option<String>,
}
