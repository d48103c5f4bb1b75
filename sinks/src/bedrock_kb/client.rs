//! The calls, one at a time. What their failures mean is in [`answer`].

use std::error::Error;

use aws_sdk_bedrockagent::Client;
use aws_sdk_bedrockagent::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockagent::operation::ingest_knowledge_base_documents::IngestKnowledgeBaseDocumentsError;
use aws_sdk_bedrockagent::types::{KnowledgeBaseDocument, KnowledgeBaseDocumentDetail};
use sluice_connector_api::{Failure, FailureKind};

use super::answer::{self, Call};
use super::blame;
use super::place::Place;
use super::request::identifiers;

/// A client, and where it writes.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) client: Client,
    pub(super) place: Place,
}

/// Why a call was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    /// The documents that are certainly at fault, by their place in the call.
    pub(super) culprits: Vec<usize>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, culprits: Vec::new() }
    }
}

impl Reached {
    pub(super) async fn ingest(
        &self,
        client_token: &str,
        documents: Result<Vec<KnowledgeBaseDocument>, BuildError>,
        ids: &[&str],
    ) -> Result<Vec<KnowledgeBaseDocumentDetail>, Refusal> {
        let answer = self
            .client
            .ingest_knowledge_base_documents()
            .knowledge_base_id(&self.place.knowledge_base_id)
            .data_source_id(&self.place.data_source_id)
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
    ) -> Refusal {
        let permissions = "bedrock:IngestKnowledgeBaseDocuments and bedrock:StartIngestionJob";
        let failure = self.failure("IngestKnowledgeBaseDocuments", permissions, error);
        let culprits = match error.as_service_error() {
            Some(IngestKnowledgeBaseDocumentsError::ValidationException(invalid))
                if failure.kind() == FailureKind::Rejected =>
            {
                blame::culprits(ids, invalid.message().unwrap_or_default(), invalid.field_list())
            }
            _ => Vec::new(),
        };
        Refusal { failure, culprits }
    }

    pub(super) async fn delete(
        &self,
        client_token: &str,
        ids: &[&str],
    ) -> Result<Vec<KnowledgeBaseDocumentDetail>, Failure> {
        let answer = self
            .client
            .delete_knowledge_base_documents()
            .knowledge_base_id(&self.place.knowledge_base_id)
            .data_source_id(&self.place.data_source_id)
            .client_token(client_token)
            .set_document_identifiers(Some(
                identifiers(ids.iter().copied()).map_err(|error| unbuilt(&error))?,
            ))
            .send()
            .await;
        let permissions = "bedrock:DeleteKnowledgeBaseDocuments";
        let output =
            answer.map_err(|error| self.failure("DeleteKnowledgeBaseDocuments", permissions, &error))?;
        Ok(output.document_details.unwrap_or_default())
    }

    /// Reads the statuses of documents.
    pub(super) async fn statuses(&self, ids: &[&str]) -> Result<Vec<KnowledgeBaseDocumentDetail>, Failure> {
        let answer = self
            .client
            .get_knowledge_base_documents()
            .knowledge_base_id(&self.place.knowledge_base_id)
            .data_source_id(&self.place.data_source_id)
            .set_document_identifiers(Some(
                identifiers(ids.iter().copied()).map_err(|error| unbuilt(&error))?,
            ))
            .send()
            .await;
        let permissions = "bedrock:GetKnowledgeBaseDocuments, which `confirm: indexed` needs,";
        let output =
            answer.map_err(|error| self.failure("GetKnowledgeBaseDocuments", permissions, &error))?;
        Ok(output.document_details.unwrap_or_default())
    }

    pub(super) fn failure<E>(
        &self,
        operation: &'static str,
        permissions: &'static str,
        error: &SdkError<E>,
    ) -> Failure
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let Place { knowledge_base_id, data_source_id } = &self.place;
        answer::failure(
            Call { operation, permissions, knowledge_base_id, data_source_id: Some(data_source_id) },
            error,
        )
    }
}

fn unbuilt(error: &BuildError) -> Failure {
    Failure::fatal(format!("the call cannot be built: {error}"))
}
