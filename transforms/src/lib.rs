//! Sluice's converters, transforms and predicates, one file (or one directory of the same shape) each.
//!
//! A converter reads the bytes of a key or a value, a transform changes records one at a time, and a predicate says
//! whether it applies. [`register`] is the table of all of them: a new one is a new file, a `mod` line and a line in
//! the table.
//!
//! ```
//! use serde_json::json;
//! use sluice_connector_api::{Origin, Payload, Record, Registry, Transformed};
//!
//! let registry = sluice_transforms::register(Registry::new());
//! let template = registry.transform("template")?.build(json!({ "text": "{{ticker}} is at {{price}}" }))?;
//!
//! let mut record = Record::new(Origin::new("prices", 0, 0));
//! record.value = Some(Payload::from(json!({ "ticker": "OOOO", "price": "$44.50" })));
//! let Transformed::One(record) = template.apply(record)? else { unreachable!() };
//! assert_eq!(record.value_text(), Some("OOOO is at $44.50"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod absence;
mod converters;
mod field_fault;
mod field_path;
mod java_replacement;
mod jq;

mod predicates;
mod subject;
mod time;
mod transforms;
mod whole_regex;

use sluice_connector_api::Registry;

/// Adds every converter, transform and predicate of this crate to a registry.
pub fn register(registry: Registry) -> Registry {
    registry
        .with_converter::<converters::bytes::BytesConverter>()
        .with_converter::<converters::json::JsonConverter>()
        .with_converter::<converters::numbers::DoubleConverter>()
        .with_converter::<converters::numbers::FloatConverter>()
        .with_converter::<converters::numbers::IntegerConverter>()
        .with_converter::<converters::numbers::LongConverter>()
        .with_converter::<converters::numbers::ShortConverter>()
        .with_converter::<converters::string::StringConverter>()
        .with_transform::<transforms::cast::CastSettings>()
        .with_transform::<transforms::chunk::ChunkSettings>()
        .with_transform::<transforms::decompress::DecompressSettings>()
        .with_transform::<transforms::dedupe::DedupeSettings>()
        .with_transform::<transforms::drop_headers::DropHeadersSettings>()
        .with_transform::<transforms::explode::ExplodeSettings>()
        .with_transform::<transforms::extract_field::ExtractFieldSettings>()
        .with_transform::<transforms::filter::FilterSettings>()
        .with_transform::<transforms::flatten::FlattenSettings>()
        .with_transform::<transforms::header_from::HeaderFromSettings>()
        .with_transform::<transforms::hoist_field::HoistFieldSettings>()
        .with_transform::<transforms::insert_field::InsertFieldSettings>()
        .with_transform::<transforms::insert_header::InsertHeaderSettings>()
        .with_transform::<transforms::jq::JqSettings>()
        .with_transform::<transforms::mask_field::MaskFieldSettings>()
        .with_transform::<transforms::parse_json::ParseJsonSettings>()
        .with_transform::<transforms::redact::RedactSettings>()
        .with_transform::<transforms::regex_router::RegexRouterSettings>()
        .with_transform::<transforms::replace_field::ReplaceFieldSettings>()
        .with_transform::<transforms::set::SetSettings>()
        .with_transform::<transforms::template::TemplateSettings>()
        .with_transform::<transforms::timestamp::TimestampSettings>()
        .with_transform::<transforms::timestamp_router::TimestampRouterSettings>()
        .with_transform::<transforms::unwrap_cdc::UnwrapCdcSettings>()
        .with_transform::<transforms::value_to_key::ValueToKeySettings>()
        .with_predicate::<predicates::field_value::FieldValueSettings>()
        .with_predicate::<predicates::has_header_key::HasHeaderKey>()
        .with_predicate::<predicates::jq::JqPredicateSettings>()
        .with_predicate::<predicates::tombstone::RecordIsTombstone>()
        .with_predicate::<predicates::topic_matches::TopicNameMatches>()
}
