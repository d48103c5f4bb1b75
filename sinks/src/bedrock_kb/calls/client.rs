//! The calls, one at a time. What their failures mean is in the verdict.

use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_bedrockagent::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockagent::operation::ingest_knowledge_base_documents::IngestKnowledgeBaseDocumentsError;
use aws_sdk_bedrockagent::types::{KnowledgeBaseDocument, KnowledgeBaseDocumentDetail};
use aws_sdk_bedrockagent::{Client, config};
use sluice_connector_api::{Failure, FailureKind};

use super::answer_bound::{AnswerBound, DOCUMENT_BYTES};
use super::data_source::{DataSourceIds, DataSourceRef};
use super::plan::identifiers;
use crate::bedrock_kb::verdict::{self, ApiCall};

/// A client, and where it writes.
#[derive(Debug)]
pub(crate) struct DocumentClient {
    pub(crate) api: Client,
    pub(crate) ids: DataSourceIds,
}

/// Why a call was refused.
#[derive(Debug)]
pub(crate) struct CallRefusal {
    pub(crate) failure: Failure,
    /// The documents that are certainly at fault, by their index in the call.
    pub(crate) culprits: Vec<usize>,
}

impl From<Failure> for CallRefusal {
    fn from(failure: Failure) -> Self {
        Self { failure, culprits: Vec::new() }
    }
}

impl DocumentClient {
    /// Makes a client for a data source. Names are looked up, ids are taken as they are.
    pub(crate) async fn from_config(config: &SdkConfig, wanted: &DataSourceRef) -> Result<Self, Failure> {
        let api = bounded_client(config);
        let ids = wanted.resolve(&api).await?;
        Ok(Self { api, ids })
    }

    pub(crate) async fn ingest(
        &self,
        client_token: &str,
        documents: Result<Vec<KnowledgeBaseDocument>, BuildError>,
        ids: &[&str],
    ) -> Result<Vec<KnowledgeBaseDocumentDetail>, CallRefusal> {
        let answer = self
            .api
            .ingest_knowledge_base_documents()
            .knowledge_base_id(&self.ids.knowledge_base_id)
            .data_source_id(&self.ids.data_source_id)
            .client_token(client_token)
            .set_documents(Some(documents.map_err(|error| unbuilt(&error))?))
            .send()
            .await;
        let output = answer.map_err(|error| self.refusal_of_ingest(ids, &error))?;
        Ok(output.document_details.unwrap_or_default())
    }

    fn refusal_of_ingest(
        &self,
        ids: &[&str],
        error: &SdkError<IngestKnowledgeBaseDocumentsError>,
    ) -> CallRefusal {
        let permissions = "bedrock:IngestKnowledgeBaseDocuments and bedrock:StartIngestionJob";
        let failure = self.failure("IngestKnowledgeBaseDocuments", permissions, ids, error);
        let culprits = match error.as_service_error() {
            Some(IngestKnowledgeBaseDocumentsError::ValidationException(invalid))
                if failure.kind() == FailureKind::Rejected =>
            {
                verdict::culprits(ids, invalid.message().unwrap_or_default(), invalid.field_list())
            }
            _ => Vec::new(),
        };
        CallRefusal { failure, culprits }
    }

    pub(crate) async fn delete(
        &self,
        client_token: &str,
        ids: &[&str],
    ) -> Result<Vec<KnowledgeBaseDocumentDetail>, Failure> {
        let answer = self
            .api
            .delete_knowledge_base_documents()
            .knowledge_base_id(&self.ids.knowledge_base_id)
            .data_source_id(&self.ids.data_source_id)
            .client_token(client_token)
            .set_document_identifiers(Some(
                identifiers(ids.iter().copied()).map_err(|error| unbuilt(&error))?,
            ))
            .send()
            .await;
        let permissions = "bedrock:DeleteKnowledgeBaseDocuments";
        let output =
            answer.map_err(|error| self.failure("DeleteKnowledgeBaseDocuments", permissions, ids, &error))?;
        Ok(output.document_details.unwrap_or_default())
    }

    /// Reads the statuses of documents.
    pub(crate) async fn statuses(&self, ids: &[&str]) -> Result<Vec<KnowledgeBaseDocumentDetail>, Failure> {
        let answer = self
            .api
            .get_knowledge_base_documents()
            .knowledge_base_id(&self.ids.knowledge_base_id)
            .data_source_id(&self.ids.data_source_id)
            .set_document_identifiers(Some(
                identifiers(ids.iter().copied()).map_err(|error| unbuilt(&error))?,
            ))
            .send()
            .await;
        let permissions = "bedrock:GetKnowledgeBaseDocuments, which `confirm: indexed` needs,";
        let output =
            answer.map_err(|error| self.failure("GetKnowledgeBaseDocuments", permissions, ids, &error))?;
        Ok(output.document_details.unwrap_or_default())
    }

    /// Says what to do about a call that failed; `document_ids` are the documents that it sent or named.
    pub(crate) fn failure<E>(
        &self,
        operation: &'static str,
        permissions: &'static str,
        document_ids: &[&str],
        error: &SdkError<E>,
    ) -> Failure
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let DataSourceIds { knowledge_base_id, data_source_id } = &self.ids;
        let data_source_id = Some(&**data_source_id);
        let call = ApiCall { operation, permissions, knowledge_base_id, data_source_id, document_ids };
        verdict::failure(call, error)
    }
}

/// Makes a client that reads no more of an answer than it needs.
pub(crate) fn bounded_client(config: &SdkConfig) -> Client {
    let bound = AnswerBound::new(DOCUMENT_BYTES);
    Client::from_conf(config::Builder::from(config).interceptor(bound).build())
}

fn unbuilt(error: &BuildError) -> Failure {
    Failure::fatal(format!("the call cannot be built: {error}"))
}
