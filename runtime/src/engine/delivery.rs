//! One batch on its way into the sink: put, wait, try again, narrow down.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{Failure, FailureKind, PutError, Record, Sink};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::batcher::Item;
use super::counters::Counters;

/// What became of each record of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Stored for good.
    pub stored: Vec<Item>,
    /// At fault, with the reason.
    pub rejected: Vec<(Item, String)>,
    /// Not stored and not at fault, in the order read: for another time.
    pub not_done: Vec<Item>,
    /// Why the connector cannot go on, if so.
    pub stop: Option<String>,
}

/// How a batch is delivered.
#[derive(Clone)]
pub struct Delivery {
    /// Where to.
    pub sink: Arc<dyn Sink>,
    /// The waits between tries.
    pub backoff: Backoff,
    /// How long a batch is tried.
    pub timeout: Duration,
    /// Where retries are counted.
    pub counters: Arc<Counters>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("backoff", &self.backoff)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// Puts a batch until each record has a verdict, the sink says stop, the time is up, or `interrupt` is
    /// cancelled. A put that has begun is never cut short; a wait is (invariant 6).
    pub async fn deliver(&self, batch: Vec<Item>, interrupt: &CancellationToken) -> Outcome {
        let mut outcome = Outcome::default();
        let mut groups = vec![Group::new(batch)];
        while let Some(group) = groups.pop() {
            let tried = self.put(group, &mut outcome).await;
            match tried {
                Tried::Done => {}
                Tried::Halves(first, second) => groups.extend([second, first]),
                Tried::Again(group, failure) => match self.wait(group, &failure, interrupt).await {
                    Ok(group) => groups.push(group),
                    Err((group, stop)) => {
                        groups.push(group);
                        outcome.stop = stop;
                        break;
                    }
                },
                Tried::Stop(group, reason) => {
                    groups.push(group);
                    outcome.stop = Some(reason);
                    break;
                }
            }
        }
        // The last group is the earliest.
        outcome.not_done.extend(groups.into_iter().rev().flat_map(Group::into_items));
        outcome
    }

    async fn put(&self, group: Group, outcome: &mut Outcome) -> Tried {
        match self.sink.put(&group.records).await {
            Ok(()) => {
                outcome.stored.extend(group.into_items());
                Tried::Done
            }
            Err(PutError::Batch(failure)) => group.failed(failure, outcome),
            Err(PutError::Records(failures)) => group.failed_in_part(failures, outcome),
        }
    }

    /// Waits for the next try. Gives the group back with the reason where there is none.
    async fn wait(
        &self,
        mut group: Group,
        failure: &Failure,
        interrupt: &CancellationToken,
    ) -> Result<Group, (Group, Option<String>)> {
        let now = Instant::now();
        let first = *group.first_failure.get_or_insert(now);
        group.failures += 1;
        let wait = self.backoff.wait(group.failures, failure.wait());
        if now + wait > first + self.timeout {
            let tried = group.failures;
            let reason =
                format!("retries used up after {tried} tries in {:?}: {failure}", now.duration_since(first));
            return Err((group, Some(reason)));
        }
        self.counters.retry();
        tracing::warn!(
            records = group.records.len(),
            failures = group.failures,
            ?wait,
            "put failed and is tried again: {failure}"
        );
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(group),
            () = interrupt.cancelled() => Err((group, None)),
        }
    }
}

enum Tried {
    Done,
    Halves(Group, Group),
    Again(Group, Failure),
    Stop(Group, String),
}

/// Records that are put together, beside what the engine knows of them.
struct Group {
    records: Vec<Record>,
    items: Vec<Meta>,
    failures: u32,
    first_failure: Option<Instant>,
}

/// An [`Item`] without its record.
struct Meta {
    ticket: super::tracker::Ticket,
    size: usize,
    order: Option<u64>,
    since: Instant,
}

impl Group {
    fn new(items: Vec<Item>) -> Self {
        let split =
            |Item { ticket, record, size, order, since }| (record, Meta { ticket, size, order, since });
        let (records, items) = items.into_iter().map(split).unzip();
        Self { records, items, failures: 0, first_failure: None }
    }

    fn into_items(self) -> Vec<Item> {
        let join =
            |(record, Meta { ticket, size, order, since })| Item { ticket, record, size, order, since };
        self.records.into_iter().zip(self.items).map(join).collect()
    }

    /// Deals with a failure of the whole group. A rejected group is narrowed until the record at fault stands
    /// alone (invariant 9).
    fn failed(mut self, failure: Failure, outcome: &mut Outcome) -> Tried {
        match failure.kind() {
            FailureKind::Retriable => Tried::Again(self, failure),
            FailureKind::Fatal => Tried::Stop(self, failure.to_string()),
            FailureKind::Rejected if self.records.len() > 1 => {
                let half = self.records.len() / 2;
                let second: Vec<_> = self.records.drain(half..).zip(self.items.drain(half..)).collect();
                let (records, items) = second.into_iter().unzip();
                Tried::Halves(self, Self { records, items, failures: 0, first_failure: None })
            }
            FailureKind::Rejected => {
                outcome
                    .rejected
                    .extend(self.into_items().into_iter().map(|item| (item, failure.to_string())));
                Tried::Done
            }
        }
    }

    /// Deals with failures of some records; the others are stored. Of those, the later ones that share an
    /// ordering key with a record that is tried again are put again behind it, or they would be overwritten by
    /// what is older.
    fn failed_in_part(self, failures: Vec<(usize, Failure)>, outcome: &mut Outcome) -> Tried {
        let (tries, first_failure) = (self.failures, self.first_failure);
        let mut by_index: Vec<Option<Failure>> = self.records.iter().map(|_| None).collect();
        for (index, failure) in failures {
            match by_index.get_mut(index) {
                Some(place) => *place = Some(failure),
                None => {
                    return Tried::Stop(
                        self,
                        format!("the sink named record {index}, which was not in the batch: {failure}"),
                    );
                }
            }
        }
        let mut again = Vec::new();
        let mut overtaken: HashSet<u64> = HashSet::new();
        let mut worst: Option<Failure> = None;
        for (item, failure) in self.into_items().into_iter().zip(by_index) {
            match failure {
                Some(failure) if failure.kind() == FailureKind::Rejected => {
                    outcome.rejected.push((item, failure.to_string()))
                }
                Some(failure) => {
                    overtaken.extend(item.order);
                    again.push(item);
                    worst = Some(worse(worst, failure));
                }
                None if item.order.is_some_and(|order| overtaken.contains(&order)) => again.push(item),
                None => outcome.stored.push(item),
            }
        }
        let group = Self { failures: tries, first_failure, ..Self::new(again) };
        match worst {
            None => Tried::Done,
            Some(failure) if failure.kind() == FailureKind::Fatal => Tried::Stop(group, failure.to_string()),
            Some(failure) => Tried::Again(group, failure),
        }
    }
}

/// Fatal beats retriable, and a longer wait a shorter one.
fn worse(one: Option<Failure>, other: Failure) -> Failure {
    match one {
        Some(one) if one.kind() == FailureKind::Fatal => one,
        Some(one) if other.kind() != FailureKind::Fatal && one.wait() >= other.wait() => one,
        _ => other,
    }
}
