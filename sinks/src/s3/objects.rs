//! Objects of many batches: what is open of each partition, and what of it is stored when.
//!
//! A put uploads what is ready, and only then takes its records, which cannot fail but record by record: so a put that fails
//! has taken none. What is uploaded stays where it is until the answer is there: whoever is dropped on the way has lost nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::try_join_all;
use sluice_connector_api::{
    Failure, FailureKind, Hold, OpenPartition, PutError, Record, StoreReach, TopicPartition,
};

use crate::s3::bucket::{Bucket, Creation, WholeObject};
use crate::s3::group::{ObjectGroup, Offered, OpenObject};
use crate::s3::settings::{ObjectSettings, S3Settings};

/// The objects of all partitions.
pub(super) struct Objects {
    settings: S3Settings,
    rules: ObjectSettings,
    bucket: Arc<Bucket>,
    partitions: Mutex<HashMap<TopicPartition, Arc<Slot>>>,
}

/// A partition.
#[derive(Default)]
struct Slot {
    /// Whoever uploads, so that no two upload the same.
    upload: tokio::sync::Mutex<()>,
    groups: Mutex<Groups>,
}

/// The groups of a partition, in the order of their records. The last may be open, all others are complete.
#[derive(Default)]
struct Groups {
    all: VecDeque<ObjectGroup>,
    is_open: bool,
    /// How often the partition was forgotten: what began before holds no more.
    epoch: u64,
}

/// What is to be done next for a partition.
enum Step {
    Put { key: String, bytes: Bytes, is_cut: bool },
    Create { key: String },
    Part { key: String, upload: String, number: usize, bytes: Bytes },
    Complete { key: String, upload: String, tags: Vec<String>, size: u64 },
}

impl Objects {
    pub(super) fn new(settings: &S3Settings, rules: &ObjectSettings, bucket: &Arc<Bucket>) -> Self {
        let (settings, rules) = (settings.clone(), rules.clone());
        Self { settings, rules, bucket: Arc::clone(bucket), partitions: Mutex::default() }
    }

