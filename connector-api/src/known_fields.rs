//! What is known of the fields of a record at a place in the chain.

use std::collections::BTreeSet;
use std::ops::BitOr;

use crate::Side;

/// Which fields the JSON object of a key or a value can have, by their names at its root. Nothing is known of it at first:
/// it may have any.
///
/// ```
/// use sluice_connector_api::KnownFields;
///
/// let rest = KnownFields::default().without("city");
/// assert!(rest.lacks("city") && !rest.lacks("id"));
/// let either = rest | KnownFields::only(["city"]);
/// assert!(!either.lacks("city") && !either.lacks("id"), "it may be the one or the other");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFields {
    /// The only ones that there may be, where these are known.
    only: Option<BTreeSet<String>>,
    /// Those that there cannot be.
    gone: BTreeSet<String>,
}

impl KnownFields {
    /// Only these can be there.
    pub fn only(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { only: Some(names.into_iter().map(Into::into).collect()), gone: BTreeSet::new() }
    }

    /// Takes a field away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        if let Some(only) = &mut self.only {
            only.remove(name);
        } else {
            self.gone.insert(name.to_owned());
        }
        self
    }

    /// Adds a field that may be there.
    #[must_use]
    pub fn with(mut self, name: &str) -> Self {
        self.gone.remove(name);
        if let Some(only) = &mut self.only {
            only.insert(name.to_owned());
        }
        self
    }

    /// Keeps, of those that may be there, only these.
    #[must_use]
    pub fn narrowed_to<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let left = names.into_iter().filter(|name| !self.lacks(name));
        Self::only(left)
    }

    /// Says whether a field cannot be there.
    pub fn lacks(&self, name: &str) -> bool {
        self.gone.contains(name) || self.only.as_ref().is_some_and(|only| !only.contains(name))
    }
}

impl BitOr for KnownFields {
    type Output = Self;

    /// What is known where it is the one or the other.
    fn bitor(self, other: Self) -> Self {
        let gone = |of: &Self, beside: &Self| -> Vec<String> {
            of.gone.iter().filter(|name| beside.lacks(name)).cloned().collect()
        };
        let gone = gone(&self, &other).into_iter().chain(gone(&other, &self)).collect();
        let only = match (self.only, other.only) {
            (Some(one), Some(other)) => Some(one.union(&other).cloned().collect()),
            _ => None,
        };
        Self { only, gone }
    }
}

/// What is known of the fields of a record's key and value at a place in the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordFields {
    /// Of those of the key.
    pub key: KnownFields,
    /// Of those of the value.
    pub value: KnownFields,
}

impl RecordFields {
    /// Returns what is known of one side.
    pub fn of(&self, side: Side) -> &KnownFields {
        match side {
            Side::Key => &self.key,
            Side::Value => &self.value,
        }
    }

    /// Changes what is known of one side.
    #[must_use]
    pub fn changed(mut self, side: Side, change: impl FnOnce(KnownFields) -> KnownFields) -> Self {
        match side {
            Side::Key => self.key = change(self.key),
            Side::Value => self.value = change(self.value),
        }
        self
    }
}

impl BitOr for RecordFields {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { key: self.key | other.key, value: self.value | other.value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_came_back_is_not_lacking() {
        let fields = KnownFields::only(["a", "b"]).without("a").with("c");
        assert!(fields.lacks("a") && !fields.lacks("b") && !fields.lacks("c"));
        assert!(!KnownFields::default().without("a").with("a").lacks("a"));
        assert!(KnownFields::default().without("a").narrowed_to(["a", "b"]).lacks("a"));
    }

    #[test]
    fn what_may_be_either_lacks_only_what_both_lack() {
        let either = KnownFields::only(["a"]) | KnownFields::default().without("b").without("a");
        assert!(either.lacks("b") && !either.lacks("a") && !either.lacks("c"));
        assert!(!(KnownFields::only(["a"]) | KnownFields::default()).lacks("c"));
    }
}
