//! What keeps a source from reading, for as long as it does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sluice_connector_api::TopicPartition;
use tokio::time::Instant;

/// One thing that keeps a source from reading: all of it, a topic, or a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// What it is, and the way out.
    pub reason: String,
    /// The topic that cannot be read; none where it is all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The partition that cannot be read; none where it is the whole topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// The offset at which reading stands, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
}

impl Obstacle {
    /// Returns what it is with the partition and the offset where it is, if it is about one: of a topic the reason names it.
    pub fn with_place(&self) -> String {
        let reason = &self.reason;
        match (&self.topic, self.partition, self.offset) {
            (Some(topic), Some(partition), Some(offset)) => {
                format!("{topic}-{partition} at offset {offset}: {reason}")
            }
            (Some(topic), Some(partition), None) => format!("{topic}-{partition}: {reason}"),
            _ => reason.clone(),
        }
    }
}

/// The topic and the partition that an obstacle is about, as far as it is about one.
type Place = (Option<String>, Option<i32>);

#[derive(Debug)]
struct Standing {
    obstacle: Obstacle,
    since: Instant,
    /// When it was last noted.
    seen: Instant,
}

/// Whether a source reads, and what keeps it from that. One obstacle for each topic and partition, the newest, and one for
/// the whole source.
#[derive(Debug, Default)]
pub struct Reading {
    obstacles: Mutex<BTreeMap<Place, Standing>>,
    /// There are obstacles: looked at for every chunk of records.
    hindered: AtomicBool,
}

impl Reading {
    /// Takes note of an obstacle. One that stands already keeps its age.
    pub fn note(&self, obstacle: Obstacle) {
        let now = Instant::now();
        let mut obstacles = self.lock();
        let since = obstacles.get(&place(&obstacle)).map_or(now, |standing| standing.since);
        obstacles.insert(place(&obstacle), Standing { obstacle, since, seen: now });
        self.hindered.store(true, Ordering::Relaxed);
    }

    /// Takes note of an obstacle for the whole source, unless a more exact one stands already.
    pub fn note_in_general(&self, reason: String) {
        if !self.lock().contains_key(&(None, None)) {
            self.note(Obstacle { reason, ..Obstacle::default() });
        }
    }

    /// Takes note of an obstacle of which nobody says what it is, unless something that is known stands in the way of the same.
    /// Says whether it was noted.
    pub fn note_unexplained(&self, obstacle: Obstacle) -> bool {
        let (topic, partition) = place(&obstacle);
        let places = [(None, None), (topic.clone(), None), (topic, partition)];
        let is_known = {
            let obstacles = self.lock();
            places.iter().any(|place| obstacles.contains_key(place))
        };
        if !is_known {
            self.note(obstacle);
        }
        !is_known
    }

    /// Takes note of an obstacle for the whole source that is known for certain: it need not stand for a while first.
    pub fn note_for_certain(&self, obstacle: Obstacle, age: Duration) {
        self.note(obstacle);
        let now = Instant::now();
        if let Some(standing) = self.lock().get_mut(&(None, None)) {
            standing.since = standing.since.min(now.checked_sub(age).unwrap_or(now));
        }
    }

    /// Takes note that what stands in the way of a partition still does.
    pub fn seen_again(&self, TopicPartition { topic, partition }: &TopicPartition) {
        if let Some(standing) = self.lock().get_mut(&(Some(topic.to_string()), Some(*partition))) {
            standing.seen = Instant::now();
        }
    }

    /// Says whether nothing is in the way.
    pub fn is_clear(&self) -> bool {
        !self.hindered.load(Ordering::Relaxed)
    }

    /// Takes note that what stood in the way of the whole source does so no more.
    pub fn clear_source(&self) {
        self.retain(|(topic, _), _| topic.is_some());
    }

    /// Takes note that a topic is there.
    pub fn clear_topic(&self, name: &str) {
        self.retain(|(topic, partition), _| partition.is_some() || topic.as_deref() != Some(name));
    }