    /// Takes a batch of one partition.
    pub(super) async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let Some(first) = batch.first() else { return Ok(()) };
        let slot = self.slot(first.origin().topic_partition());
        let epoch = lock(&slot.groups).epoch;
        self.work_off(&slot).await?;
        let mut groups = lock(&slot.groups);
        if groups.epoch != epoch {
            return Err(Failure::retriable("the partition went while its objects were uploaded").into());
        }
        PutError::from_each(batch.iter().map(|record| self.take(&mut groups, record)))
    }

    fn take(&self, groups: &mut Groups, record: &Record) -> Result<(), Failure> {
        // A group that is complete without the record is followed by one that begins with it, which has no reason to refuse it.
        for _ in 0..2 {
            if !groups.is_open {
                groups.all.push_back(ObjectGroup::new(&self.rules, record, self.token().as_deref()));
                groups.is_open = true;
            }
            let Some(open) = groups.all.back_mut() else { break };
            match open.offer(&self.settings, &self.rules, record) {
                Offered::Taken if open.is_full(&self.rules) => return groups.complete(),
                Offered::Taken => return Ok(()),
                Offered::Rejected(failure) => {
                    groups.drop_empty();
                    return Err(failure);
                }
                Offered::Another => groups.complete()?,
            }
        }
        Err(Failure::fatal("no object takes the record"))
    }

    /// Where the clock has a say, another reading may make other objects of the same records: none overwrites another.
    fn token(&self) -> Option<String> {
        self.rules.interval.map(|_| random())
    }

    fn is_new(&self) -> bool {
        self.rules.interval.is_none()
    }

    fn slot(&self, partition: &TopicPartition) -> Arc<Slot> {
        Arc::clone(lock(&self.partitions).entry(partition.clone()).or_default())
    }

    fn known(&self, partitions: &[TopicPartition]) -> Vec<Arc<Slot>> {
        let all = lock(&self.partitions);
        partitions.iter().filter_map(|partition| all.get(partition).cloned()).collect()
    }

    /// Uploads what is ready, and completes what is complete. Says whether there was anything.
    async fn work_off(&self, slot: &Slot) -> Result<bool, Failure> {
        let mut worked = false;
        if lock(&slot.groups).next_step().is_none() {
            return Ok(worked);
        }
        let _alone = slot.upload.lock().await;
        loop {
            let (step, epoch) = {
                let groups = lock(&slot.groups);
                (groups.next_step(), groups.epoch)
            };
            let Some(step) = step else { return Ok(worked) };
            self.walk(slot, step, epoch).await.map_err(of_object)?;
            worked = true;
        }
    }

    async fn walk(&self, slot: &Slot, step: Step, epoch: u64) -> Result<(), Failure> {
        let (kind, is_new) = (self.settings.kind().1, self.is_new());
        match step {
            Step::Put { key, bytes, is_cut } => {
                let size = bytes.len() as u64;
                let object = WholeObject { key: key.clone(), kind, bytes, is_new };
                let created = self.bucket.put(object).await?;
                // As of an invocation of AWS Lambda that had more of the same records, or fewer: it keeps its name.
                if created == Creation::Exists && is_cut && self.bucket.size_of(&key).await? != Some(size) {
                    lock(&slot.groups).change(epoch, &key, |object| object.rename(&random()));
                    return Ok(());
                }
                self.compare(&key, created, size).await?;
                lock(&slot.groups).stored(epoch, &key);
            }
            Step::Create { key } => {
                let upload = self.bucket.create_upload(&key, kind).await?;
                let noted =
                    lock(&slot.groups).change(epoch, &key, |object| object.upload = Some(upload.clone()));
                if !noted {
                    self.abort(key, upload);
                }
            }
            Step::Part { key, upload, number, bytes } => {
                let size = bytes.len() as u64;
                let Some(tag) = self.bucket.upload_part(&key, &upload, number, bytes).await? else {
                    return Err(gone(&key));
                };
                lock(&slot.groups).change(epoch, &key, |object| {
                    object.parts.pop_front();
                    object.tags.push(tag);
                    object.sent += size;
                });
            }
            Step::Complete { key, upload, tags, size } => {
                let created = self.bucket.complete_upload(&key, &upload, &tags, is_new).await?;
                self.compare(&key, created, size).await?;
                if created == Creation::Exists {
                    self.abort(key.clone(), upload);
                }
                lock(&slot.groups).stored(epoch, &key);
            }
        }
        Ok(())
    }

    /// An object that is there already is the one of an earlier reading, or of an answer that was lost on its way.
    async fn compare(&self, key: &str, created: Creation, size: u64) -> Result<(), Failure> {
        if created == Creation::Created {
            return Ok(());
        }
        match self.bucket.size_of(key).await? {
            Some(found) if found == size => Ok(()),
            None if created == Creation::NoUpload => Err(gone(key)),
            None => Err(Failure::retriable(format!("the object `{key}` was there and is gone"))),
            Some(found) => Err(Failure::fatal(format!(
                "the object `{key}` is there with {found} bytes, and these records make {size}: `objects`, the chain or the \
                 start of the group changed; move the object away, or take another `prefix`"
            ))),
        }
    }

    /// Gives an upload up, beside everything else. Where that fails the bucket's rule for incomplete uploads does it.
    fn abort(&self, key: String, upload: String) {
        let bucket = Arc::clone(&self.bucket);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { bucket.abort_upload(&key, &upload).await });
        }
    }

    /// Completes what is to be stored, or says why there is no room.
    fn reach(&self, slot: &Slot, reach: StoreReach) -> Result<(), Failure> {
        let mut groups = lock(&slot.groups);
        let is_due = match reach {
            StoreReach::Due => groups.open_due(&self.rules).is_some_and(|due| due.is_zero()),
            StoreReach::Room if self.is_new() => {
                return Err(Failure::fatal(
                    "what is open of the objects uses up half of `buffer_memory`, and only records complete them; raise \
                     `buffer_memory`, or have fewer objects open: a `path` that changes less often, fewer partitions per process",
                ));
            }
            StoreReach::All | StoreReach::Room => true,
        };
        if !is_due {
            return Ok(());
        }
        if reach == StoreReach::All {
            groups.cut();
        }
        groups.complete()
    }
}

#[async_trait]
impl Hold for Objects {
    fn open(&self) -> Vec<OpenPartition> {
        let mut open = Vec::new();
        for (partition, slot) in lock(&self.partitions).iter() {
            let groups = lock(&slot.groups);
            if let Some(first) = groups.all.iter().map(|group| group.first).min() {
                let held = groups.all.iter().map(ObjectGroup::held).sum();
                open.push(OpenPartition::new(partition.clone(), first, held));
            }
        }
        open
    }

    fn due(&self) -> Option<Duration> {
        let slots: Vec<_> = lock(&self.partitions).values().cloned().collect();
        slots.iter().filter_map(|slot| lock(&slot.groups).due(&self.rules)).min()
    }

    async fn store(&self, partitions: &[TopicPartition], reach: StoreReach) -> Result<(), Failure> {
        let store = async |slot: Arc<Slot>| {
            // What is ready may be all that takes room.
            if reach == StoreReach::Room && self.work_off(&slot).await? {
                return Ok(());
            }
            self.reach(&slot, reach)?;
            self.work_off(&slot).await.map(|_| ())
        };
        try_join_all(self.known(partitions).into_iter().map(store)).await.map(|_| ())
    }

