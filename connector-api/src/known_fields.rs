//! What is known of the fields of a record at a place in the chain.

use std::collections::BTreeMap;
use std::ops::BitOr;

use serde_json::Value;

use crate::{FieldKind, FieldKinds, Side};

/// So many names of a path are followed; of what lies deeper nothing is known.
const DEEPEST: usize = 32;

/// So many examples are kept.
const MOST_EXAMPLES: usize = 32;

/// Which fields the JSON object of a key or a value can have, what these can be, and which they can have in turn. Nothing is
/// known of it at first: it may have any. A field is named by its path: the names from the root to it, an item of an array by
/// its number. A null is left out of account.
///
/// ```
/// use sluice_connector_api::KnownFields;
///
/// let rest = KnownFields::default().without(&["city"]);
/// assert!(rest.lacks(&["city"]) && !rest.lacks(&["id"]));
/// let either = rest | KnownFields::only([["city"]]);
/// assert!(!either.lacks(&["city"]) && !either.lacks(&["id"]), "it may be the one or the other");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFields {
    /// What is known of fields by their names; nothing stands for one that cannot be there.
    named: BTreeMap<String, Option<KnownFields>>,
    /// Which others there can be.
    others: Others,
    /// What it can be.
    kinds: FieldKinds,
    /// Values that are like all that it can be; nothing where none are known.
    examples: Option<Vec<Value>>,
}

/// Which fields there can be beside those that are known by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Others {
    /// Any, with anything in them.
    #[default]
    Any,
    /// Any, but each is a text, a number or the like, or an array: no object.
    Flat,
    /// The items of an array, with anything in them.
    Items,
    /// None.
    None,
}

impl Others {
    /// Returns what is known of a field of this name; nothing where it cannot be there.
    fn child(self, name: &str) -> Option<KnownFields> {
        match self {
            Self::Any => Some(KnownFields::default()),
            Self::Flat => Some(KnownFields { others: Self::Items, ..KnownFields::default() }),
            Self::Items => is_number(name).then(KnownFields::default),
            Self::None => None,
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::None, one) | (one, Self::None) => one,
            _ => Self::Any,
        }
    }
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

