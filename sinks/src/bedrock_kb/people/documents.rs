//! Documents of a data source, as a person looks at them and cleans up.

use std::time::SystemTime;

use aws_sdk_bedrockagent::types::{CustomDocumentIdentifier, KnowledgeBaseDocumentDetail, S3Location};
use aws_smithy_types::date_time::Format;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sluice_connector_api::Failure;

use crate::bedrock_kb::calls::{DataSourceRef, DocumentClient};
use crate::bedrock_kb::settings::BedrockKbSettings;
use crate::record::naming::hex;

/// The documents of one data source. Nothing is tried twice.
///
/// The AWS identity needs `bedrock:ListKnowledgeBaseDocuments`, `bedrock:GetKnowledgeBaseDocuments` and
/// `bedrock:DeleteKnowledgeBaseDocuments` on the knowledge base, each for the call of that name.
#[derive(Debug)]
pub struct Documents {
    client: DocumentClient,
}

/// What the service says of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentState {
    /// Its id.
    pub id: String,
    /// How far it is, such as `INDEXED`; `NOT_FOUND` if there is none.
    pub status: String,
    /// Why, where the service says so.
    pub reason: Option<String>,
    /// When the status last changed, by RFC 3339.
    pub updated_at: Option<String>,
}

/// Some documents, and how to ask for more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentPage {
    /// The documents.
    pub documents: Vec<DocumentState>,
    /// What to ask the next page with; none after the last.
    pub next: Option<String>,
}

impl Documents {
    /// How many ids one call may name.
    pub const IDS_PER_CALL: usize = 10;

    /// Finds the data source of a connector. Names are looked up, for which the identity needs
    /// `bedrock:ListKnowledgeBases` and `bedrock:ListDataSources`.
    pub async fn open(settings: &BedrockKbSettings) -> Result<Self, Failure> {
        let wanted =
            DataSourceRef::from_settings(&settings.own).map_err(|error| Failure::fatal(error.to_string()))?;
        let config = settings.aws.load().await?;
        Ok(Self { client: DocumentClient::from_config(&config, &wanted).await? })
    }

    /// Lists a page of documents. The service goes on listing deleted ones, as `NOT_FOUND`.
    pub async fn list(&self, next: Option<String>) -> Result<DocumentPage, Failure> {
        let DocumentClient { api, ids } = &self.client;
        let answer = api
            .list_knowledge_base_documents()
            .knowledge_base_id(&ids.knowledge_base_id)
            .data_source_id(&ids.data_source_id)
            .set_next_token(next)
            .send()
            .await;
        let permissions = "bedrock:ListKnowledgeBaseDocuments";
        let output = answer
            .map_err(|error| self.client.failure("ListKnowledgeBaseDocuments", permissions, &[], &error))?;
        let documents = output.document_details.iter().map(DocumentState::from_detail).collect();
        Ok(DocumentPage { documents, next: output.next_token })
    }

    /// Asks how far documents are, [`Documents::IDS_PER_CALL`] at most.
    pub async fn states(&self, ids: &[&str]) -> Result<Vec<DocumentState>, Failure> {
        let details = self.client.statuses(ids).await?;
        Ok(details.iter().map(DocumentState::from_detail).collect())
    }

    /// Asks for documents to be deleted, [`Documents::IDS_PER_CALL`] at most. They go some seconds later.
    pub async fn delete(&self, ids: &[&str]) -> Result<Vec<DocumentState>, Failure> {
        // Another token each time: with one that the service has seen, it would do nothing.
        let token = hex(&Sha256::digest(format!("{:?} {ids:?}", SystemTime::now())));
        let details = self.client.delete(&token, ids).await?;
        Ok(details.iter().map(DocumentState::from_detail).collect())
    }
}

impl DocumentState {
    fn from_detail(detail: &KnowledgeBaseDocumentDetail) -> Self {
        let identifier = detail.identifier();
        let custom = identifier.and_then(|identifier| identifier.custom()).map(CustomDocumentIdentifier::id);
        let s3 = identifier.and_then(|identifier| identifier.s3()).map(S3Location::uri);
        let updated = detail.updated_at().and_then(|time| time.fmt(Format::DateTime).ok());
        Self {
            id: custom.or(s3).unwrap_or_default().to_owned(),
            status: detail.status().as_str().to_owned(),
            reason: detail.status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
            updated_at: updated,
        }
    }
}