    /// Takes note that a partition is read, or somebody else's.
    pub fn clear_partition(&self, TopicPartition { topic, partition }: &TopicPartition) {
        self.retain(|place, _| *place != (Some(topic.to_string()), Some(*partition)));
    }

    /// Takes what was not noted again for so long as gone.
    pub fn clear_older(&self, age: Duration) {
        self.retain(|_, standing| standing.seen.elapsed() < age);
    }

    /// Takes what stood in the way of partitions and was not noted again for so long as gone.
    pub fn clear_partitions_older(&self, age: Duration) {
        self.retain(|(_, partition), standing| partition.is_none() || standing.seen.elapsed() < age);
    }

    /// Forgets everything: reading begins anew.
    pub fn clear(&self) {
        self.retain(|_, _| false);
    }

    /// Returns what has stood in the way for so long and longer.
    pub fn obstacles(&self, age: Duration) -> Vec<Obstacle> {
        let obstacles = self.lock();
        let standing = obstacles.values().filter(|standing| standing.since.elapsed() >= age);
        standing.map(|standing| standing.obstacle.clone()).collect()
    }

    fn retain(&self, keep: impl Fn(&Place, &Standing) -> bool) {
        if self.is_clear() {
            return;
        }
        let mut obstacles = self.lock();
        obstacles.retain(|place, standing| keep(place, standing));
        self.hindered.store(!obstacles.is_empty(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Standing>> {
        self.obstacles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(obstacle: &Obstacle) -> Place {
    (obstacle.topic.clone(), obstacle.partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(topic: &str, partition: Option<i32>) -> Obstacle {
        Obstacle {
            reason: format!("{topic} is away"),
            topic: Some(topic.to_owned()),
            partition,
            offset: partition.map(|_| 7),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_obstacle_keeps_its_age_until_it_is_cleared() {
        let reading = Reading::default();
        assert!(reading.is_clear());
        for second in 0..40 {
            reading.note(Obstacle { reason: format!("try {second}"), ..Obstacle::default() });
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let standing = reading.obstacles(Duration::from_secs(30));
        assert_eq!(standing.iter().map(|obstacle| &*obstacle.reason).collect::<Vec<_>>(), ["try 39"]);
        assert!(reading.obstacles(Duration::from_mins(1)).is_empty());
        reading.clear_source();
        reading.note(Obstacle::default());
        assert!(reading.obstacles(Duration::from_secs(30)).is_empty(), "it begins anew");
    }

    #[test]
    fn each_topic_and_partition_is_cleared_for_itself() {
        let reading = Reading::default();
        reading.note_in_general("all brokers are down".to_owned());
        reading.note_in_general("a summary never replaces a reason".to_owned());
        for obstacle in [at("a", None), at("a", Some(0)), at("b", None), at("b", Some(1))] {
            reading.note(obstacle);
        }
        reading.clear_topic("a");
        reading.clear_partition(&TopicPartition::new("b", 1));
        let left = reading.obstacles(Duration::ZERO);
        assert_eq!(left.len(), 3);
        assert_eq!(left[0].reason, "all brokers are down");
        assert_eq!(left[1..], [at("a", Some(0)), at("b", None)]);
        reading.clear();
        assert!(reading.is_clear());
    }

    #[test]
    fn what_nobody_explains_is_noted_only_where_nothing_is_known() {
        let reading = Reading::default();
        assert!(reading.note_unexplained(at("a", Some(0))));
        assert!(!reading.note_unexplained(at("a", Some(0))), "it stands already");
        reading.note(at("b", None));
        assert!(!reading.note_unexplained(at("b", Some(1))), "the whole topic is missing");
        reading.note_in_general("no broker answers".to_owned());
        assert!(!reading.note_unexplained(at("c", Some(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_noted_again_is_gone_in_the_end() {
        let reading = Reading::default();
        reading.note(at("a", None));
        tokio::time::advance(Duration::from_secs(50)).await;
        reading.note(at("b", None));
        tokio::time::advance(Duration::from_secs(50)).await;
        reading.clear_older(Duration::from_secs(90));
        assert_eq!(reading.obstacles(Duration::ZERO), [at("b", None)]);
    }
}
