//! What a plug-in needs a field to be.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::{FieldKinds, KnownFields};

/// What becomes of a record whose field is not as a plug-in needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmetKind {
    /// It is rejected.
    Rejects,
    /// A predicate does not hold for it.
    NeverHolds,
}

/// What a field has to be, where it is there and not null.
///
/// ```
/// use sluice_connector_api::{FieldKind, FieldNeed, KnownFields};
///
/// let need = FieldNeed::new(&["at"], FieldKind::Text | FieldKind::Number, "a time");
/// assert!(need.is_met_by(&KnownFields::of(FieldKind::Text)));
/// assert!(!need.is_met_by(&KnownFields::of(FieldKind::Boolean)));
///
/// let need = need.with_test(|value| value.as_str().is_none_or(|text| text.contains(':')));
/// assert!(!need.is_met_by(&KnownFields::like(["masked".into()])));
/// ```
#[derive(Clone, Debug)]
pub struct FieldNeed {
    /// The names from the root to the field; none of them for the whole.
    pub path: Vec<String>,
    /// What it is in words, such as `an array`. The text goes on with "but X makes it text".
    pub what: String,
    /// What becomes of a record where it is not so.
    pub unmet: UnmetKind,
    kinds: FieldKinds,
    test: Option<ValueTest>,
}

/// Says whether a value will do.
#[derive(Clone)]
struct ValueTest(Arc<dyn Fn(&Value) -> bool + Send + Sync>);

impl fmt::Debug for ValueTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValueTest")
    }
}

impl FieldNeed {
    /// States that a field has to be of one of these kinds. `what` says it in words, such as `an array`.
    pub fn new(path: &[impl AsRef<str>], kinds: impl Into<FieldKinds>, what: impl Into<String>) -> Self {
        let path = path.iter().map(|name| name.as_ref().to_owned()).collect();
        Self { path, what: what.into(), unmet: UnmetKind::Rejects, kinds: kinds.into(), test: None }
    }

    /// Adds what a value has to be within its kind. It is asked of the values that are known to be like all that there can be.
    #[must_use]
    pub fn with_test(mut self, test: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.test = Some(ValueTest(Arc::new(test)));
        self
    }

    /// Says that no record is rejected for it: a predicate does not hold.
    #[must_use]
    pub fn never_holds(mut self) -> Self {
        self.unmet = UnmetKind::NeverHolds;
        self
    }

    /// Says whether a field of which this is known has the right kind.
    pub fn has_kind(&self, known: &KnownFields) -> bool {
        known.kinds().meets(self.kinds)
    }

    /// Says whether a field of which this is known may do.
    pub fn is_met_by(&self, known: &KnownFields) -> bool {
        if !self.has_kind(known) {
            return false;
        }
        match (&self.test, known.examples()) {
            (Some(ValueTest(test)), Some(examples)) => examples.iter().any(|example| test(example)),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::FieldKind;

    #[test]
    fn one_of_the_examples_has_to_pass() {
        let need = FieldNeed::new(&["n"], FieldKinds::SCALAR, "a number").with_test(Value::is_number);
        assert!(!need.is_met_by(&KnownFields::like([json!("a"), json!("b")])));
        assert!(need.is_met_by(&KnownFields::like([json!("a"), json!(1)])));
        assert!(need.is_met_by(&KnownFields::of(FieldKind::Text)), "nothing is known but that it is text");
        assert!(need.is_met_by(&KnownFields::default()));
        assert!(!need.is_met_by(&KnownFields::like([json!({"a": 1})])));
    }
}
