//! The types that a schema gives the values of a document.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The type of a value by the schema that its record was written by: what JSON itself cannot say.
///
/// A converter of schemas keeps it with the document ([`Json::schema_type`](crate::Json::schema_type)), for sinks that have types of
/// their own. It is about the document as the converter made it: what a transform changes has none any more. A sink takes it for what
/// the schema says, and looks at each value all the same: bytes that are read by a wrong schema are values of other types.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaType {
    /// True or false.
    Boolean,
    /// A whole number with a sign, of so many bits: 8, 16, 32 or 64.
    Integer(u8),
    /// A whole number without a sign, of so many bits: 8, 16, 32 or 64.
    Unsigned(u8),
    /// A number of 32 bits with a binary point; `"NaN"`, `"Infinity"` and `"-Infinity"` are strings.
    Float,
    /// The same, of 64 bits.
    Double,
    /// A number of so many digits behind the point, or a string of it.
    Decimal {
        /// The most digits in all, where the schema says that.
        precision: Option<u32>,
        /// The digits behind the point.
        scale: i64,
    },
    /// Text.
    Text,
    /// A UUID as text.
    Uuid,
    /// Bytes, in Base64.
    Bytes,
    /// Days since 1970-01-01, or text such as `2026-01-31`.
    Date,
    /// A time of day: since midnight in such parts of a second (1000, 1,000,000 or 1,000,000,000), or text such as `12:30:00.5`.
    TimeOfDay(i64),
    /// A moment: since 1970 in UTC in such parts of a second, or text such as `2026-01-31T12:30:00Z`.
    Instant(i64),
    /// A date and a time of day that name no zone: since 1970 there in such parts of a second, or text such as `2026-01-31T12:30:00`.
    Local(i64),
    /// An array of such values.
    List(Arc<SchemaType>),
    /// An object whose names are data.
    Map(Arc<SchemaType>),
    /// An object with these fields.
    Object(SchemaFields),
    /// The schema says nothing, or several things.
    Unknown,
}

/// The fields of an object by its schema, in the order of that. What a transform makes of them it makes once for all records: they share it,
/// so that a record takes no memory for it.
#[derive(Clone, Default)]
pub struct SchemaFields(Arc<FieldList>);

#[derive(Default)]
struct FieldList {
    fields: Vec<(Arc<str>, SchemaType)>,
    /// What was made of them.
    derived: RwLock<Vec<Derived>>,
}

/// What an operation made of fields.
struct Derived {
    operation: Box<str>,
    /// The type that it has for a field, if it has one.
    of: Option<SchemaType>,
    fields: SchemaFields,
}

/// So many are kept: a chain of transforms has fewer, and changes the same fields of each record.
const MOST_DERIVED: usize = 64;

impl SchemaFields {
    /// Returns the type of a field.
    pub fn get(&self, name: &str) -> Option<&SchemaType> {
        self.0.fields.iter().find(|(field, _)| **field == *name).map(|(_, of)| of)
    }

    /// Returns the fields with the type of one, which stands behind the others where it is a new one.
    #[must_use]
    pub fn with(&self, name: &str, of: SchemaType) -> Self {
        self.made_by(&format!("with {name}"), Some(of), |fields, of| {
            let Some(of) = of else { return };
            match fields.iter_mut().find(|(field, _)| **field == *name) {
                Some((_, known)) => *known = of,
                None => fields.push((name.into(), of)),
            }
        })
    }

    /// Returns the fields without one.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        if self.get(name).is_none() {
            return self.clone();
        }
        self.made_by(&format!("without {name}"), None, |fields, _| {
            fields.retain(|(field, _)| **field != *name);
        })
    }

    /// Returns what an operation makes of the fields. `operation` names it, with all that it depends on beside the fields.
    #[must_use]
    pub fn derived(&self, operation: &str, make: impl FnOnce(&Self) -> Self) -> Self {
        self.made_by(operation, None, |fields, _| {
            let made = make(self);
            fields.clone_from(&made.0.fields);
        })
    }

    fn made_by(
        &self,
        operation: &str,
        of: Option<SchemaType>,
        change: impl FnOnce(&mut Vec<(Arc<str>, SchemaType)>, Option<SchemaType>),
    ) -> Self {
        let derived = self.0.derived.read().unwrap_or_else(PoisonError::into_inner);
        let known = derived.iter().find(|known| *known.operation == *operation && known.of == of);
        if let Some(known) = known {
            return known.fields.clone();
        }
        drop(derived);
        let mut fields = self.0.fields.clone();
        change(&mut fields, of.clone());
        let made = Self(Arc::new(FieldList { fields, derived: RwLock::default() }));
        let mut derived = self.0.derived.write().unwrap_or_else(PoisonError::into_inner);
        if derived.len() < MOST_DERIVED {
            derived.push(Derived { operation: operation.into(), of, fields: made.clone() });
        }
        made
    }

    /// Walks the fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SchemaType)> {
        self.0.fields.iter().map(|(name, of)| (&**name, of))
    }
}

impl FromIterator<(String, SchemaType)> for SchemaFields {
    fn from_iter<I: IntoIterator<Item = (String, SchemaType)>>(fields: I) -> Self {
        let fields = fields.into_iter().map(|(name, of)| (name.into(), of)).collect();
        Self(Arc::new(FieldList { fields, derived: RwLock::default() }))
    }
}

impl PartialEq for SchemaFields {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.fields == other.0.fields
    }
}

impl Eq for SchemaFields {}

impl fmt::Debug for SchemaFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl SchemaType {
    /// Returns the type of what a path of names leads to; none where the schema has nothing there.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluice_connector_api::SchemaType;
    ///
    /// let price = ("price".to_owned(), SchemaType::Decimal { precision: Some(9), scale: 2 });
    /// let order = SchemaType::List(Arc::new(SchemaType::Object([price].into_iter().collect())));
    /// assert_eq!(order.at(&["0", "price"]), Some(&SchemaType::Decimal { precision: Some(9), scale: 2 }));
    /// assert_eq!(order.at(&["0", "name"]), None);
    /// ```
    pub fn at(&self, path: &[impl AsRef<str>]) -> Option<&Self> {
        let mut at = self;
        for name in path {
            at = match at {
                Self::Object(fields) => fields.get(name.as_ref())?,
                Self::Map(values) => values,
                Self::List(items) if name.as_ref().parse::<usize>().is_ok() => items,
                _ => return None,
            };
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_fields_is_made_once() {
        let field = |name: &str| (name.to_owned(), SchemaType::Text);
        let fields: SchemaFields = ["a", "b"].map(field).into_iter().collect();
        let without = [fields.without("a"), fields.without("a")];
        assert!(Arc::ptr_eq(&without[0].0, &without[1].0));
        assert!(Arc::ptr_eq(&fields.without("c").0, &fields.0));
        let with = [SchemaType::Date, SchemaType::Date, SchemaType::Uuid].map(|of| fields.with("b", of));
        assert!(Arc::ptr_eq(&with[0].0, &with[1].0) && with[0] != with[2]);
        assert_eq!(with[2].get("b"), Some(&SchemaType::Uuid));
        for number in 0..2 * MOST_DERIVED {
            let name = format!("n{number}");
            assert_eq!(fields.with(&name, SchemaType::Date).get(&name), Some(&SchemaType::Date));
        }
    }
}
