//! The sink: a put is a plan, its calls, and the verdict on each.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_bedrockagent::types::KnowledgeBaseDocumentDetail;
use serde_json::Value;
use sluice_connector_api::{
    Ask, BatchKey, Confirm, Failure, Finding, FormNeed, Limits, Order, PutError, Record, Repetition,
    SettingsError, Sink, TombstoneFate,
};
use sluice_wire::{AwsSettings, AwsSinkSettings, CALL_LINGER, OnAws};

use super::calls::{
    self, CallContent, CallPlan, CallRefusal, ClientTokens, DataSourceRef, DocumentCall, LazyClient,
    MAX_BATCH_BYTES,
};
use super::confirmation::IndexConfirmation;
use super::mapping::{ChangeKind, DocumentMapping};
use super::settings::{BedrockKbSettings, KnowledgeBaseSettings};
use super::{people, verdict};

impl AwsSinkSettings for KnowledgeBaseSettings {
    const NAME: &'static str = "bedrock_kb";

    fn build(self, aws: AwsSettings) -> Result<Box<dyn Sink>, SettingsError> {
        self.validate(&aws)?;
        Ok(Box::new(BedrockKb::new(OnAws { own: self, aws })?))
    }
}

/// Stores batches of documents, one call per put.
struct BedrockKb {
    settings: BedrockKbSettings,
    mapping: Arc<DocumentMapping>,
    tokens: ClientTokens,
    client: Arc<LazyClient>,
    asked: Arc<people::AskedBase>,
}

impl BedrockKb {
    fn new(settings: BedrockKbSettings) -> Result<Self, SettingsError> {
        Ok(Self {
            mapping: Arc::new(DocumentMapping::new(&settings.own)?),
            tokens: ClientTokens::new(),
            client: Arc::new(LazyClient::new(
                settings.aws.clone(),
                DataSourceRef::from_settings(&settings.own)?,
            )),
            asked: Arc::new(people::AskedBase::new(settings.clone())),
            settings,
        })
    }

    async fn send(&self, call: &DocumentCall<'_>) -> Result<Vec<KnowledgeBaseDocumentDetail>, CallRefusal> {
        let client = self.client.get().await?;
        let ids: Vec<_> = call.ids().into_iter().map(|(_, id)| id).collect();
        let token = self.tokens.of(&call.digest(), &ids);
        let details = match &call.content {
            CallContent::Ingest(each) => client.ingest(&token, calls::documents(each), &ids).await?,
            CallContent::Delete(_) => client.delete(&token, &ids).await?,
        };
        self.tokens.taken(&token);
        Ok(details)
    }
}

#[async_trait]
impl Sink for BedrockKb {
    fn limits(&self) -> Limits {
        let BedrockKbSettings { own, aws } = &self.settings;
        Limits::default()
            .with_max_records(own.documents_per_call)
            .with_max_batch_bytes(MAX_BATCH_BYTES)
            .with_max_in_flight(own.max_in_flight)
            .with_order(Order::Id { newest_wins: true })
            .with_pace(own.pace(aws))
            .with_linger(CALL_LINGER)
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.settings.own.on_null.fate()
    }

    fn repetition(&self) -> Repetition {
        Repetition::changes_nothing("a document is named by its record, and written over")
    }

    /// Sends what makes documents and names the records that make none.
    ///
    /// Where the call fails, so does the batch as a whole, whatever else is wrong with it: nothing is known to
    /// be stored then, and once the engine puts it again, or its halves, each record gets its own outcome. Only where
    /// the service names the documents at fault is each record told at once.
    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let CallPlan { calls, rejected: mut failures } = CallPlan::new(&self.mapping, batch);
        for call in &calls {
            match self.send(call).await {
                Ok(details) => failures.extend(not_taken(call, &details)),
                Err(refusal) if calls.len() == 1 && !refusal.culprits.is_empty() => {
                    failures.extend(told_apart(call, &refusal));
                }
                Err(refusal) => return Err(refusal.failure.into()),
            }
        }
        named(failures)
    }

    fn size_of(&self, record: &Record) -> usize {
        calls::size_of(&self.mapping, record, self.settings.own.documents_per_call)
    }

    fn id(&self, record: &Record) -> Option<String> {
        self.mapping.id(record)
    }

    fn needs(&self) -> Vec<FormNeed> {
        self.mapping.needs()
    }

    fn batch_key<'a>(&'a self, record: &'a Record) -> BatchKey<'a> {
        BatchKey::from(if self.mapping.deletes(record) { "delete" } else { "write" })
    }

    fn asking(&self) -> Option<Arc<dyn Ask>> {
        let asked: Arc<dyn Ask> = Arc::<people::AskedBase>::clone(&self.asked);
        Some(asked)
    }

    fn confirmation(&self) -> Option<Arc<dyn Confirm>> {
        let BedrockKbSettings { own, aws } = &self.settings;
        let limits = own.confirm_limits(aws)?;
        let (mapping, client) = (Arc::clone(&self.mapping), Arc::clone(&self.client));
        Some(Arc::new(IndexConfirmation { limits, mapping, client }))
    }

    /// Shows the call, or a list of them where writes and deletes are mixed; where records make no document, names
    /// these instead.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let CallPlan { calls, rejected } = CallPlan::new(&self.mapping, batch);
        let ids = self.client.data_source.shown();
        let mut shown: Vec<_> = calls.iter().map(|call| call.shown(&ids)).collect();
        let shown = if shown.len() == 1 { shown.swap_remove(0) } else { Value::Array(shown) };
        named(rejected).map(|()| shown)
    }

    async fn check(&self) -> Vec<Finding> {
        people::findings(&self.settings, &self.client.data_source).await
    }
}

/// The records of a call that the service took, whose documents it did not.
fn not_taken(call: &DocumentCall<'_>, details: &[KnowledgeBaseDocumentDetail]) -> Vec<(usize, Failure)> {
    let kind = match call.content {
        CallContent::Ingest(_) => ChangeKind::Write,
        CallContent::Delete(_) => ChangeKind::Delete,
    };
    let failed = |(index, id)| Some((index, verdict::accepted(kind, id, details).err()?));
    call.ids().into_iter().filter_map(failed).collect()
}

/// The records of a call that was refused for the sake of some: the others are to be put again.
fn told_apart(call: &DocumentCall<'_>, refusal: &CallRefusal) -> Vec<(usize, Failure)> {
    let reason = &refusal.failure;
    let mut told = Vec::new();
    for (position, (index, id)) in call.ids().into_iter().enumerate() {
        let id = verdict::shown_id(id);
        let failure = if refusal.culprits.contains(&position) {
            Failure::rejected(format!("document {id} is at fault: {reason}"))
                .with_detail(reason.detail().unwrap_or_default())
        } else {
            Failure::retriable(format!("document {id} shared a call with one at fault: {reason}"))
        };
        told.push((index, failure));
    }
    told
}

fn named(failures: Vec<(usize, Failure)>) -> Result<(), PutError> {
    if failures.is_empty() { Ok(()) } else { Err(PutError::Records(failures)) }
}
