//! What every transform and every predicate must do.

use sluice_connector_api::{Predicate, Record, Rejection, Transform, Transformed};

use crate::records::odd_records;

/// Holds a transform to the contract of [`Transform`]: the records of `good` are taken, and for these and for
/// [`odd_records`] the same record gives the same result, what comes of it keeps its origin, and nothing panics. That an
/// odd record is rejected is fine.
///
/// Panics where the transform breaks the contract.
///
/// ```
/// use sluice_connector_api::{Payload, Record, Rejection, Transform, Transformed};
/// use sluice_plugin_testing::{text, transform_contract};
///
/// struct Shout;
///
/// impl Transform for Shout {
///     fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
///         let text = record.value_text().ok_or_else(|| Rejection::new("the value is not text"))?;
///         record.value = Some(Payload::Text(text.to_uppercase()));
///         Ok(record.into())
///     }
/// }
///
/// transform_contract(&Shout, &[text(0, "hello")]);
/// ```
#[track_caller]
pub fn transform_contract(transform: &dyn Transform, good: &[Record]) {
    for record in good {
        let outcome = applied(transform, record);
        assert!(outcome.is_ok(), "{} must be taken: {outcome:?}", record.origin());
    }
    for record in odd_records() {
        applied(transform, &record).ok();
    }
}

#[track_caller]
fn applied(transform: &dyn Transform, record: &Record) -> Result<Transformed, Rejection> {
    let [first, second] = [transform.apply(record.clone()), transform.apply(record.clone())];
    assert_eq!(first, second, "the same record gives the same result");
    let made = match &first {
        Ok(Transformed::One(one)) => std::slice::from_ref(one),
        Ok(Transformed::Several(several)) => several,
        Ok(Transformed::Dropped) | Err(_) => &[],
    };
    for one in made {
        assert_eq!(one.origin(), record.origin(), "a transform keeps the origin");
    }
    first
}

/// Holds a predicate to the contract of [`Predicate`]: it answers for the records of `good`, and for these and for
/// [`odd_records`] the same record gives the same answer, and nothing panics.
///
/// Panics where the predicate breaks the contract.
///
/// ```
/// use sluice_connector_api::{Predicate, Record, Rejection};
/// use sluice_plugin_testing::{predicate_contract, text, tombstone};
///
/// struct HasValue;
///
/// impl Predicate for HasValue {
///     fn test(&self, record: &Record) -> Result<bool, Rejection> {
///         Ok(!record.is_tombstone())
///     }
/// }
///
/// predicate_contract(&HasValue, &[text(0, "a"), tombstone(1)]);
/// ```
#[track_caller]
pub fn predicate_contract(predicate: &dyn Predicate, good: &[Record]) {
    for record in good {
        let answer = answered(predicate, record);
        assert!(answer.is_ok(), "{} must be answered for: {answer:?}", record.origin());
    }
    for record in odd_records() {
        answered(predicate, &record).ok();
    }
}

#[track_caller]
fn answered(predicate: &dyn Predicate, record: &Record) -> Result<bool, Rejection> {
    let answer = predicate.test(record);
    assert_eq!(answer, predicate.test(record), "the same record gives the same answer");
    answer
}
