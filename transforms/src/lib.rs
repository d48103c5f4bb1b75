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
mod predicates;
mod transforms;

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
        .with_transform::<transforms::template::TemplateSettings>()
        .with_transform::<transforms::timestamp::TimestampSettings>()
        .with_predicate::<predicates::has_header_key::HasHeaderKey>()
        .with_predicate::<predicates::tombstone::RecordIsTombstone>()
        .with_predicate::<predicates::topic_matches::TopicNameMatches>()
}