impl KnownFields {
    /// Only these can be there, with anything in them.
    pub fn only<P: AsRef<[N]>, N: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self::default().narrowed_to(paths)
    }

    /// It is a text, a number or the like, which has no fields.
    pub fn none() -> Self {
        Self { others: Others::None, ..Self::default() }
    }

    /// It is of one of these kinds. An array or object can have anything in it.
    pub fn of(kinds: impl Into<FieldKinds>) -> Self {
        let kinds = kinds.into();
        let others = if kinds.has(FieldKind::Object) {
            Others::Any
        } else if kinds.has(FieldKind::Array) {
            Others::Items
        } else {
            Others::None
        };
        Self { others, kinds, ..Self::default() }
    }

    /// It is like one of these values: what takes none of them takes nothing that it can be.
    pub fn like(values: impl IntoIterator<Item = Value>) -> Self {
        let (mut known, mut examples) = (None, Vec::new());
        for value in values {
            let of_value = FieldKind::of(&value).map(Self::of).unwrap_or_default();
            known = Some(known.map_or(of_value.clone(), |known: Self| known | of_value));
            examples.push(value);
        }
        let is_null = examples.iter().any(Value::is_null);
        let examples = Some(examples).filter(|examples| !is_null && examples.len() <= MOST_EXAMPLES);
        Self { examples, ..known.unwrap_or_default() }
    }

    /// Returns what it can be.
    pub fn kinds(&self) -> FieldKinds {
        self.kinds
    }

    /// Returns values that are like all that it can be; nothing where none are known.
    pub fn examples(&self) -> Option<&[Value]> {
        self.examples.as_deref()
    }

    /// Takes a field away.
    #[must_use]
    pub fn without(mut self, path: &[impl AsRef<str>]) -> Self {
        self.take(path);
        self
    }

    /// Adds a field that may be there, with anything in it. Objects on the way to it may be there then, too.
    #[must_use]
    pub fn with(self, path: &[impl AsRef<str>]) -> Self {
        self.with_known(path, Self::default())
    }

    /// Adds a field that may be there, and what is known of it.
    #[must_use]
    pub fn with_known(mut self, path: &[impl AsRef<str>], known: Self) -> Self {
        self.put(path, known);
        self
    }

    /// Adds what is known of a field that may be written, or stay as it is.
    #[must_use]
    pub fn with_either(self, path: &[impl AsRef<str>], known: Self) -> Self {
        let before = self.below(path);
        self.with_known(path, before.map_or(known.clone(), |before| before | known))
    }

    /// Changes what is known of a field, where it can be there.
    #[must_use]
    pub fn changed(self, path: &[impl AsRef<str>], change: impl FnOnce(Self) -> Self) -> Self {
        match self.below(path) {
            Some(known) => self.with_known(path, change(known)),
            None => self,
        }
    }

    /// Forgets what it can be, and what those in it can be, but not which there are.
    #[must_use]
    pub fn of_any_kind(mut self) -> Self {
        self.kinds = FieldKinds::ANY;
        self.examples = None;
        let named = self.named.into_iter().map(|(name, known)| (name, known.map(Self::of_any_kind)));
        self.named = named.collect();
        self
    }

    /// Keeps, of those that may be there, only these.
    #[must_use]
    pub fn narrowed_to<P: AsRef<[N]>, N: AsRef<str>>(self, paths: impl IntoIterator<Item = P>) -> Self {
        let mut kept = Self::none();
        for path in paths {
            let path = path.as_ref();
            if let Some(known) = self.below(path) {
                kept.put(path, known);
            }
        }
        kept
    }

    /// Returns what is known of a field; nothing where it cannot be there.
    pub fn below(&self, path: &[impl AsRef<str>]) -> Option<Self> {
        let mut known = self.clone();
        for name in path.iter().take(DEEPEST) {
            known = known.child(name.as_ref())?;
        }
        Some(if path.len() > DEEPEST { Self::default() } else { known })
    }

    /// Says whether a field cannot be there.
    pub fn lacks(&self, path: &[impl AsRef<str>]) -> bool {
        self.below(path).is_none()
    }

    /// Puts it as the one field of an object.
    #[must_use]
    pub fn hoisted(self, name: &str) -> Self {
        let known = if self.reaches(DEEPEST) { Self::default() } else { self };
        Self::none().with_known(&[name], known)
    }

    /// Says whether fields lie so deep, which is not looked at any deeper.
    fn reaches(&self, depth: usize) -> bool {
        let mut below = self.named.values().flatten();
        depth == 0 || below.any(|known| known.reaches(depth - 1))
    }

    /// Brings fields within fields to the root, under names that are joined by `delimiter`.
    #[must_use]
    pub fn flattened(&self, delimiter: &str) -> Self {
        let mut flat = Self::none();
        if !self.flatten_into(&mut flat, &mut String::new(), delimiter) {
            flat.named.clear();
            flat.others = Others::Flat;
        }
        flat
    }

    /// Returns whether all fields are known by name.
    fn flatten_into(&self, flat: &mut Self, prefix: &mut String, delimiter: &str) -> bool {
        if self.others != Others::None {
            return false;
        }
        let length = prefix.len();
        for (name, known) in &self.named {
            let Some(known) = known else { continue };
            prefix.push_str(name);
            let mut leaf = Self { others: Others::Items, ..Self::default() };
            if known.named.is_empty() {
                leaf = Self { kinds: known.kinds, examples: known.examples.clone(), ..leaf };
            }
            let before = flat.named.remove(prefix).flatten();
            flat.named.insert(prefix.clone(), Some(before.map_or(leaf.clone(), |before| before | leaf)));
            prefix.push_str(delimiter);
            let is_known = known.flatten_into(flat, prefix, delimiter);
            prefix.truncate(length);
            if !is_known {
                return false;
            }
        }
        true
    }

    fn child(&self, name: &str) -> Option<Self> {
        match self.named.get(name) {
            Some(known) => known.clone(),
            None => self.others.child(name),
        }
    }

    fn take(&mut self, path: &[impl AsRef<str>]) {
        let Some((first, rest)) = path.split_first() else { return };
        let known = self.child(first.as_ref());
        if path.len() > DEEPEST {
            return;
        }
        let left = match (rest, known) {
            // Of an array, the items behind it take its place.
            ([], Some(_)) if is_number(first.as_ref()) && self.kinds.has(FieldKind::Array) => {
                Some(Self::default())
            }
            ([], _) => None,
            (rest, below) => below.map(|below| below.without(rest)),
        };
        self.examples = None;
        self.named.insert(first.as_ref().to_owned(), left);
    }

    fn put(&mut self, path: &[impl AsRef<str>], known: Self) {
        let Some((first, rest)) = path.split_first() else {
            *self = known;
            return;
        };
        self.kinds = FieldKind::Array | FieldKind::Object;
        self.examples = None;
        let known = if path.len() > DEEPEST { Self::default() } else { known };
        let below = if rest.is_empty() || path.len() > DEEPEST {
            known
        } else {
            self.child(first.as_ref()).unwrap_or_else(Self::none).with_known(rest, known)
        };
        self.named.insert(first.as_ref().to_owned(), Some(below));
    }
}

impl BitOr for KnownFields {
    type Output = Self;

