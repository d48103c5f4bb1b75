//! Values as a program sees them. They are shared and not copied, and know how deep they are.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::meter;
use super::number::JqNumber;

/// What a node of an object or array takes beside its content.
const NODE: usize = 48;

/// A value.
#[derive(Debug)]
pub(super) enum JqValue {
    Null,
    Bool(bool),
    Number(JqNumber),
    Text(Rc<str>),
    Array(Rc<JqNode<Vec<JqValue>>>),
    Object(Rc<JqNode<JqFields>>),
}

/// The fields of an object, in their order.
pub(super) type JqFields = IndexMap<Rc<str>, JqValue>;

/// What holds other values.
#[derive(Clone, Debug)]
pub(super) struct JqNode<T> {
    pub(super) inner: T,
    /// How many values stand within each other here; it may be more than there are since some were taken out.
    depth: u32,
}

impl<T> JqNode<T> {
    /// Makes room for something one deeper than this value.
    pub(super) fn hold(&mut self, value: &JqValue) {
        self.depth = self.depth.max(value.depth() + 1);
        meter::nest(self.depth);
    }
}

impl Clone for JqValue {
    fn clone(&self) -> Self {
        meter::step(1);
        match self {
            Self::Null => Self::Null,
            Self::Bool(bool) => Self::Bool(*bool),
            Self::Number(number) => Self::Number(number.clone()),
            Self::Text(text) => Self::Text(Rc::clone(text)),
            Self::Array(items) => Self::Array(Rc::clone(items)),
            Self::Object(fields) => Self::Object(Rc::clone(fields)),
        }
    }
}

impl JqValue {
    fn depth(&self) -> u32 {
        match self {
            Self::Array(node) => node.depth,
            Self::Object(node) => node.depth,
            _ => 0,
        }
    }

    pub(super) fn text(text: &str) -> Self {
        meter::make(text.len() + NODE);
        Self::Text(text.into())
    }

    pub(super) fn int(int: i64) -> Self {
        meter::step(1);
        Self::Number(JqNumber::Int(int))
    }

    /// Makes a number of a count of things.
    pub(super) fn count(count: usize) -> Self {
        Self::int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) fn float(float: f64) -> Self {
        meter::step(1);
        Self::Number(JqNumber::Float(float))
    }

    pub(super) fn array(items: Vec<Self>) -> Self {
        meter::make(items.len().saturating_mul(size_of::<Self>()) + NODE);
        let depth = items.iter().map(Self::depth).max().unwrap_or(0) + 1;
        meter::nest(depth);
        Self::Array(Rc::new(JqNode { inner: items, depth }))
    }

    pub(super) fn object(fields: JqFields) -> Self {
        meter::make(fields.len().saturating_mul(2 * size_of::<Self>() + NODE) + NODE);
        let depth = fields.values().map(Self::depth).max().unwrap_or(0) + 1;
        meter::nest(depth);
        Self::Object(Rc::new(JqNode { inner: fields, depth }))
    }

    pub(super) fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => {
                let text = number.as_str();
                Self::Number(JqNumber::parse(text).unwrap_or(JqNumber::Float(f64::NAN)))
            }
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::array(items.iter().map(Self::from_json).collect()),
            Value::Object(fields) => {
                let field =
                    |(name, value): (&String, &Value)| (Rc::from(name.as_str()), Self::from_json(value));
                Self::object(fields.iter().map(field).collect())
            }
        }
    }

    pub(super) fn to_json(&self) -> Value {
        meter::step(1);
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Number(number) if number.is_nan() => Value::Null,
            Self::Number(number) => Value::Number(number.to_json()),
            Self::Text(text) => {
                meter::make(text.len());
                Value::String(text.to_string())
            }
            Self::Array(items) => items.inner.iter().map(Self::to_json).collect(),
            Self::Object(fields) => {
                let mut object = Map::with_capacity(fields.inner.len());
                for (name, value) in &fields.inner {
                    meter::make(name.len());
                    object.insert(name.to_string(), value.to_json());
                }
                Value::Object(object)
            }
        }
    }

    /// The place of a type among the others.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::Array(_) => 4,
            Self::Object(_) => 5,
        }
    }
}

/// As JSON.
impl fmt::Display for JqValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json().fmt(f)
    }
}

impl Ord for JqValue {
    fn cmp(&self, other: &Self) -> Ordering {
        meter::step(1);
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.order(b),
            (Self::Text(a), Self::Text(b)) => {
                meter::step(u64::try_from(a.len().min(b.len()) / 64).unwrap_or(0));
                a.cmp(b)
            }
            (Self::Array(a), Self::Array(b)) => a.inner.cmp(&b.inner),
            (Self::Object(a), Self::Object(b)) => order_of_fields(&a.inner, &b.inner),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// First the names, sorted; then the values in the order of these.
fn order_of_fields(a: &JqFields, b: &JqFields) -> Ordering {
    let sorted = |fields: &JqFields| {
        let mut names: Vec<Rc<str>> = fields.keys().cloned().collect();
        names.sort();
        names
    };
    meter::make((a.len() + b.len()) * size_of::<JqValue>());
    let (a_names, b_names) = (sorted(a), sorted(b));
    let values = |fields: &JqFields, names: &[Rc<str>]| -> Vec<JqValue> {
        names.iter().filter_map(|name| fields.get(name).cloned()).collect()
    };
    a_names.cmp(&b_names).then_with(|| values(a, &a_names).cmp(&values(b, &b_names)))
}

impl PartialOrd for JqValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for JqValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for JqValue {}

impl From<bool> for JqValue {
    fn from(bool: bool) -> Self {
        meter::step(1);
        Self::Bool(bool)
    }
}

impl From<isize> for JqValue {
    fn from(int: isize) -> Self {
        Self::int(i64::try_from(int).unwrap_or(i64::MAX))
    }
}

impl From<usize> for JqValue {
    fn from(count: usize) -> Self {
        Self::count(count)
    }
}

impl From<f64> for JqValue {
    fn from(float: f64) -> Self {
        Self::float(float)
    }
}

impl From<String> for JqValue {
    fn from(text: String) -> Self {
        Self::text(&text)
    }
}

impl FromIterator<Self> for JqValue {
    fn from_iter<I: IntoIterator<Item = Self>>(iter: I) -> Self {
        let mut items = Vec::new();
        for item in iter {
            // Before it grows: the source may have no end.
            meter::make(size_of::<Self>());
            items.push(item);
        }
        Self::array(items)
    }
}
