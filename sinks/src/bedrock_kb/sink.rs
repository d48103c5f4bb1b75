use async_trait::async_trait;
use aws_sdk_bedrockagent::Client;
use aws_sdk_bedrockagent::types::KnowledgeBaseDocumentDetail;
use serde_json::{Value, json};
use sluice_connector_api::{Failure, Finding, Limits, OrderedBy, PutError, Record, Sink};
use tokio::sync::OnceCell;

use super::answer::{self, Call};
use super::request::{self, Document, MAX_BATCH_BYTES, Request};
use super::settings::BedrockKbSettings;

/// Stores batches of documents, one call a put.
pub(super) struct BedrockKb {
    settings: BedrockKbSettings,
    /// Made at the first put, since it looks for credentials.
    client: OnceCell<Client>,
}

impl BedrockKb {
    pub(super) fn new(settings: BedrockKbSettings) -> Self {
        Self { settings, client: OnceCell::new() }
    }

    async fn client(&self) -> Result<&Client, Failure> {
        self.client.get_or_try_init(|| async { Ok(Client::new(&self.settings.aws().load().await?)) }).await
    }

    async fn ingest(&self, request: &Request<'_>) -> Result<Vec<KnowledgeBaseDocumentDetail>, Failure> {
        let documents = request
            .to_sdk()
            .map_err(|error| Failure::fatal(format!("the documents cannot be built: {error}")))?;
        let call = self.client().await?.ingest_knowledge_base_documents();
        let answer = call
            .knowledge_base_id(&self.settings.knowledge_base_id)
            .data_source_id(&self.settings.data_source_id)
            .client_token(request.client_token())
            .set_documents(Some(documents))
            .send()
            .await;
        let permissions = "bedrock:IngestKnowledgeBaseDocuments and bedrock:StartIngestionJob";
        let call = self.call("IngestKnowledgeBaseDocuments", permissions);
        let output = answer.map_err(|error| answer::failure(call, &error))?;
        Ok(output.document_details.unwrap_or_default())
    }

    /// Reads one document's status: the cheapest call that finds both ids.
    async fn list(&self, client: &Client) -> Result<(), Failure> {
        let answer = client
            .list_knowledge_base_documents()
            .knowledge_base_id(&self.settings.knowledge_base_id)
            .data_source_id(&self.settings.data_source_id)
            .max_results(1)
            .send()
            .await;
        let permissions = "bedrock:ListKnowledgeBaseDocuments, which this check needs,";
        let call = self.call("ListKnowledgeBaseDocuments", permissions);
        answer.map(|_| ()).map_err(|error| answer::failure(call, &error))
    }

    fn call(&self, operation: &'static str, permissions: &'static str) -> Call<'_> {
        let BedrockKbSettings { knowledge_base_id, data_source_id, .. } = &self.settings;
        Call { operation, permissions, knowledge_base_id, data_source_id: Some(data_source_id) }
    }
}

#[async_trait]
impl Sink for BedrockKb {
    fn limits(&self) -> Limits {
        Limits {
            max_records: self.settings.documents_per_call,
            max_batch_bytes: MAX_BATCH_BYTES,
            max_record_bytes: MAX_BATCH_BYTES,
            max_in_flight: self.settings.max_in_flight,
            ordered_by: OrderedBy::Id,
            pace: Some(self.settings.pace()),
            ..Limits::default()
        }
    }

    /// Sends what makes documents and names the records that make none.
    ///
    /// Where the call fails, so does the batch as a whole, whatever else is wrong with it: nothing is known to
    /// be stored then, and once the engine puts it again, or its halves, each record gets its own outcome.
    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let request = Request::of(batch);
        let details = if request.documents.is_empty() { Vec::new() } else { self.ingest(&request).await? };
        let Request { documents, rejected: mut failures } = request;
        for (index, document) in documents {
            failures.extend(answer::outcome(&document.id, &details).err().map(|failure| (index, failure)));
        }
        named(failures)
    }

    /// A record that makes no document counts with its own size, so that the engine need not know.
    fn size_of(&self, record: &Record) -> usize {
        Document::of(record).map_or_else(|_| record.size(), |document| document.size())
    }

    fn id(&self, record: &Record) -> Option<String> {
        Some(request::document_id(record))
    }

    /// Shows the call; where records make no document, names these instead.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let request = Request::of(batch);
        let BedrockKbSettings { knowledge_base_id, data_source_id, .. } = &self.settings;
        let path = format!("/knowledgebases/{knowledge_base_id}/datasources/{data_source_id}/documents");
        let shown = json!({ "method": "PUT", "path": path, "body": request.body() });
        named(request.rejected).map(|()| shown)
    }

    async fn check(&self) -> Vec<Finding> {
        let (mut findings, config) = self.settings.aws().check().await;
        if let Some(config) = config {
            let BedrockKbSettings { knowledge_base_id, data_source_id, .. } = &self.settings;
            let subject = format!("knowledge base {knowledge_base_id}, data source {data_source_id}");
            let outcome = self.list(&Client::new(&config)).await;
            findings.push(Finding {
                subject,
                outcome: outcome.map(|()| "found".to_owned()).map_err(|failure| failure.to_string()),
            });
        }
        findings
    }
}

fn named(failures: Vec<(usize, Failure)>) -> Result<(), PutError> {
    if failures.is_empty() { Ok(()) } else { Err(PutError::Records(failures)) }
}
