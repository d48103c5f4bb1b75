//! How connectors fared in the last hour, kept in memory: what plots and rates are made of.
//!
//! Every five seconds the counts of all connectors are looked at, and every ten they are kept. A connector takes some tens of
//! kilobytes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::engine::Counters;
use crate::meter::measure::{float, now_millis};
use crate::observe::percentiles::Buckets;
use crate::observe::progress;
use crate::worker::{ConnectorStatus, Control};

/// How often counts are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Every how many looks they are kept.
const KEEP: u64 = 2;
/// How many points are kept: an hour.
const POINTS: usize = 361;
/// How many looks percentiles are of: a minute.
const RECENT: usize = 13;
/// How many looks a rate is of: ten seconds.
const RATE: usize = 2;

/// How connectors fared in the last hour. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<BTreeMap<String, Kept>>>);

#[derive(Debug, Default)]
struct Kept {
    points: VecDeque<Point>,
    recent: VecDeque<Look>,
}

/// A moment of a connector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Records done per second since the point before.
    pub rate: f64,
    /// How far it was behind, in records, where that was known.
    pub lag: Option<u64>,
}

/// What a connector had counted at one look.
#[derive(Clone, Debug, Default)]
struct Look {
    at: u64,
    read: u64,
    done: u64,
    retries: u64,
    latency: Buckets,
    put: Buckets,
    batch: Buckets,
}

/// How a connector fared lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recent {
    /// Records read per second, in the last ten seconds.
    pub read_rate: f64,
    /// Records done per second: stored, or dropped on purpose, or dead-lettered.
    pub done_rate: f64,
    /// From a record's timestamp until it was stored, in seconds, in the last minute.
    pub latency: Option<Percentiles>,
    /// How long puts took, in seconds, in the last minute.
    pub put: Option<Percentiles>,
    /// The mean of records per put in the last minute.
    pub batch: Option<f64>,
    /// Puts that were tried again in the last minute.
    pub retries: u64,
}

/// Percentiles of a time, in seconds; above the largest bucket they are no less than its bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of all took no longer.
    pub p50: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
}

impl History {
    /// Looks at the connectors every few seconds until `stop` is cancelled, and logs how those fare that records flow through.
    pub async fn follow(self, control: Control, stop: CancellationToken) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in 0.. {
            tokio::select! {
                _ = tick.tick() => self.look(&control.seen(), now_millis(), look % KEEP == 0),
                () = stop.cancelled() => return,
            }
            if look % KEEP == 0 && look > 0 {
                progress::log(&self.flowing());
            }
        }
    }

    /// Returns the last hour of a connector, oldest first, in at most so many points.
    pub fn points(&self, name: &str, most: usize) -> Vec<Point> {
        let kept = self.kept();
        let Some(kept) = kept.get(name) else { return Vec::new() };
        let step = kept.points.len().div_ceil(most.max(1)).max(1);
        let skip = kept.points.len().wrapping_sub(1) % step;
        kept.points.iter().skip(skip).step_by(step).cloned().collect()
    }

    /// Returns how a connector fared lately.
    pub fn recent(&self, name: &str) -> Recent {
        self.kept().get(name).map(Kept::lately).unwrap_or_default()
    }

    fn look(&self, seen: &[(ConnectorStatus, Vec<Arc<Counters>>)], at: u64, keep: bool) {
        let mut all = self.kept();
        all.retain(|name, _| seen.iter().any(|(status, _)| status.name == *name));
        for (status, counters) in seen {
            let lag = status.tasks.iter().filter_map(|task| task.lag).reduce(|sum, lag| sum + lag);
            all.entry(status.name.clone()).or_default().take(Look::of(status, counters, at), lag, keep);
        }
    }

    /// Returns the connectors whose counts changed in the last ten seconds: records per second, and lag.
    fn flowing(&self) -> Vec<(String, f64, Option<u64>)> {
        let all = self.kept();
        let flowing = all.iter().filter(|(_, kept)| kept.flows());
        let with_lag = |(name, kept): (&String, &Kept)| {
            (name.clone(), kept.rate(|look| look.done), kept.points.back().and_then(|point| point.lag))
        };
        flowing.map(with_lag).collect()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn take(&mut self, look: Look, lag: Option<u64>, keep: bool) {
        let at = look.at;
        self.recent.push_back(look);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        if keep {
            let rate = self.rate(|look| look.done);
            self.points.push_back(Point { at, rate, lag });
        }
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
    }

    fn lately(&self) -> Recent {
        let (Some(first), Some(last)) = (self.recent.front(), self.recent.back()) else {
            return Recent::default();
        };
        // Of a connector that has just begun, all that it did.
        let none = Look::default();
        let first = if self.recent.len() == 1 { &none } else { first };
        Recent {
            read_rate: self.rate(|look| look.read),
            done_rate: self.rate(|look| look.done),
            latency: percentiles(&last.latency.since(&first.latency)),
            put: percentiles(&last.put.since(&first.put)),
            batch: last.batch.since(&first.batch).mean(),
            retries: last.retries.saturating_sub(first.retries),
        }
    }

    /// Returns the two looks that a rate is between.
    fn ends(&self) -> Option<(&Look, &Look)> {
        let last = self.recent.back()?;
        let before = self.recent.iter().rev().nth(RATE).or_else(|| self.recent.front())?;
        Some((before, last))
    }

    fn rate(&self, count: fn(&Look) -> u64) -> f64 {
        let Some((before, last)) = self.ends() else { return 0.0 };
        let millis = last.at.saturating_sub(before.at);
        if millis == 0 {
            return 0.0;
        }
        float(count(last).saturating_sub(count(before))) * 1000.0 / float(millis)
    }

    fn flows(&self) -> bool {
        self.ends().is_some_and(|(before, last)| last.read > before.read || last.done > before.done)
    }
}

