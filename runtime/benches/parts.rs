//! What each part of a record's way costs, beside the plainest thing that does the same: `cargo bench --bench parts`.
//!
//! Both are measured in turn, so that whatever else the machine does falls on both; of the rounds the median counts.
//! `cargo run --release -p sluice-tests --bin benchmark` measures the whole.
#![allow(
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and shows what it found"
)]

#[path = "parts/avro.rs"]
mod avro;
#[path = "parts/beyond.rs"]
mod beyond;
#[path = "parts/formats.rs"]
mod formats;
#[path = "../tests/support/prices.rs"]
mod prices;

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use handlebars::Handlebars;
use jiff::fmt::strtime;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_connector_api::{
    ConverterContext, Json, Origin, Payload, Record, Registry, RepeatKey, Side, TimestampType, Transform,
    Transformed,
};
use sluice_runtime::engine::batch::batcher::{BatchLimits, Batcher};
use sluice_runtime::engine::batch::item::{Item, Meta};
use sluice_runtime::engine::ledger::counters::Verdict;
use sluice_runtime::engine::ledger::tracker::Tracker;
use sluice_runtime::transform::chain::Chain;
use tokio::time::Instant;

use crate::prices::{PATTERN, converter, prices, steps};

/// That of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 15;
const RECORDS: u32 = 20_000;

/// A part, and what it is compared with.
struct Part {
    name: &'static str,
    does: Box<dyn FnMut(Vec<Record>)>,
    plain_name: &'static str,
    plain: Box<dyn FnMut(Vec<Record>)>,
    /// What it is given.
    records: Vec<Record>,
    /// What the plain thing is given: the same, with JSON as a value.
    plain_records: Vec<Record>,
}

fn main() {
    println!("| Part | ns per record | Beside | ns per record | Ratio |\n|---|--:|---|--:|--:|");
    let parts = [value(), avro::flat(), avro::nested(), timestamp(), template(), chain(), order()];
    for part in parts.into_iter().chain(formats::formats()).chain(changes()).chain(beyond::beyond()) {
        println!("{}", part.measure());
    }
}

impl Part {
    fn measure(mut self) -> String {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let does = nanos(&mut self.does, self.records.clone());
            let plain = nanos(&mut self.plain, self.plain_records.clone());
            rounds.push((does / plain, does, plain));
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (ratio, does, plain) = *rounds.get(ROUNDS / 2).unwrap();
        format!("| {} | {does:.0} | {} | {plain:.0} | {ratio:.2} |", self.name, self.plain_name)
    }
}

/// Returns what a record takes. What is made before and dropped after does not count.
fn nanos(run: &mut dyn FnMut(Vec<Record>), records: Vec<Record>) -> f64 {
    let begun = std::time::Instant::now();
    run(records);
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(RECORDS)
}

fn as_read() -> Vec<Record> {
    prices(RECORDS)
}

/// The same as the converter reads them, and with what the first transform adds.
fn decoded(with_time: bool) -> Vec<Record> {
    let decode = |mut record: Record| {
        let mut json = Json::parse(record.value.as_ref().unwrap().to_bytes()).unwrap();
        if with_time {
            json.set("ts", json!("2025-02-16 13:25:45"));
        }
        record.value = Some(Payload::Json(json));
        record
    };
    as_read().into_iter().map(decode).collect()
}

/// The same as values.
fn values(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        record.value = Some(json_of(record).clone().into());
    }
    records
}

fn json_of(record: &Record) -> &Value {
    record.value.as_ref().and_then(Payload::as_json).unwrap()
}

fn apply_all(transform: &dyn Transform, records: Vec<Record>) {
    for record in records {
        black_box(transform.apply(record).unwrap());
    }
}

fn handlebars() -> Handlebars<'static> {
    let mut handlebars = Handlebars::new();
    handlebars.register_escape_fn(handlebars::no_escape);
    handlebars.register_template_string("t", "At {{ts}} the price of {{ticker}} is {{price}}.").unwrap();
    handlebars
}

fn print_time(value: &Value) -> String {
    let seconds: f64 = value.get("timestamp").unwrap().as_f64().unwrap();
    let time = Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(seconds);
    strtime::format(PATTERN, &time.to_zoned_datetime(jiff::tz::TimeZone::UTC)).unwrap()
}

fn value() -> Part {
    Part {
        name: "`value: json`",
        does: Box::new(|records| {
            let converter = converter("json");
            for record in records {
                let bytes = record.value.as_ref().unwrap().to_bytes();
                let context = ConverterContext::new(Side::Value, record.origin().topic(), &record.headers);
                black_box(converter.convert(bytes, &context).unwrap());
            }
        }),
        plain_name: "`serde_json::from_slice`",
        plain: Box::new(|records| {
            for record in records {
                let bytes = record.value.as_ref().unwrap().to_bytes();
                black_box(serde_json::from_slice::<Value>(&bytes).unwrap());
            }
        }),
        records: as_read(),
        plain_records: as_read(),
    }
}

