//! What a case asks of the target that its records end in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::kafka::NewRecord;
use crate::matrix::judge::Sent;
use crate::matrix::keys::key_of;
use crate::proxy::FaultyProxy;
use crate::target::Arrival;

/// What fate has in store for the target of a case.
#[derive(Clone, Copy, Debug)]
pub(in crate::matrix) struct Luck {
    /// Of so many of a hundred requests that store, the answer is swallowed.
    pub(in crate::matrix) silent: u8,
    /// What all that is random follows from.
    pub(in crate::matrix) seed: u64,
    /// It is the long form of the case.
    pub(in crate::matrix) long: bool,
}

/// Where the records of a case end.
pub(in crate::matrix) trait Target: Send {
    /// Returns the sink's lines in a connector file, indented by two.
    fn sink(&self) -> String;

    /// Returns the transforms' lines in a connector file, indented by two.
    fn transforms(&self) -> &'static str {
        "  - timestamp: { field: t, from: unix_seconds, to: rfc3339 }\n"
    }

    /// Returns what an instance has in its environment beside what all have.
    fn environment(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Says whether each record is to be there once, whatever happens.
    fn is_exactly_once(&self) -> bool {
        false
    }

    /// Says whether of the records of a key in a batch the newest alone is put.
    fn newest_wins(&self) -> bool {
        false
    }

    /// Returns how many records make a whole object, where the target has no others.
    fn object_size(&self) -> Option<usize> {
        None
    }

    /// Makes the record that the target does not take.
    fn poison(&self, number: usize) -> NewRecord {
        let key = format!("\"{}\"", key_of(number));
        let value = format!("{{\"k\":{key},\"n\":{number},\"t\":{number},\"poison\":true}}");
        NewRecord::new(key, value)
    }

    /// Says whether the source asks it where to begin.
    fn keeps_positions(&self) -> bool {
        false
    }

    /// Returns what is in front of a real server.
    fn proxy(&self) -> Option<&FaultyProxy> {
        None
    }

    /// Has all writes fail until it is called again.
    fn set_down(&self, down: bool) {
        self.proxy().into_iter().for_each(|proxy| proxy.set_down(down));
    }

    /// Returns what is stored of the records that were sent, by key in the order stored, each record as often as it is. Where the
    /// target keeps the newest record of a key, what that one is newer than counts as stored before it.
    fn arrivals(&self, sent: &[Sent]) -> Vec<Arrival>;

    /// Returns how often each record may come again because of how it was answered.
    fn excuses(&self, _: &[Sent]) -> BTreeMap<usize, usize> {
        BTreeMap::new()
    }

    /// Returns how long a look is good for.
    fn look(&self) -> Duration {
        Duration::from_millis(200)
    }
}
