//! The sink `s3`: an object per batch, or records handed on to objects that outlive it.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::Value;
use sluice_connector_api::{
    BatchKey, ExactlyOnce, Failure, Finding, FormNeed, Hold, HumanDuration, Limits, PayloadForm, PutError,
    ReadingTask, Record, Repetition, SettingsError, Side, Sink, SourceTopics, TombstoneFate, TopicPartition,
};
use sluice_wire::{
    AwsService, AwsSettings, AwsSinkSettings, CALL_LINGER, endpoint_in_environment, endpoint_url,
};

use crate::record::FROM_TEXT;
use crate::s3::bucket::{Bucket, WholeObject};
use crate::s3::encoding::Encoding;
use crate::s3::encoding::misplaced::Misplaced;
use crate::s3::group::place;
use crate::s3::objects::Objects;
use crate::s3::preview::{keys_of, shown};
use crate::s3::settings::S3Settings;

/// Writes objects.
pub(super) struct S3 {
    settings: S3Settings,
    bucket: Arc<Bucket>,
    /// Where objects outlive a batch.
    objects: Option<Arc<Objects>>,
    /// What the connector reads.
    source: OnceLock<Arc<dyn SourceTopics>>,
}

impl S3 {
    pub(super) fn new(settings: S3Settings, bucket: Bucket) -> Self {
        let bucket = Arc::new(bucket);
        let objects = settings.objects.as_ref();
        let objects = objects.map(|objects| Arc::new(Objects::new(&settings, objects, &bucket)));
        Self { settings, bucket, objects, source: OnceLock::new() }
    }

    /// Returns keys like those of the objects that are written now: of each topic that is known, and otherwise of none.
    fn likely_keys(&self) -> Vec<String> {
        let now = jiff::Timestamp::now().as_millisecond();
        let folder = match &self.settings.objects {
            Some(objects) => objects.folder(now).unwrap_or_default(),
            None => "0/".to_owned(),
        };
        let (prefix, extension) = (&self.settings.prefix, self.settings.kind().0);
        let topics = self.source.get().map(|source| source.names()).unwrap_or_default();
        topics.iter().map(|topic| format!("{prefix}{topic}/{folder}sluice-check.{extension}")).collect()
    }

    /// Names the object of a batch, whose records are of one partition.
    fn key(&self, batch: &[Record]) -> String {
        let [first, last] = [batch.first(), batch.last()].map(|record| record.map(place).unwrap_or_default());
        let folder = batch.first().map(|record| {
            let TopicPartition { topic, partition } = record.origin().topic_partition();
            format!("{topic}/{partition}/")
        });
        let (prefix, extension) = (&self.settings.prefix, self.settings.kind().0);
        format!("{prefix}{}{first}-{last}.{extension}", folder.unwrap_or_default())
    }

    /// Stores a batch as one object, or as several where its records have other columns than those before them, and names the
    /// records that have no place in any.
    async fn put_batch(&self, batch: &[Record]) -> Result<(), PutError> {
        let (mut rest, mut rejected) = (batch, Vec::new());
        while !rest.is_empty() {
            let (mut encoding, before) = (self.encoding()?, batch.len() - rest.len());
            let mut taken = 0;
            for record in rest {
                match encoding.push(record) {
                    Ok(()) => {}
                    Err(Misplaced::Rejected(failure)) => rejected.push((before + taken, failure)),
                    Err(Misplaced::OtherColumns) => break,
                }
                taken += 1;
            }
            let (these, others) = rest.split_at(taken);
            if encoding.length() > 0 {
                encoding.finish()?;
                let (key, kind) = (self.key(these), self.settings.kind().1);
                self.bucket.put(WholeObject { key, kind, bytes: encoding.take(), is_new: false }).await?;
            }
            rest = others;
        }
        if rejected.is_empty() { Ok(()) } else { Err(PutError::Records(rejected)) }
    }

    /// Names the object of each record of a batch, without those that `objects` outlive it.
    fn keys_of(&self, batch: &[Record]) -> Result<Vec<Result<String, Failure>>, Failure> {
        let (mut rest, mut keys) = (batch, Vec::with_capacity(batch.len()));
        while !rest.is_empty() {
            let (mut encoding, mut fates) = (self.encoding()?, Vec::new());
            for record in rest {
                match encoding.push(record) {
                    Ok(()) => fates.push(Ok(())),
                    Err(Misplaced::Rejected(failure)) => fates.push(Err(failure)),
                    Err(Misplaced::OtherColumns) => break,
                }
            }
            let (these, others) = rest.split_at(fates.len());
            let key = self.key(these);
            keys.extend(fates.into_iter().map(|fate| fate.map(|()| key.clone())));
            rest = others;
        }
        Ok(keys)
    }

