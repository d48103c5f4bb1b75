//! Which columns records need, and of which types, found out from the records themselves. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_connector_api::{Record, SchemaFields, SchemaType};

use crate::postgres::names::column_fault;
use crate::postgres::row::RowRule;
use crate::postgres::sample_type::SampleType;

/// A column that a table may get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewColumn {
    pub(super) name: String,
    /// Its type as it stands in SQL.
    pub(super) type_name: String,
}

/// The columns that records need.
#[derive(Debug)]
pub(super) struct RecordSample<'a> {
    /// The types that the settings name, by column.
    given: &'a BTreeMap<String, String>,
    key: Vec<String>,
    seen: Vec<(String, SampleType)>,
}

impl<'a> RecordSample<'a> {
    /// Looks at records. Those that are no rows, whatever the table is like, do not count.
    pub(super) fn new<'r>(
        given: &'a BTreeMap<String, String>,
        rule: &RowRule,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Self {
        let mut sample = Self { given, key: Vec::new(), seen: Vec::new() };
        for record in records {
            sample.add(rule, record);
        }
        sample
    }

    fn add(&mut self, rule: &RowRule, record: &Record) {
        let (Ok(key), Some(value)) = (rule.key_fields(record), &record.value) else { return };
        let (of_key, of_fields) = rule.types(record);
        let names: Vec<&String> = key.iter().map(|(name, _)| name).collect();
        let is_of_another_key = !self.key.is_empty() && self.key.iter().ne(names.iter().copied());
        let is_no_key = |(name, value): &(String, Value)| value.is_null() || column_fault(name).is_some();
        if is_of_another_key || key.iter().any(is_no_key) {
            return;
        }
        match (rule.value_column(), value.as_json()) {
            // `jsonb` takes JSON alone, and `text` takes JSON too.
            (Some(column), json) => {
                let is_text = json.is_none() || self.held(column) == Some(SampleType::Text);
                self.forget(column);
                self.note(column, if is_text { SampleType::Text } else { SampleType::Jsonb });
            }
            (None, Some(Value::Object(fields))) => {
                for (name, of) in of_fields.into_iter().flat_map(SchemaFields::iter) {
                    self.see(name, fields.get(name).unwrap_or(&Value::Null), Some(of));
                }
                let is_of_schema = |name: &str| of_fields.is_some_and(|types| types.get(name).is_some());
                for (name, value) in fields.iter().filter(|(name, _)| !is_of_schema(name)) {
                    self.see(name, value, None);
                }
            }
            (None, _) => return,
        }
        if self.key.is_empty() {
            self.key = names.into_iter().cloned().collect();
        }
        // The key's own value is the one that is stored, where a field of the value has the same name.
        for (name, value) in &key {
            self.see(name, value, of_key.and_then(|types| rule.key_type(types, name)));
        }
    }

    /// Takes note of a value: of the type that its schema says, if that holds it, and else of what it shows.
    fn see(&mut self, name: &str, value: &Value, of: Option<&SchemaType>) {
        let by_schema = of.and_then(SampleType::of_schema);
        if let Some(held) = by_schema {
            self.note(name, held);
        }
        if !by_schema.is_some_and(|held| held.holds(value))
            && let Some(held) = SampleType::of(value)
        {
            self.note(name, held);
        }
    }

    fn held(&self, name: &str) -> Option<SampleType> {
        self.seen.iter().find(|(seen, _)| seen == name).map(|(_, held)| *held)
    }

    fn forget(&mut self, name: &str) {
        self.seen.retain(|(seen, _)| seen != name);
    }

    fn note(&mut self, name: &str, held: SampleType) {
        if column_fault(name).is_some() {
            return;
        }
        match self.seen.iter_mut().find(|(seen, _)| seen == name) {
            Some((_, before)) => *before = before.with(held),
            None => self.seen.push((name.to_owned(), held)),
        }
    }

    /// Returns the columns of the key.
    pub(super) fn key(&self) -> &[String] {
        &self.key
    }

    /// Returns all columns of a table for these records, those of the key first, and with those whose types the settings name.
    /// None where the records need no table.
    pub(super) fn columns(&self) -> Vec<NewColumn> {
        let of_key = |name: &String| self.key.contains(name);
        let mut names: Vec<&String> = self.key.iter().collect();
        names.extend(self.seen.iter().map(|(name, _)| name).filter(|name| !of_key(name)));
        if names.is_empty() {
            return Vec::new();
        }
        let more = self.given.keys().filter(|name| !names.contains(name));
        names.extend(more.collect::<Vec<_>>());
        names.into_iter().filter_map(|name| self.column(name)).collect()
    }

    /// Returns the columns that were seen and that `has` knows nothing of.
    pub(super) fn missing(&self, has: impl Fn(&str) -> bool) -> Vec<NewColumn> {
        let names =
            self.seen.iter().map(|(name, _)| name).filter(|name| !has(name) && !self.key.contains(name));
        names.filter_map(|name| self.column(name)).collect()
    }

