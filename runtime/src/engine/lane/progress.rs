//! Exactly once: how far the sink has stored each partition, and how far a put takes them.

use std::collections::HashMap;
use std::sync::Arc;

use sluice_connector_api::{
    ExactlyOnce, FencingToken, PositionStep, PutError, PutProgress, Record, StoredPosition, TopicPartition,
};

use crate::engine::batch::item::{Item, Meta};
use crate::source::{AskMember, Offsets, Resumed};

/// How far the sink has stored a partition that is ours, and what it is put with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    token: FencingToken,
    position: Option<StoredPosition>,
}

/// How far the sink has stored the partitions that are ours, or those of a batch.
#[derive(Clone)]
pub struct Stands {
    sink: Arc<dyn ExactlyOnce>,
    member: Option<AskMember>,
    of: HashMap<TopicPartition, Stand>,
    /// What a put without records is to store.
    ahead: Vec<PositionStep>,
}

impl Stands {
    /// Begins without partitions.
    pub fn new(sink: Arc<dyn ExactlyOnce>, member: Option<AskMember>) -> Self {
        Self { sink, member, of: HashMap::new(), ahead: Vec::new() }
    }

    /// Takes what the sink said of partitions that are ours now.
    pub fn take_over(&mut self, resumed: Vec<Resumed>) {
        for Resumed { taken, .. } in resumed {
            self.of.insert(taken.partition, Stand { token: taken.token, position: taken.position });
        }
    }

    /// Forgets partitions that go.
    pub fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.of.remove(partition);
        }
    }

    /// Returns those of the partitions of a batch.
    #[must_use]
    pub fn of_batch(&self, batch: &[Item]) -> Self {
        let mut of = HashMap::new();
        for item in batch {
            let partition = item.record.origin().topic_partition();
            if let Some(stand) = self.of.get(partition).filter(|_| !of.contains_key(partition)) {
                of.insert(partition.clone(), stand.clone());
            }
        }
        Self { sink: Arc::clone(&self.sink), member: self.member.clone(), of, ahead: Vec::new() }
    }

    /// Returns what takes partitions on to offsets before which nothing is left to be stored, where the sink is behind that.
    pub fn up_to<'a>(
        &self,
        watermarks: impl Iterator<Item = (&'a TopicPartition, i64, Arc<str>)>,
    ) -> Option<Self> {
        let mut ahead = Vec::new();
        for (partition, watermark, mark) in watermarks {
            let Some(Stand { token, position: from }) = self.of.get(partition).cloned() else { continue };
            if from.as_ref().is_none_or(|from| from.offset < watermark) {
                let to = StoredPosition::new(watermark, 0, mark);
                ahead.push(PositionStep { partition: partition.clone(), from, to, token });
            }
        }
        let (sink, member, of) = (Arc::clone(&self.sink), self.member.clone(), HashMap::new());
        (!ahead.is_empty()).then_some(Self { sink, member, of, ahead })
    }

    /// Returns how far a put of these records takes their partitions. The error names a partition that nobody took over.
    fn steps(&self, records: &[Record], metas: &[Meta]) -> Result<Vec<PositionStep>, String> {
        let mut steps: Vec<PositionStep> = Vec::new();
        for (record, meta) in records.iter().zip(metas) {
            let partition = record.origin().topic_partition();
            let Some((to, stand)) = meta.behind().zip(self.of.get(partition)) else {
                return Err(format!("{partition} was not taken over before it was read"));
            };
            match steps.iter_mut().rfind(|step| step.partition == *partition) {
                Some(step) => step.to = to.clone(),
                None => steps.push(PositionStep {
                    partition: partition.clone(),
                    from: stand.position.clone(),
                    to: to.clone(),
                    token: stand.token.clone(),
                }),
            }
        }
        steps.extend(self.ahead.iter().cloned());
        Ok(steps)
    }

    /// Puts records with how far they take their partitions, and notes that if they are stored. The outer error says why
    /// nothing can be put.
    pub async fn put(&mut self, records: &[Record], metas: &[Meta]) -> Result<Result<(), PutError>, String> {
        let steps = self.steps(records, metas)?;
        let member = self.member.as_ref().and_then(|ask| ask());
        let progress = PutProgress::new(steps).with_member(member);
        let answer = self.sink.put(records, &progress).await;
        if answer.is_ok() {
            for PositionStep { partition, to, token, .. } in progress.steps {
                self.of.insert(partition, Stand { token, position: Some(to) });
            }
        }
        Ok(answer)
    }

    /// Takes note of what a batch has stored. Of a partition that was taken over anew meanwhile that is known better. Returns
    /// the offsets.
    pub fn note(&mut self, stored: Self) -> Offsets {
        let mut offsets = Vec::new();
        for (partition, stand) in stored.of {
            let ours = self.of.get_mut(&partition).filter(|ours| ours.token == stand.token);
            if let (Some(ours), Some(position)) = (ours, &stand.position) {
                offsets.push((partition, position.offset));
                *ours = stand;
            }
        }
        offsets
    }
}

/// Returns how far the partition of a record is stored once this record is; of several parts of one, the last takes it on.
pub fn position_behind(record: &Record, is_last: bool, mark: Arc<str>) -> StoredPosition {
    let offset = record.origin().offset();
    match record.part() {
        Some(part) if !is_last => StoredPosition::new(offset, part.saturating_add(1), mark),
        _ => StoredPosition::new(offset.saturating_add(1), 0, mark),
    }
}

impl std::fmt::Debug for Stands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stands").field("of", &self.of).finish_non_exhaustive()
    }
}