    fn encoding(&self) -> Result<Encoding, Failure> {
        let S3Settings { format, compression, columns, .. } = &self.settings;
        Encoding::new(*format, *compression, columns.as_deref())
    }
}

impl AwsSinkSettings for S3Settings {
    const NAME: &'static str = "s3";
    /// An object takes longer than a small call.
    const REQUEST_TIMEOUT: HumanDuration = HumanDuration::secs(60);

    fn build(self, aws: AwsSettings) -> Result<Box<dyn Sink>, SettingsError> {
        self.check()?;
        let AwsSettings { region, endpoint_url: of_file, request_timeout } = aws;
        let own_endpoint = of_file.or_else(|| endpoint_in_environment("AWS_ENDPOINT_URL_S3"));
        let endpoint = own_endpoint.as_deref().unwrap_or("https://s3.amazonaws.com");
        let endpoint = endpoint_url("endpoint_url", endpoint)?;
        let service = AwsService::new("s3", region, endpoint, request_timeout.get(), self.max_in_flight);
        let bucket = Bucket { name: self.bucket.clone(), own_endpoint, service };
        Ok(Box::new(S3::new(self, bucket)))
    }
}

#[async_trait]
impl Sink for S3 {
    fn limits(&self) -> Limits {
        Limits::default()
            .with_max_records(10_000)
            .with_max_batch_bytes(16 * 1024 * 1024)
            .with_max_in_flight(self.settings.max_in_flight)
            .with_linger(CALL_LINGER)
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        match &self.objects {
            Some(objects) => objects.put(batch).await,
            None => self.put_batch(batch).await,
        }
    }

    /// Each partition has objects of its own, so that no two have the same name.
    fn batch_key<'a>(&'a self, record: &'a Record) -> BatchKey<'a> {
        BatchKey::Partition(record.origin().topic_partition())
    }

    fn exactly_once(&self, _: &ReadingTask) -> Result<Arc<dyn ExactlyOnce>, String> {
        Err(match &self.settings.objects {
            Some(_) => {
                "`objects.interval` completes objects by the clock; leave it out, so that only records do"
                    .to_owned()
            }
            None => "objects are batches, which a restart cuts elsewhere; set `objects`, without `interval`"
                .to_owned(),
        })
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.settings.format.fate()
    }

    fn repetition(&self) -> Repetition {
        match &self.settings.objects {
            Some(objects) if objects.interval.is_none() => Repetition::is_stored_once(
                "the same records make the same objects, which are named by their first record and not overwritten",
            ),
            Some(_) => Repetition::stores_again("a restart begins objects of other names"),
            None => Repetition::stores_again(
                "a batch that begins or ends with another record becomes an object more",
            ),
        }
    }

    fn hold(&self) -> Option<Arc<dyn Hold>> {
        self.objects.clone().map(|objects| objects as Arc<dyn Hold>)
    }

    /// Shows the objects that the records become, each with its key; one alone without a list around it.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let keys = match &self.settings.objects {
            Some(rules) => keys_of(&self.settings, rules, batch),
            None => self.keys_of(batch)?,
        };
        shown(&self.settings, batch, keys)
    }

    fn needs(&self) -> Vec<FormNeed> {
        if self.settings.format.lines().is_some() {
            return Vec::new();
        }
        let why = SettingsError::at("format", "writes the fields of a JSON object as columns");
        let need = FormNeed::new(Side::Value, PayloadForm::Json, why);
        let mut needs = vec![need.with_way_out(format!("{FROM_TEXT}, or choose `json_lines` or `raw`"))];
        for (index, column) in self.settings.columns.iter().flatten().enumerate() {
            let key = format!("columns.{index}");
            let why = SettingsError::at(key, format!("writes the field `{column}`"));
            needs.push(FormNeed::new(Side::Value, PayloadForm::Json, why).with_sought([[column]]));
        }
        needs
    }

    async fn check(&self) -> Vec<Finding> {
        let mut findings = self.bucket.check().await;
        if findings.iter().any(|finding| finding.as_result().is_err()) {
            return findings;
        }
        let keys = self.likely_keys();
        if keys.is_empty() {
            let key = format!("{}sluice-check.{}", self.settings.prefix, self.settings.kind().0);
            findings.push(self.bucket.check_right(&key, false).await);
        }
        for key in keys {
            findings.push(self.bucket.check_right(&key, true).await);
        }
        findings
    }

    fn meets(&self, source: Arc<dyn SourceTopics>) -> Result<(), SettingsError> {
        // Once is enough, as the source is the connector's.
        self.source.get_or_init(|| source);
        Ok(())
    }
}
