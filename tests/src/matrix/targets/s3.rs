//! Objects of a real store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::target::{Luck, Target};
use crate::kafka::NewRecord;
use crate::matrix::judge::Sent;
use crate::matrix::keys::key_of;
use crate::object_store::{CREDENTIALS, ObjectStore};
use crate::proxy::{FaultyProxy, ProxyRules};
use crate::target::Arrival;

/// A folder of the bucket, and the way to it.
pub(super) struct S3Target<'a> {
    store: &'a ObjectStore,
    proxy: FaultyProxy,
    prefix: String,
    /// Records of an object.
    size: usize,
    /// What was read of objects, which nobody writes over, by where they are of.
    read: Mutex<BTreeMap<(i32, i64), Vec<Arrival>>>,
}

const OBJECTS: ProxyRules = ProxyRules { stores: |piece| piece.starts_with(b"PUT /"), is_refused: |_| true };

impl<'a> S3Target<'a> {
    pub(super) fn start(store: &'a ObjectStore, name: &str, luck: Luck) -> Self {
        let proxy = FaultyProxy::start(store.port(), OBJECTS, luck.silent, luck.seed);
        let size = if luck.long { 25 } else { 5 };
        Self { store, proxy, prefix: format!("{name}/"), size, read: Mutex::default() }
    }
}

impl Target for S3Target<'_> {
    fn sink(&self) -> String {
        format!(
            "  s3:\n    bucket: archive\n    region: eu-west-3\n    endpoint_url: http://127.0.0.1:{}\n    prefix: {}\n    \
             format: raw\n    request_timeout: 3s\n    objects: {{ max_records: {} }}\n",
            self.proxy.port(),
            self.prefix,
            self.size
        )
    }

    fn transforms(&self) -> &'static str {
        // One that a record without a value passes.
        "  - drop_headers: { headers: [none] }\n"
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        CREDENTIALS.map(|(name, value)| (name, value.to_owned())).to_vec()
    }

    fn is_exactly_once(&self) -> bool {
        true
    }

    fn object_size(&self) -> Option<usize> {
        Some(self.size)
    }

    /// A store takes anything; what has no value makes no line.
    fn poison(&self, number: usize) -> NewRecord {
        NewRecord::tombstone(format!("\"{}\"", key_of(number)))
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.proxy)
    }

    fn arrivals(&self, _: &[Sent]) -> Vec<Arrival> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        for key in self.store.keys_below(&self.prefix) {
            let place = place(&key);
            read.entry(place).or_insert_with(|| self.store.object(&key).lines().map(arrival).collect());
        }
        read.values().flatten().cloned().collect()
    }
}

/// Reads partition and first offset off a name such as `prefix/topic/2-00000000000000000040.txt`.
fn place(key: &str) -> (i32, i64) {
    let name = key.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let (partition, offset) = stem.split_once('-').expect("a partition and an offset");
    (partition.parse().expect("a partition"), offset.parse().expect("an offset"))
}

fn arrival(line: &str) -> Arrival {
    let value: Value = serde_json::from_str(line).expect("JSON");
    let number = value["n"].as_u64().and_then(|number| usize::try_from(number).ok());
    let key = value["k"].as_str().expect("a key").to_owned();
    Arrival { key, number: number.expect("a number"), early: false }
}
