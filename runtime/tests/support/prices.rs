//! Stock prices and the transforms of the demo: what the benchmark of the parts measures and the allocations are counted of.

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{Converter, Origin, Payload, Record, Registry, Transform};
use sluice_runtime::transform::chain::Step;

/// How the transform writes times.
pub(crate) const PATTERN: &str = "%Y-%m-%d %H:%M:%S";

/// So many prices of one partition, as the demo has them: 62 bytes each.
pub(crate) fn prices(records: u32) -> Vec<Record> {
    let record = |number: u32| {
        let mut record = Record::new(Origin::new("t", 0, i64::from(number)));
        let (time, millis, price) = (1_739_712_345 + number / 1000, number % 1000, 10 + number % 90);
        let value =
            format!(r#"{{"timestamp":{time}.{millis:03},"ticker":"Z{millis:03}","price":"${price}.50"}}"#);
        record.value = Some(Payload::Bytes(Bytes::from(value)));
        record
    };
    (0..records).map(record).collect()
}

fn transform(name: &str, settings: Value) -> Box<dyn Transform> {
    sluice_transforms::register(Registry::new()).transform(name).unwrap().build(settings).unwrap()
}

/// Makes a converter that has no settings.
pub(crate) fn converter(name: &str) -> Box<dyn Converter> {
    sluice_transforms::register(Registry::new()).converter(name).unwrap().build(json!({})).unwrap()
}

/// Writes the time of a price as people read it.
pub(crate) fn timestamp() -> Box<dyn Transform> {
    transform("timestamp", json!({"field": "timestamp", "from": "unix_seconds", "to": PATTERN, "as": "ts"}))
}

/// Makes a sentence of a price.
pub(crate) fn template() -> Box<dyn Transform> {
    let text = "At <<ts>> the price of <<ticker>> is <<price>>.";
    transform("template", json!({"text": text, "delimiters": ["<<", ">>"]}))
}

/// Both of them.
pub(crate) fn steps() -> Vec<Step> {
    let step = |name, transform| Step { name, transform, condition: None };
    vec![step("timestamp", timestamp()), step("template", template())]
}
