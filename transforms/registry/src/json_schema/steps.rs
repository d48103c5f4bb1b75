//! Bounds what it takes to make a schema ready, and to hold a document to it: parts of a schema may refer to each other so that they are visited
//! twice as often with each step down, and patterns may try every way there is.
//!
//! The validator has no such bound itself, but keywords of one's own: one is put into each part of a schema, and counts. It asks for
//! them last, so that it stands in an `allOf`, which it asks for before it tries one alternative after the other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use jsonschema::{Keyword, ValidationError};
use serde_json::{Value, json};

/// The keyword that counts.
pub(super) const COUNTED: &str = "x-sluice-counted";

/// How often a pattern may go back in a text; one that does so more often counts as not fitting.
pub(super) const MOST_BACKTRACKS: usize = 10_000;

/// Visits of parts of the schema that every document may take.
const LEAST_VISITS: usize = 1_000_000;

/// Visits for each byte of the document besides.
const VISITS_PER_BYTE: usize = 50;

/// How long it may take, whatever a visit takes.
const LONGEST: Duration = Duration::from_secs(10);

/// The time is looked at once in so many visits.
const VISITS_PER_LOOK: usize = 64;

/// Keywords whose values hold parts of a schema by names, and are none themselves.
const MAPS: [&str; 6] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/// Keywords whose values are no schemas, and mean what they are.
const LITERALS: [&str; 2] = ["const", "enum"];

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// It takes too much.
struct Exceeded;

/// The keyword: it holds, whatever the document.
pub(super) struct Count;

impl<'i> Keyword<'i> for Count {
    fn validate(&self, _instance: &'i Value) -> Result<(), ValidationError<'i>> {
        count();
        Ok(())
    }

    fn is_valid(&self, _instance: &'i Value) -> bool {
        count();
        true
    }
}

/// Counts a visit, and leaves where there are too many, or the time is over.
pub(super) fn count() {
    let Some(left) = LEFT.get().checked_sub(1) else { leave() };
    LEFT.set(left);
    if left % VISITS_PER_LOOK == 0 && UNTIL.get().is_some_and(|until| Instant::now() > until) {
        leave();
    }
}

/// Unwinds to where it began: the validator has no other way out of its depths. No panic is shown for it.
fn leave() -> ! {
    resume_unwind(Box::new(Exceeded))
}

/// Runs a validation of a document of so many bytes; `None` where that takes too much.
pub(super) fn bounded<T>(bytes: usize, run: impl FnOnce() -> T) -> Option<T> {
    LEFT.set(bytes.saturating_mul(VISITS_PER_BYTE).saturating_add(LEAST_VISITS));
    UNTIL.set(Some(Instant::now() + LONGEST));
    // What it made is dropped on the way, and it shares nothing.
    let outcome = catch_unwind(AssertUnwindSafe(run));
    LEFT.set(usize::MAX);
    UNTIL.set(None);
    match outcome {
        Ok(done) => Some(done),
        Err(thrown) if thrown.is::<Exceeded>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Puts the keyword into every part of a schema, or says why that cannot be done.
pub(super) fn count_in(schema: &mut Value) -> Result<(), String> {
    match schema {
        Value::Array(parts) => parts.iter_mut().try_for_each(count_in),
        Value::Object(keywords) => {
            for (name, value) in keywords.iter_mut() {
                match value {
                    Value::String(target) if name.ends_with("ef") && is_of_literals(target) => {
                        return Err(format!("it refers to `{target}`, which is a value and no schema"));
                    }
                    Value::Object(parts) if MAPS.contains(&name.as_str()) => {
                        parts.values_mut().try_for_each(count_in)?;
                    }
                    value if !LITERALS.contains(&name.as_str()) => count_in(value)?,
                    _ => {}
                }
            }
            // Behind all others: references may name them by their numbers.
            if let Value::Array(parts) = keywords.entry("allOf").or_insert_with(|| Value::Array(Vec::new())) {
                parts.push(json!({ COUNTED: true }));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Says whether a reference leads into a value that means what it is.
fn is_of_literals(target: &str) -> bool {
    let path = decoded(target.split_once('#').map_or("", |(_, path)| path));
    let steps: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let is_one_of = |step: &[u8], names: &[&str]| names.iter().any(|name| name.as_bytes() == step);
    steps.windows(2).any(|pair| match pair {
        [within, step] => is_one_of(step, &LITERALS) && !is_one_of(within, &MAPS),
        _ => false,
    })
}

/// Writes what is percent-encoded in a reference as what it stands for.
fn decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if byte.is_some() {
            rest = behind.get(2..).unwrap_or_default();
        }
        decoded.push(byte.unwrap_or(*first));
    }
    decoded
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_schema_counts_and_what_means_itself_stays() {
        let mut schema = json!({
            "properties": { "const": { "type": "string" }, "a": true }, "allOf": [{ "const": { "x": 1 } }],
            "own": { "deep": {} }, "enum": [{}], "default": {},
        });
        count_in(&mut schema).unwrap();
        let count = json!({ COUNTED: true });
        let counted = json!({
            "properties": { "const": { "type": "string", "allOf": [count] }, "a": true },
            "allOf": [{ "const": { "x": 1 }, "allOf": [count] }, count],
            "own": { "deep": { "allOf": [count] }, "allOf": [count] }, "enum": [{}], "default": { "allOf": [count] },
        });
        assert_eq!(schema, counted);
    }

    #[test]
    fn a_value_is_no_schema() {
        for (target, is_refused) in [
            ("#/const", true),
            ("#/$defs/a/enum/0", true),
            ("#/%63onst/x", true),
            ("x.json#/enum/0", true),
            ("#/properties/enum", false),
            ("#/definitions/Page%3CItem%3E", false),
            ("const", false),
            ("#", false),
        ] {
            assert_eq!(count_in(&mut json!({ "$ref": target })).is_err(), is_refused, "{target}");
        }
    }

    #[test]
    fn what_takes_too_much_is_left_and_the_next_one_is_not() {
        assert!(bounded(0, || (0..=LEAST_VISITS).for_each(|_| count())).is_none());
        assert_eq!(bounded(0, || (0..LEAST_VISITS).for_each(|_| count())), Some(()));
        assert_eq!(bounded(1, || (0..=LEAST_VISITS).for_each(|_| count())), Some(()));
    }
}
