//! A topic of a real Kafka, on the brokers that the records come from.

use std::collections::BTreeMap;
use std::iter::repeat_with;

use serde_json::Value;

use super::target::{Luck, Target};
use crate::kafka::{Broker, NewRecord};
use crate::matrix::judge::Sent;
use crate::matrix::keys::key_of;
use crate::proxy::{FaultyProxy, ProxyRules};
use crate::target::Arrival;

/// Bytes of a record that the topic takes, and of one that it does not.
const TAKEN: &str = "4000";
const TOO_LARGE: usize = 8000;

/// A topic, and the way to its broker.
pub(super) struct KafkaTarget<'a> {
    broker: &'a Broker,
    proxy: FaultyProxy,
    topic: String,
    has_transactions: bool,
    luck: Luck,
}

/// A record is stored by its request, and a transaction by its end. Whoever reads is let through while the writers are not.
const WRITES: ProxyRules = ProxyRules {
    stores: |piece| matches!(request(piece), Some(PRODUCE | END_TRANSACTION)),
    is_refused: |piece| matches!(request(piece), Some(PRODUCE | 22 | 24 | 25 | END_TRANSACTION | 28)),
};
/// `Produce` and `EndTxn` by their numbers (Kafka protocol guide, "Api Keys"); the others above are `InitProducerId`,
/// `AddPartitionsToTxn`, `AddOffsetsToTxn` and `TxnOffsetCommit`.
const PRODUCE: i16 = 0;
const END_TRANSACTION: i16 = 26;

impl<'a> KafkaTarget<'a> {
    /// Makes a topic that does not take large records. `ports` are those of a listener and of where that says that it is.
    pub(super) fn start(
        (broker, ports): (&'a Broker, (u16, u16)),
        name: &str,
        has_transactions: bool,
        luck: Luck,
    ) -> Self {
        let topic = format!("{name}-copy");
        broker.create_topic_with(&topic, 3, &[("max.message.bytes", TAKEN)]);
        let (listener, advertised) = ports;
        // A put of a transaction is several requests that store.
        let silent = if has_transactions { luck.silent / 2 } else { luck.silent };
        let proxy = FaultyProxy::start_at(advertised, listener, WRITES, silent, luck.seed);
        Self { broker, proxy, topic, has_transactions, luck }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.proxy.port())
    }
}

impl Target for KafkaTarget<'_> {
    fn sink(&self) -> String {
        let how = if self.has_transactions {
            format!("    transactional_id: {}-${{env:INSTANCE}}\n", self.topic)
        } else {
            String::new()
        };
        format!(
            "  kafka:\n    bootstrap_servers: {}\n    topic: {}\n{how}    properties:\n      socket.timeout.ms: 3000\n      \
             message.timeout.ms: 5000\n      transaction.timeout.ms: 6000\n      compression.type: none\n",
            self.address(),
            self.topic
        )
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("KAFKA_BOOTSTRAP_SERVERS", self.address())]
    }

    fn is_exactly_once(&self) -> bool {
        self.has_transactions
    }

    fn keeps_positions(&self) -> bool {
        self.has_transactions
    }

    fn poison(&self, number: usize) -> NewRecord {
        let key = format!("\"{}\"", key_of(number));
        let mut random = fastrand::Rng::with_seed(self.luck.seed);
        let much: String = repeat_with(|| random.alphanumeric()).take(TOO_LARGE).collect();
        NewRecord::new(&key, format!("{{\"k\":{key},\"n\":{number},\"t\":{number},\"much\":\"{much}\"}}"))
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.proxy)
    }

    fn arrivals(&self, _: &[Sent]) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for record in self.broker.read(&self.topic) {
            let value: Value = serde_json::from_str(&record.value_text()).expect("JSON");
            let number = value["n"].as_u64().and_then(|number| usize::try_from(number).ok());
            let key = record.key_text().trim_matches('"').to_owned();
            arrivals.push(Arrival { key, number: number.expect("a number"), early: false });
        }
        arrivals
    }

    /// A producer tries again by itself and writes nothing twice by that; where it gives up, the put is made again.
    fn excuses(&self, sent: &[Sent]) -> BTreeMap<usize, usize> {
        let times = if self.has_transactions { 0 } else { self.proxy.swallowed() };
        sent.iter().map(|sent| (sent.number, times)).collect()
    }
}

/// Reads the number of the request that begins with a piece.
fn request(piece: &[u8]) -> Option<i16> {
    let head: [u8; 8] = piece.get(..8)?.try_into().ok()?;
    let [a, b, c, d, key @ ..] = head;
    let length = u32::from_be_bytes([a, b, c, d]);
    let [high, low, _, version] = key;
    // What is in the middle of a request hardly begins like one.
    let is_one = (8..1 << 24).contains(&length) && version < 30;
    is_one.then_some(i16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_by_its_number() {
        // Length 12, `EndTxn`, version 3.
        assert_eq!(request(&[0, 0, 0, 12, 0, 26, 0, 3, 0, 0]), Some(END_TRANSACTION));
        assert_eq!(request(b"in the middle"), None);
        assert!((WRITES.stores)(&[0, 0, 1, 12, 0, 0, 0, 9]) && !(WRITES.stores)(&[0, 0, 1, 12, 0, 1, 0, 9]));
    }
}