impl Look {
    fn of(status: &ConnectorStatus, counters: &[Arc<Counters>], at: u64) -> Self {
        let records = status.records;
        let mut look = Self {
            at,
            read: records.read,
            done: records.delivered
                + records.superseded
                + records.filtered
                + records.skipped
                + records.dead_lettered,
            retries: records.retries,
            ..Self::default()
        };
        for counters in counters {
            look.latency.add(&Buckets::of(&counters.latency.histogram));
            look.put.add(&Buckets::of(&counters.puts.took.histogram));
            look.batch.add(&Buckets::of(&counters.puts.batch_records));
        }
        look
    }
}

fn percentiles(buckets: &Buckets) -> Option<Percentiles> {
    Some(Percentiles {
        p50: buckets.quantile(0.5)?,
        p95: buckets.quantile(0.95)?,
        p99: buckets.quantile(0.99)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Tally;
    use crate::engine::ledger::counters::Verdict;

    fn status(counters: &Counters) -> ConnectorStatus {
        ConnectorStatus { records: counters.tally(), ..ConnectorStatus::without_version("prices", &[]) }
    }

    /// Looks every five seconds, and has so many records stored before each look.
    fn after(history: &History, counters: &Arc<Counters>, from: u64, stored: &[u64]) {
        for (number, count) in (from..).zip(stored) {
            counters.read(*count);
            counters.done(Verdict::Delivered, *count);
            counters.puts.took.observe(Duration::from_millis(20));
            history.look(
                &[(status(counters), vec![Arc::clone(counters)])],
                number * 5000,
                number % KEEP == 0,
            );
        }
    }

    #[test]
    fn rates_are_of_ten_seconds_and_percentiles_of_a_minute() {
        let (history, counters) = (History::default(), Arc::<Counters>::default());
        after(&history, &counters, 0, &[0, 100, 100, 300]);
        let recent = history.recent("prices");
        assert!((recent.done_rate - 40.0).abs() < 1e-9, "{recent:?}");
        assert!(recent.put.is_some_and(|put| put.p50 > 0.01 && put.p50 <= 0.05));
        assert_eq!(history.recent("other"), Recent::default());
        after(&history, &counters, 4, &[0; 20]);
        assert!(history.recent("prices").done_rate.abs() < 1e-9);
        assert_eq!(history.flowing(), []);
        assert_eq!(status(&counters).records, Tally { read: 500, delivered: 500, ..Tally::default() });
    }

    #[test]
    fn an_hour_is_kept_and_thinned_out_on_request_with_the_newest_in_it() {
        let (history, counters) = (History::default(), Arc::<Counters>::default());
        after(&history, &counters, 0, &[10; 2000]);
        let points = history.points("prices", usize::MAX);
        assert_eq!((points.len(), points.last().unwrap().at), (POINTS, 1998 * 5000));
        let few = history.points("prices", 60);
        assert!(few.len() <= 60 && few.len() > 40, "{}", few.len());
        assert_eq!(few.last(), points.last());
        assert!(few.windows(2).all(|two| two[0].at < two[1].at));
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let (history, counters) = (History::default(), Arc::<Counters>::default());
        after(&history, &counters, 0, &[10, 10]);
        history.look(&[], 10_000, true);
        assert!(history.points("prices", 10).is_empty());
    }
}
