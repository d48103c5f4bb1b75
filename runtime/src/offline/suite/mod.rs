//! Tests of connectors: records in, and what is expected of them.

mod cases;
mod difference;
mod outcome;
mod update;

pub use cases::{CasePlace, Expectation, ExpectedRejection, Suite, TestCase};
pub use difference::Difference;
pub use outcome::{CaseOutcome, run};
pub use update::updated;