    fn column(&self, name: &str) -> Option<NewColumn> {
        let seen = self.held(name).map(SampleType::name);
        let type_name = self.given.get(name).cloned().or(seen)?;
        Some(NewColumn { name: name.to_owned(), type_name })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use sluice_connector_api::{Json, Payload};
    use sluice_plugin_testing::record;

    use super::*;
    use crate::postgres::settings::PostgresSettings;

    fn columns(settings: &Value, values: &[Value]) -> Vec<String> {
        let records: Vec<Record> =
            values.iter().map(|value| record(7).key("k").value(value.clone()).build()).collect();
        columns_of(settings, &records)
    }

    fn columns_of(settings: &Value, records: &[Record]) -> Vec<String> {
        let mut all = json!({ "url": "postgres://u@h/d", "table": "t" });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let settings: PostgresSettings = serde_json::from_value(all).unwrap();
        let rule = RowRule::new(&settings).unwrap();
        let sample = RecordSample::new(&settings.column_types, &rule, records);
        sample.columns().into_iter().map(|column| format!("{} {}", column.name, column.type_name)).collect()
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_type_holds_all_that_was_seen() {
        for (values, held) in [
            (vec!["1", "-9223372036854775808"], "bigint"),
            (vec!["1", "9223372036854775808"], "numeric"),
            (vec!["1", "44.50", "null"], "numeric"),
            (vec!["1.0"], "numeric"),
            (vec!["1e3"], "numeric"),
            (vec!["true", "false"], "boolean"),
            (vec!["true", "1"], "text"),
            (vec!["\"a\"", "44.5"], "text"),
            (vec!["\"2026-11-28T18:00:00Z\""], "text"),
            (vec!["\"a\"", "{}"], "jsonb"),
            (vec!["[1,2]"], "jsonb"),
        ] {
            let values: Vec<Value> = values.iter().map(|value| json!({ "v": parsed(value) })).collect();
            assert_eq!(columns(&json!({}), &values), [format!("v {held}")], "{values:?}");
        }
        assert_eq!(columns(&json!({}), &[json!({ "v": null })]), Vec::<String>::new(), "a null says nothing");
        assert_eq!(columns(&json!({}), &[json!("no object")]), Vec::<String>::new());
    }

    #[test]
    fn the_key_comes_first_and_types_that_are_given_count() {
        let types = json!({ "at": "timestamptz", "v": "vector(3)" });
        let settings = json!({ "key": "record_key", "key_columns": ["id"], "column_types": types });
        assert_eq!(
            columns(&settings, &[json!({ "n": 1, "v": [1, 2, 3] }), json!({ "n": 1.5 })]),
            ["id text", "n numeric", "v vector(3)", "at timestamptz"]
        );
        assert_eq!(
            columns(&json!({ "key": "origin", "value_column": "v" }), &[json!([1])]),
            ["kafka_topic text", "kafka_partition bigint", "kafka_offset bigint", "v jsonb"]
        );
        let by_fields = json!({ "key": "fields", "key_columns": ["b", "a"] });
        assert_eq!(
            columns(&by_fields, &[json!({ "a": 1, "b": "x", "c": true })]),
            ["b text", "a bigint", "c boolean"]
        );
    }

    #[test]
    fn a_schema_gives_all_of_its_columns_types_whether_they_have_values_or_not() {
        let decimal = SchemaType::Decimal { precision: Some(12), scale: 2 };
        let types = [
            ("small", SchemaType::Integer(16)),
            ("int", SchemaType::Integer(32)),
            ("unsigned", SchemaType::Unsigned(64)),
            ("price", decimal),
            ("any_price", SchemaType::Decimal { precision: None, scale: 2 }),
            ("real", SchemaType::Float),
            ("double", SchemaType::Double),
            ("bytes", SchemaType::Bytes),
            ("day", SchemaType::Date),
            ("time", SchemaType::TimeOfDay(1000)),
            ("at", SchemaType::Instant(1_000_000)),
            ("there", SchemaType::Local(1000)),
            ("id", SchemaType::Uuid),
            ("tags", SchemaType::List(Arc::new(SchemaType::Text))),
            ("nothing", SchemaType::Unknown),
            ("shown", SchemaType::Unknown),
            ("wrong", SchemaType::Integer(32)),
        ];
        let of: SchemaFields = types.into_iter().map(|(name, of)| (name.to_owned(), of)).collect();
        let value = json!({ "double": 1, "shown": true, "wrong": "text", "more": 7 });
        let value = Json::from(value).with_schema_type(Some(Arc::new(SchemaType::Object(of))));
        let settings = json!({ "key": "record_key", "key_columns": ["k"] });
        let key = Json::from(json!(7)).with_schema_type(Some(Arc::new(SchemaType::Integer(32))));
        let row = record(7).key(Payload::Json(key)).value(Payload::Json(value)).build();
        assert_eq!(
            columns_of(&settings, &[row]),
            [
                "k integer",
                "small smallint",
                "int integer",
                "unsigned numeric(20,0)",
                "price numeric(12,2)",
                "any_price numeric",
                "real real",
                "double double precision",
                "bytes bytea",
                "day date",
                "time time",
                "at timestamptz",
                "there timestamp",
                "id uuid",
                "tags jsonb",
                "shown boolean",
                "wrong text",
                "more bigint",
            ]
        );
    }

    #[test]
    fn a_name_that_no_column_can_have_makes_none() {
        let long = "x".repeat(64);
        assert_eq!(
            columns(&json!({}), &[json!({ "ctid": 1, "": 1, long: 1, "a\u{0}": 1, "Ä b\"": 1 })]),
            ["Ä b\" bigint"]
        );
    }
}