    fn forget(&self, partitions: &[TopicPartition]) {
        for slot in self.known(partitions) {
            let dropped = {
                let mut groups = lock(&slot.groups);
                groups.epoch += 1;
                groups.is_open = false;
                std::mem::take(&mut groups.all)
            };
            for object in dropped.into_iter().flat_map(|group| group.objects.into_values()) {
                if let Some(upload) = object.upload {
                    self.abort(object.key, upload);
                }
            }
        }
    }
}

impl Groups {
    /// Completes the open group.
    fn complete(&mut self) -> Result<(), Failure> {
        self.drop_empty();
        if std::mem::take(&mut self.is_open)
            && let Some(open) = self.all.back_mut()
        {
            open.finish()?;
        }
        Ok(())
    }

    /// Takes note that the open group is completed by none of its rules.
    fn cut(&mut self) {
        if let Some(open) = self.all.back_mut().filter(|_| self.is_open) {
            open.cut();
        }
    }

    fn drop_empty(&mut self) {
        if self.is_open && self.all.back().is_some_and(ObjectGroup::is_empty) {
            self.all.pop_back();
            self.is_open = false;
        }
    }

    /// Returns how long nothing is to be stored.
    fn due(&self, settings: &ObjectSettings) -> Option<Duration> {
        if self.next_step().is_some() {
            return Some(Duration::ZERO);
        }
        self.open_due(settings)
    }

    /// Returns how long the open group may stay open.
    fn open_due(&self, settings: &ObjectSettings) -> Option<Duration> {
        self.all.back().filter(|_| self.is_open)?.due(settings)
    }

    fn next_step(&self) -> Option<Step> {
        let complete = self.all.len() - usize::from(self.is_open);
        for (index, group) in self.all.iter().enumerate() {
            let is_complete = index < complete;
            if let Some(step) = group.objects.values().find_map(|object| step_of(object, is_complete)) {
                return Some(step);
            }
        }
        None
    }

    /// Changes an object, and says whether it is there.
    fn change(&mut self, epoch: u64, key: &str, change: impl FnOnce(&mut OpenObject)) -> bool {
        let mut objects = self.all.iter_mut().flat_map(|group| group.objects.values_mut());
        let object = objects.find(|object| object.key == key).filter(|_| self.epoch == epoch);
        object.map(change).is_some()
    }

    /// Takes note that an object is stored.
    fn stored(&mut self, epoch: u64, key: &str) {
        if self.epoch != epoch {
            return;
        }
        for group in &mut self.all {
            group.objects.retain(|_, object| object.key != key);
        }
        let last = self.all.len().saturating_sub(1);
        let mut index = 0;
        let is_open = self.is_open;
        self.all.retain(|group| {
            let keep = !group.objects.is_empty() || (is_open && index == last);
            index += 1;
            keep
        });
    }
}

/// What is to be done next for an object. One that is complete and small needs no parts.
fn step_of(object: &OpenObject, is_complete: bool) -> Option<Step> {
    let key = object.key.clone();
    match (object.parts.front(), &object.upload) {
        (Some(bytes), None) if is_complete && object.parts.len() == 1 => {
            Some(Step::Put { key, bytes: bytes.clone(), is_cut: object.is_cut })
        }
        (Some(_), None) => Some(Step::Create { key }),
        (Some(bytes), Some(upload)) => {
            let number = object.tags.len() + 1;
            Some(Step::Part { key, upload: upload.clone(), number, bytes: bytes.clone() })
        }
        (None, Some(upload)) if is_complete => {
            let (upload, tags) = (upload.clone(), object.tags.clone());
            Some(Step::Complete { key, upload, tags, size: object.size() })
        }
        (None, _) => None,
    }
}

/// What tells the name of an object from all others.
fn random() -> String {
    format!("{:08x}", fastrand::u32(..))
}

/// Whoever's put uploads an object, the records in it were taken before: what is refused with it is no fault of that put's records.
fn of_object(failure: Failure) -> Failure {
    match failure.kind() {
        FailureKind::Rejected => Failure::fatal(format!(
            "{failure}: the store takes no object of this size or name; lower `objects.max_bytes`, or shorten `prefix` and `objects.path`"
        )),
        _ => failure,
    }
}

fn gone(key: &str) -> Failure {
    Failure::fatal(format!(
        "the upload of `{key}` is gone, as by a rule that aborts incomplete uploads; its records are read again"
    ))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
