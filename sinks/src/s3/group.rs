//! The objects of a partition that are open together, and the rules that complete them.
//!
//! A group begins with a record and is named by it. Unless a rule goes by the clock, which records a group holds follows from
//! the records alone, so that a group that is read again makes the same objects.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluice_connector_api::{Failure, Record};

use crate::s3::encoding::Encoding;
use crate::s3::encoding::misplaced::Misplaced;
use crate::s3::settings::{ObjectSettings, S3Settings};

/// Bytes of a part of an upload, but for the last: at least the 5 MiB that S3 asks for. 10,000 parts are the most it takes.
const PART: usize = 8 * 1024 * 1024;
/// Where records without a timestamp go, where there are folders by time.
const UNDATED: &str = "undated/";

/// An object under way.
pub(super) struct OpenObject {
    pub(super) key: String,
    encoding: Encoding,
    /// Parts that are not uploaded yet.
    pub(super) parts: VecDeque<Bytes>,
    /// The id of the multipart upload, once there is one.
    pub(super) upload: Option<String>,
    /// The entity tags of the parts that are uploaded.
    pub(super) tags: Vec<String>,
    /// The bytes of these parts.
    pub(super) sent: u64,
    /// It is complete although no rule says so: another reading may cut it elsewhere.
    pub(super) is_cut: bool,
}

/// Objects that are open together.
pub(super) struct ObjectGroup {
    /// The offset of its first record, and the lowest of all.
    pub(super) first: i64,
    last: (i64, Option<u32>),
    opened: Instant,
    /// The window of record time of its first record.
    window: Option<i64>,
    records: u64,
    bytes: u64,
    /// By the folder of their time.
    pub(super) objects: BTreeMap<String, OpenObject>,
    /// What the names of its objects end in, before the dot.
    name: String,
}

/// What became of a record that was offered to a group.
pub(super) enum Offered {
    Taken,
    Rejected(Failure),
    /// It belongs to another group, as this one is complete.
    Another,
}

impl ObjectGroup {
    /// Begins a group with a record. `token` tells its objects from those of another reading, where the clock has a say.
    pub(super) fn new(settings: &ObjectSettings, record: &Record, token: Option<&str>) -> Self {
        let origin = record.origin();
        let token = token.map(|token| format!("-{token}")).unwrap_or_default();
        Self {
            first: origin.offset(),
            last: (origin.offset(), None),
            opened: Instant::now(),
            window: window(settings, record),
            records: 0,
            bytes: 0,
            objects: BTreeMap::new(),
            name: format!("{}-{}{token}", origin.partition(), place(record)),
        }
    }

    /// Takes a record, unless a rule says that the group is complete without it.
    pub(super) fn offer(
        &mut self,
        settings: &S3Settings,
        objects: &ObjectSettings,
        record: &Record,
    ) -> Offered {
        let at = (record.origin().offset(), record.part());
        let goes_back = self.records > 0 && at <= self.last;
        let is_later = self.window.zip(window(objects, record)).is_some_and(|(ours, its)| its > ours);
        if goes_back || (self.records > 0 && is_later) || self.is_full(objects) {
            return Offered::Another;
        }
        let object = match self.objects.entry(path_of(objects, record)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => match OpenObject::new(settings, record, place.key(), &self.name) {
                Ok(object) => place.insert(object),
                Err(failure) => return Offered::Rejected(failure),
            },
        };
        let before = object.encoding.length();
        match object.push(record) {
            Ok(()) => {
                self.bytes += object.encoding.length() - before;
                self.records += 1;
                self.last = at;
                Offered::Taken
            }
            Err(misplaced) => {
                // One that is fresh and has no record is none.
                self.objects.retain(|_, object| object.encoding.length() > 0);
                match misplaced {
                    Misplaced::Rejected(failure) => Offered::Rejected(failure),
                    Misplaced::OtherColumns => Offered::Another,
                }
            }
        }
    }

    /// Names the object that has taken a record.
    pub(super) fn key_of(&self, objects: &ObjectSettings, record: &Record) -> String {
        let object = self.objects.get(&path_of(objects, record));
        object.map(|object| object.key.clone()).unwrap_or_default()
    }

    /// Says whether it took as much as the rules allow.
    pub(super) fn is_full(&self, settings: &ObjectSettings) -> bool {
        self.bytes >= settings.max_bytes.bytes() as u64
            || settings.max_records.is_some_and(|most| self.records >= most)
    }

    /// Says whether it holds no record.
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Returns how long it may stay open by the clock.
    pub(super) fn due(&self, settings: &ObjectSettings) -> Option<Duration> {
        Some(settings.interval?.get().saturating_sub(self.opened.elapsed()))
    }

    /// Returns the bytes that it takes in memory.
    pub(super) fn held(&self) -> usize {
        self.objects.values().map(OpenObject::held).sum()
    }

    /// Takes note that it is completed by none of its rules.
    pub(super) fn cut(&mut self) {
        self.objects.values_mut().for_each(|object| object.is_cut = true);
    }

    /// Ends its objects: no record comes any more.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.objects.values_mut().try_for_each(OpenObject::finish)
    }
}

impl OpenObject {
    fn new(settings: &S3Settings, record: &Record, path: &str, name: &str) -> Result<Self, Failure> {
        let encoding = Encoding::new(settings.format, settings.compression, settings.columns.as_deref())?;
        let key =
            format!("{}{}/{path}{name}.{}", settings.prefix, record.origin().topic(), settings.kind().0);
        Ok(Self {
            key,
            encoding,
            parts: VecDeque::new(),
            upload: None,
            tags: Vec::new(),
            sent: 0,
            is_cut: false,
        })
    }

    fn push(&mut self, record: &Record) -> Result<(), Misplaced> {
        self.encoding.push(record)?;
        if self.encoding.ready() >= PART {
            self.parts.push_back(self.encoding.take());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.encoding.finish()?;
        if self.encoding.ready() > 0 {
            self.parts.push_back(self.encoding.take());
        }
        Ok(())
    }

    fn held(&self) -> usize {
        self.encoding.held() + self.parts.iter().map(Bytes::len).sum::<usize>()
    }

    /// Takes another name, of which there is no other object.
    pub(super) fn rename(&mut self, token: &str) {
        let (folder, name) = self.key.rsplit_once('/').unwrap_or(("", &self.key));
        let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
        self.key = format!("{folder}/{stem}-{token}.{extension}");
    }

    /// Returns its bytes, once it is finished.
    pub(super) fn size(&self) -> u64 {
        self.sent + self.parts.iter().map(|part| part.len() as u64).sum::<u64>()
    }
}

/// An offset in as many digits as the largest has, so that names sort, with the part of a record that became several.
pub(super) fn place(record: &Record) -> String {
    let part = record.part().map(|part| format!(".{part}")).unwrap_or_default();
    format!("{:020}{part}", record.origin().offset())
}

fn window(settings: &ObjectSettings, record: &Record) -> Option<i64> {
    let width = i64::try_from(settings.record_time?.get().as_millis()).ok()?;
    Some(record.timestamp?.millis.div_euclid(width.max(1)))
}

fn path_of(settings: &ObjectSettings, record: &Record) -> String {
    if settings.path.is_empty() {
        return String::new();
    }
    let path = record.timestamp.and_then(|timestamp| settings.folder(timestamp.millis).ok());
    path.unwrap_or_else(|| UNDATED.to_owned())
}