    /// What is known where it is the one or the other.
    fn bitor(self, other: Self) -> Self {
        let mut named = BTreeMap::new();
        for name in self.named.keys().chain(other.named.keys()) {
            let either = match (self.child(name), other.child(name)) {
                (Some(one), Some(other)) => Some(one | other),
                (one, other) => one.or(other),
            };
            named.insert(name.clone(), either);
        }
        let examples = self.examples.zip(other.examples).map(|(one, other)| [one, other].concat());
        let examples = examples.filter(|examples| examples.len() <= MOST_EXAMPLES);
        Self { named, others: self.others.or(other.others), kinds: self.kinds | other.kinds, examples }
    }
}

/// What is known of the fields and headers of a record at a place in the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordFields {
    /// Of those of the key.
    pub key: KnownFields,
    /// Of those of the value.
    pub value: KnownFields,
    /// Of the headers, each by its name.
    pub headers: KnownFields,
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

    /// Takes a header away.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers = self.headers.without(&[name]);
        self
    }

    /// Adds a header that may be there.
    #[must_use]
    pub fn with_header(mut self, name: &str) -> Self {
        self.headers = self.headers.with(&[name]);
        self
    }
}

impl BitOr for RecordFields {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            key: self.key | other.key,
            value: self.value | other.value,
            headers: self.headers | other.headers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_came_back_is_not_lacking() {
        let fields = KnownFields::only([["a"], ["b"]]).without(&["a"]).with(&["c"]);
        assert!(fields.lacks(&["a"]) && !fields.lacks(&["b"]) && !fields.lacks(&["c"]));
        assert!(!KnownFields::default().without(&["a"]).with(&["a"]).lacks(&["a"]));
        assert!(KnownFields::default().without(&["a"]).narrowed_to([["a"], ["b"]]).lacks(&["a"]));
    }

    #[test]
    fn what_may_be_either_lacks_only_what_both_lack() {
        let either = KnownFields::only([["a"]]) | KnownFields::default().without(&["b"]).without(&["a"]);
        assert!(either.lacks(&["b"]) && !either.lacks(&["a"]) && !either.lacks(&["c"]));
        assert!(!(KnownFields::only([["a"]]) | KnownFields::default()).lacks(&["c"]));
        let deep = KnownFields::only([["a", "b"]]) | KnownFields::only([["a", "c"]]);
        assert!(!deep.lacks(&["a", "b"]) && !deep.lacks(&["a", "c"]) && deep.lacks(&["a", "d"]));
    }

    #[test]
    fn fields_within_fields_are_known_too() {
        let fields = KnownFields::only([&["after", "id"][..], &["op"]]);
        assert!(!fields.lacks(&["after"]) && !fields.lacks(&["after", "id", "x"]));
        assert!(fields.lacks(&["after", "name"]) && fields.lacks(&["before", "id"]));
        let fewer = KnownFields::default().without(&["after", "name"]);
        assert!(fewer.lacks(&["after", "name"]) && !fewer.lacks(&["after", "id"]) && !fewer.lacks(&["x"]));
        let text = KnownFields::default().with_known(&["a", "at"], KnownFields::none());
        assert!(text.lacks(&["a", "at", "year"]) && !text.lacks(&["a", "at"]) && !text.lacks(&["a", "b"]));
        assert_eq!(fields.below(&["after"]), Some(KnownFields::only([["id"]])));
    }

    #[test]
    fn a_hoisted_object_stands_below_its_name() {
        let fields = KnownFields::only([["id"]]).hoisted("row");
        assert!(!fields.lacks(&["row", "id"]) && fields.lacks(&["id"]) && fields.lacks(&["row", "name"]));
    }

    #[test]
    fn flat_fields_hold_no_fields() {
        let any = KnownFields::default().flattened(".");
        assert!(any.lacks(&["after", "id"]) && !any.lacks(&["after.id"]) && !any.lacks(&["tags", "0", "x"]));
        let known = KnownFields::only([["a"]]).with_known(&["a"], KnownFields::none());
        let flat = known.hoisted("row").flattened("_");
        assert!(!flat.lacks(&["row_a"]) && flat.lacks(&["a"]) && flat.lacks(&["row", "a"]));
        assert!(!KnownFields::only([["a"]]).flattened(".").lacks(&["a.b"]), "what is in `a` is not known");
    }

    #[test]
    fn a_path_of_any_length_is_followed_only_so_far() {
        let long: Vec<&str> = std::iter::repeat_n("a", 100_000).collect();
        let fields = KnownFields::default().with(&long).without(&long);
        assert!(!fields.lacks(&long) && !KnownFields::only([&long]).lacks(&long));
        assert!(KnownFields::none().lacks(&long));
        let hoisted = (0..100_000).fold(KnownFields::default(), |fields, _| fields.hoisted("a"));
        assert!(hoisted.lacks(&["b"]) && !hoisted.lacks(&long));
    }
}
