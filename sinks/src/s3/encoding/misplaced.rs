//! Why a record does not go into an object.

use sluice_connector_api::Failure;

/// Why a record does not go into an object.
#[derive(Debug)]
pub(in crate::s3) enum Misplaced {
    /// It goes into none.
    Rejected(Failure),
    /// It has other columns than the records before it: another object begins with it.
    OtherColumns,
}