fn timestamp() -> Part {
    let transform = prices::timestamp();
    Part {
        name: "`timestamp`",
        does: Box::new(move |records| apply_all(&*transform, records)),
        plain_name: "jiff's `strtime`, by a float",
        plain: Box::new(|records| {
            for mut record in records {
                let time = print_time(json_of(&record));
                if let Some(Payload::Json(json)) = &mut record.value {
                    json.value_mut().as_object_mut().unwrap().insert("ts".to_owned(), Value::String(time));
                }
                black_box(record);
            }
        }),
        records: decoded(false),
        plain_records: values(decoded(false)),
    }
}

fn template() -> Part {
    let (transform, handlebars) = (prices::template(), handlebars());
    Part {
        name: "`template`",
        does: Box::new(move |records| apply_all(&*transform, records)),
        plain_name: "Handlebars",
        plain: Box::new(move |records| {
            for record in records {
                black_box(handlebars.render("t", json_of(&record)).unwrap());
            }
        }),
        records: decoded(true),
        plain_records: values(decoded(true)),
    }
}

fn chain() -> Part {
    let chain = Chain::new(Some(converter("bytes")), Some(converter("json")), steps());
    let handlebars = handlebars();
    Part {
        name: "the whole chain",
        does: Box::new(move |records| {
            for record in records {
                let origin = record.origin().clone();
                assert!(matches!(black_box(chain.apply(&origin, record)), Ok(Transformed::One(_))));
            }
        }),
        plain_name: "`serde_json`, `strtime` and Handlebars",
        plain: Box::new(move |records| {
            for record in records {
                let mut value: Value =
                    serde_json::from_slice(&record.value.as_ref().unwrap().to_bytes()).unwrap();
                let time = print_time(&value);
                value.as_object_mut().unwrap().insert("ts".to_owned(), Value::String(time));
                black_box(handlebars.render("t", &value).unwrap());
            }
        }),
        records: as_read(),
        plain_records: as_read(),
    }
}

/// Transforms that change fields, each beside a line of code that does the same to a value.
fn changes() -> Vec<Part> {
    type Plain = fn(&mut Record);
    let changes: Vec<(&'static str, Value, Plain)> = vec![
        ("cast", json!({"spec": {"timestamp": "string"}}), |record| {
            change(record, |fields| {
                let text = fields.get("timestamp").unwrap().to_string();
                fields.insert("timestamp".to_owned(), text.into());
            });
        }),
        ("extract_field", json!({"field": "ticker"}), |record| {
            let text = json_of(record).get("ticker").and_then(Value::as_str).unwrap().to_owned();
            record.value = Some(Payload::Text(text));
        }),
        ("dedupe", json!({"fields": ["ticker"]}), |record| {
            let ticker = json_of(record).get("ticker").and_then(Value::as_str).unwrap().to_owned();
            *record = record.clone().with_repeat_key(RepeatKey {
                digest: Sha256::digest(ticker).into(),
                window: Duration::from_mins(10),
                max_records: 10_000,
            });
        }),
        ("flatten", json!({}), |record| {
            change(record, |fields| {
                let flat =
                    std::mem::take(fields).into_iter().filter(|(_, value)| !value.is_object()).collect();
                *fields = flat;
            });
        }),
        (
            "header_from",
            json!({"fields": ["ticker"], "headers": ["ticker"], "operation": "copy"}),
            |record| {
                let text = json_of(record).get("ticker").and_then(Value::as_str).unwrap().to_owned();
                record.headers.push("ticker", Some(text.into()));
            },
        ),
        ("insert_field", json!({"offset_field": "offset"}), |record| {
            let offset = record.origin().offset();
            if let Some(Payload::Json(json)) = &mut record.value {
                json.value_mut().as_object_mut().unwrap().insert("offset".to_owned(), offset.into());
            }
        }),
        ("mask_field", json!({"fields": ["price"]}), |record| {
            change(record, |fields| {
                fields.insert("price".to_owned(), "".into());
            });
        }),
        ("regex_router", json!({"regex": "(.*)", "replacement": "$1-x"}), |record| {
            record.target_topic = Some(format!("{}-x", record.topic()));
        }),
        ("replace_field", json!({"exclude": ["price"]}), |record| {
            change(record, |fields| {
                fields.shift_remove("price");
            });
        }),
        ("timestamp_router", json!({"timestamp_format": "%Y%m%d"}), |record| {
            let millis = record.timestamp.unwrap().millis;
            let time =
                Timestamp::from_millisecond(millis).unwrap().to_zoned_datetime(jiff::tz::TimeZone::UTC);
            record.target_topic = Some(format!("{}-{}", record.topic(), time.strftime("%Y%m%d")));
        }),
        ("value_to_key", json!({"fields": ["ticker"]}), |record| {
            let ticker = json_of(record).get("ticker").cloned();
            record.key = Some(json!({ "ticker": ticker }).into());
        }),
        ("set", json!({"fields": {"line": "{{ticker}} {{price}}"}}), |record| {
            change(record, |fields| {
                let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap();
                let line = format!("{} {}", text("ticker"), text("price"));
                fields.insert("line".to_owned(), line.into());
            });
        }),
        ("drop_headers", json!({"headers": ["trace"]}), |record| record.headers.remove("trace")),
        ("filter", json!({}), |record| record.value = None),
        ("hoist_field", json!({"field": "line"}), |record| {
            let value = json_of(record).clone();
            record.value = Some(json!({ "line": value }).into());
        }),
        ("insert_header", json!({"header": "from", "value_literal": "us"}), |record| {
            record.headers.push("from", Some("us".into()));
        }),
        ("redact", json!({"patterns": ["email"], "fields": ["price"]}), |record| {
            change(record, |fields| {
                for value in fields.values_mut() {
                    if value.as_str().is_some_and(|text| text.contains('@')) {
                        *value = "".into();
                    }
                }
                fields.insert("price".to_owned(), "".into());
            });
        }),
        ("jq", json!({"program": "{ticker, price}"}), |record| {
            let value = json_of(record);
            record.value = Some(json!({ "ticker": value.get("ticker"), "price": value.get("price") }).into());
        }),
    ];
    changes.into_iter().map(|(name, settings, plain)| change_part(name, settings, plain)).collect()
}

