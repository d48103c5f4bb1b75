//! How long to wait before something is tried again, and for how long it is tried.

pub mod backoff;
pub mod policy;
