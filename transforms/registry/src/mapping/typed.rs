//! What a schema says of the values that come out, within bounds: a schema may be made to say very much.

use std::sync::Arc;

use sluice_connector_api::SchemaType;

use super::time::Calendar;

/// The most parts that a type has, each counted as often as it is named.
const MOST_PARTS: usize = 10_000;
/// The deepest nesting of a type.
const MOST_DEPTH: usize = 60;

/// A type of a schema, and how much it says.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    of: SchemaType,
    parts: usize,
    depth: usize,
}

impl Typed {
    /// Takes a type that nothing stands within.
    pub(crate) fn new(of: SchemaType) -> Self {
        Self { of, parts: 1, depth: 1 }
    }

    /// Says nothing.
    pub(crate) fn unknown() -> Self {
        Self::new(SchemaType::Unknown)
    }

    /// Makes an array of such values.
    pub(crate) fn list(self) -> Self {
        let Self { of, parts, depth } = self;
        Self::bounded(SchemaType::List(Arc::new(of)), parts + 1, depth + 1)
    }

    /// Makes an object whose names are data.
    pub(crate) fn map(self) -> Self {
        let Self { of, parts, depth } = self;
        Self::bounded(SchemaType::Map(Arc::new(of)), parts + 1, depth + 1)
    }

    /// Makes an object of fields.
    pub(crate) fn object(fields: Vec<(String, Self)>) -> Self {
        let parts = fields.iter().map(|(_, field)| field.parts).sum::<usize>() + 1;
        let depth = fields.iter().map(|(_, field)| field.depth).max().unwrap_or_default() + 1;
        let fields = fields.into_iter().map(|(name, field)| (name, field.of)).collect();
        Self::bounded(SchemaType::Object(fields), parts, depth)
    }

    fn bounded(of: SchemaType, parts: usize, depth: usize) -> Self {
        if parts > MOST_PARTS || depth > MOST_DEPTH { Self::unknown() } else { Self { of, parts, depth } }
    }

    /// Returns the type for all records of the schema; none where it says nothing.
    pub(crate) fn shared(self) -> Option<Arc<SchemaType>> {
        (self.of != SchemaType::Unknown).then(|| Arc::new(self.of))
    }
}

impl From<Calendar> for Typed {
    fn from(calendar: Calendar) -> Self {
        Self::new(match calendar {
            Calendar::Date => SchemaType::Date,
            Calendar::TimeOfDay(per_second) => SchemaType::TimeOfDay(per_second),
            Calendar::Instant(per_second) => SchemaType::Instant(per_second),
            Calendar::Local(per_second) => SchemaType::Local(per_second),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_too_often_or_too_deep_says_nothing() {
        let mut wide = Typed::new(SchemaType::Text);
        let mut deep = Typed::new(SchemaType::Text);
        for _ in 0..13 {
            wide = Typed::object(vec![("a".to_owned(), wide.clone()), ("b".to_owned(), wide)]);
        }
        for _ in 0..MOST_DEPTH {
            deep = deep.list();
        }
        assert_eq!((wide.of, deep.of), (SchemaType::Unknown, SchemaType::Unknown));
        assert!(Typed::new(SchemaType::Text).list().shared().is_some());
        assert!(Typed::unknown().shared().is_none());
    }
}