fn change(record: &mut Record, change: fn(&mut serde_json::Map<String, Value>)) {
    if let Some(Payload::Json(json)) = &mut record.value {
        change(json.value_mut().as_object_mut().unwrap());
    }
}

fn change_part(name: &'static str, settings: Value, plain: fn(&mut Record)) -> Part {
    let registry = sluice_transforms::register(Registry::new());
    let transform = registry.transform(name).unwrap().build(settings).unwrap();
    let timed = |mut records: Vec<Record>| {
        for record in &mut records {
            record.timestamp = Some(sluice_connector_api::Timestamp {
                millis: 1_739_712_345_678,
                kind: TimestampType::CreateTime,
            });
        }
        records
    };
    Part {
        name,
        does: Box::new(move |records| apply_all(&*transform, records)),
        plain_name: "a line of code, on a value",
        plain: Box::new(move |records| {
            for mut record in records {
                plain(&mut record);
                black_box(record);
            }
        }),
        records: timed(decoded(false)),
        plain_records: timed(values(decoded(false))),
    }
}

/// From the tracker through the batcher and back, in batches of 500, all of one ordering key.
fn order() -> Part {
    let limits = BatchLimits { max_records: 500, max_bytes: usize::MAX, linger: Duration::from_millis(1) };
    let (mut tracker, mut batcher) = (Tracker::new(), Batcher::new(limits));
    let mut run = move |records: Vec<Record>, now: Instant| {
        tracker.assign(Origin::new("t", 0, 0).topic_partition());
        let mut offset = 0;
        for record in records {
            offset = record.origin().offset();
            let size = record.size();
            let ticket = tracker.read(record.origin(), size).unwrap();
            batcher.push(Item { record, meta: Meta::new(ticket, size, now).with_order(Some(7)) });
            while let Some(batch) = batcher.take(now, |_| false) {
                batcher.release(&batch);
                for item in batch {
                    black_box(tracker.done(item.meta.ticket, Verdict::Delivered));
                }
            }
        }
        assert_eq!(tracker.commits().first().map(|(_, committed)| *committed), Some(offset + 1));
        tracker.revoke(&[Origin::new("t", 0, 0).topic_partition().clone()]);
    };
    Part {
        name: "tracker and batcher",
        does: Box::new(move |records| run(records, Instant::now())),
        plain_name: "a queue",
        plain: Box::new(|records| {
            let mut queue = VecDeque::new();
            for record in records {
                queue.push_back(record);
                if queue.len() == 500 {
                    black_box(queue.drain(..).collect::<Vec<_>>());
                }
            }
        }),
        records: as_read(),
        plain_records: as_read(),
    }
}
