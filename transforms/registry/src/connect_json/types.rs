//! What a Connect schema says of the values that come out.

use sluice_connector_api::SchemaType;

use super::written::WrittenSchema;
use crate::mapping::{Typed, connect_text};

/// Says what a schema says.
pub(super) fn type_of(written: &WrittenSchema) -> Typed {
    if let Some(calendar) = written.calendar() {
        return calendar.into();
    }
    let of = match (written.kind.as_str(), written.name.as_deref().unwrap_or_default()) {
        ("bytes", "org.apache.kafka.connect.data.Decimal") => {
            let precision = written.parameter("connect.decimal.precision");
            let precision = precision.and_then(|precision| u32::try_from(precision).ok());
            match written.parameter("scale") {
                Some(scale) => SchemaType::Decimal { precision, scale },
                None => SchemaType::Unknown,
            }
        }
        // A scale of its own for each value, and a number as which it is no struct any more.
        ("struct", "io.debezium.data.VariableScaleDecimal") => SchemaType::Unknown,
        ("boolean", _) => SchemaType::Boolean,
        ("int8", _) => SchemaType::Integer(8),
        ("int16", _) => SchemaType::Integer(16),
        ("int32", _) => SchemaType::Integer(32),
        ("int64", _) => SchemaType::Integer(64),
        ("float", _) => SchemaType::Float,
        ("double", _) => SchemaType::Double,
        ("bytes", _) => SchemaType::Bytes,
        ("string", name) => connect_text(name).unwrap_or(SchemaType::Text),
        _ => return nested(written),
    };
    Typed::new(of)
}

fn nested(written: &WrittenSchema) -> Typed {
    match (written.kind.as_str(), &written.fields, &written.items, &written.keys, &written.values) {
        ("struct", Some(fields), ..) => {
            let types = fields.iter().filter_map(|field| Some((field.field.clone()?, type_of(field))));
            Typed::object(types.collect())
        }
        ("array", _, Some(items), ..) => type_of(items).list(),
        // Others are arrays of pairs.
        ("map", _, _, Some(keys), Some(values)) if keys.kind == "string" => type_of(values).map(),
        _ => Typed::unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_says_what_its_fields_are() {
        let text = r#"{"type":"struct","fields":[
            {"field":"id","type":"int32"},
            {"field":"price","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2","connect.decimal.precision":"9"}},
            {"field":"day","type":"int32","name":"io.debezium.time.Date"},
            {"field":"at","type":"int64","name":"io.debezium.time.MicroTimestamp","optional":true},
            {"field":"zoned","type":"string","name":"io.debezium.time.ZonedTimestamp"},
            {"field":"tags","type":"array","items":{"type":"string"}},
            {"field":"pairs","type":"map","keys":{"type":"int32"},"values":{"type":"string"}},
            {"field":"limits","type":"map","keys":{"type":"string"},"values":{"type":"int8"}}
        ]}"#;
        let of = type_of(&WrittenSchema::parse(text).unwrap()).shared().unwrap();
        let at = |name: &str| of.at(&[name]).cloned().unwrap();
        assert_eq!(at("id"), SchemaType::Integer(32));
        assert_eq!(at("price"), SchemaType::Decimal { precision: Some(9), scale: 2 });
        assert_eq!((at("day"), at("at")), (SchemaType::Date, SchemaType::Local(1_000_000)));
        assert_eq!(at("zoned"), SchemaType::Instant(1_000_000));
        assert_eq!(at("tags"), SchemaType::List(SchemaType::Text.into()));
        assert_eq!(
            (at("pairs"), at("limits")),
            (SchemaType::Unknown, SchemaType::Map(SchemaType::Integer(8).into()))
        );
    }
}
