//! Searches a knowledge base, through `Retrieve`.

use std::time::Duration;

use aws_sdk_bedrockagentruntime::types::{
    KnowledgeBaseQuery, KnowledgeBaseRetrievalConfiguration, KnowledgeBaseRetrievalResult,
    KnowledgeBaseVectorSearchConfiguration,
};
use aws_sdk_bedrockagentruntime::{Client, config};
use serde::Serialize;
use serde_json::{Map, Value};
use sluice_connector_api::Failure;
use sluice_wire::AwsSettings;
use tokio::sync::OnceCell;

use super::filter::Filter;
use super::passage_json::json_of;
use crate::bedrock_kb::calls::{AnswerBound, IdOrName, PASSAGE_BYTES, bounded_client};
use crate::bedrock_kb::settings::{BedrockKbSettings, OriginAttribute};
use crate::bedrock_kb::verdict::{self, ApiCall};

/// Longer than any answer takes, short enough for a person who waits.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks knowledge bases, through `Retrieve`.
///
/// The caller needs `bedrock:Retrieve` on the knowledge base. Nothing is tried twice.
#[derive(Debug)]
pub struct KnowledgeBase {
    aws: AwsSettings,
    client: OnceCell<Client>,
}

/// What a knowledge base is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The question, in words.
    pub text: String,
    /// How many passages to find at most: 1 to 100.
    pub number_of_results: i32,
    /// What their documents' metadata must be like. Default: anything.
    pub filter: Option<Filter>,
}

/// A piece of text that a knowledge base found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Passage {
    /// The text.
    pub text: String,
    /// The document that it is from: for documents of `bedrock_kb`, the id that the sink gave.
    pub document_id: Option<String>,
    /// How well it answers; more is better. The scale is the store's.
    pub score: Option<f64>,
    /// The document's metadata, and what Bedrock adds under `x-amz-bedrock-kb-`.
    pub metadata: Map<String, Value>,
}

impl KnowledgeBase {
    /// Makes a client; it connects at the first question.
    ///
    /// Without a region, the SDK's usual places are asked. An endpoint on this machine counts as an emulator and
    /// needs no credentials.
    pub fn new(region: Option<String>, endpoint_url: Option<String>) -> Self {
        let aws = AwsSettings { region, endpoint_url, ..AwsSettings::new(TIMEOUT) };
        Self { aws, client: OnceCell::new() }
    }

    /// Makes a client for the knowledge base of a connector, and returns its id, too. A name is looked up, for which
    /// the caller needs `bedrock:ListKnowledgeBases`.
    pub async fn of(settings: &BedrockKbSettings) -> Result<(Self, String), Failure> {
        let named =
            IdOrName::knowledge_base(&settings.own).map_err(|error| Failure::fatal(error.to_string()))?;
        let (aws, client) = (settings.aws.clone(), OnceCell::new());
        let id = match named {
            IdOrName::Id(id) => id,
            IdOrName::Name(_) => named.knowledge_base_id(&bounded_client(&aws.load().await?)).await?,
        };
        Ok((Self { aws, client }, id))
    }

    /// Returns the passages that answer a question best, the best first.
    pub async fn retrieve(
        &self,
        knowledge_base_id: &str,
        question: &Question,
    ) -> Result<Vec<Passage>, Failure> {
        let call = self.client().await?.retrieve();
        let answer = call
            .knowledge_base_id(knowledge_base_id)
            .retrieval_query(KnowledgeBaseQuery::builder().text(&question.text).build())
            .retrieval_configuration(best(question))
            .send()
            .await;
        let permissions = "bedrock:Retrieve";
        let call = ApiCall {
            operation: "Retrieve",
            permissions,
            knowledge_base_id,
            data_source_id: None,
            document_ids: &[],
        };
        let output = answer.map_err(|error| verdict::failure(call, &error))?;
        Ok(output.retrieval_results.into_iter().map(Passage::from_result).collect())
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let make = || async {
            let config = config::Builder::from(&self.aws.load().await?);
            Ok(Client::from_conf(config.interceptor(AnswerBound::new(PASSAGE_BYTES)).build()))
        };
        self.client.get_or_try_init(make).await
    }
}

fn best(question: &Question) -> KnowledgeBaseRetrievalConfiguration {
    let search = KnowledgeBaseVectorSearchConfiguration::builder()
        .number_of_results(question.number_of_results)
        .set_filter(question.filter.clone().map(|filter| filter.0));
    KnowledgeBaseRetrievalConfiguration::builder().vector_search_configuration(search.build()).build()
}

impl Passage {
    /// Returns when the record was made that its document is of, in milliseconds since 1970, where the metadata tell it
    /// (`metadata.origin: [timestamp]`).
    pub fn timestamp(&self) -> Option<i64> {
        let millis = self.metadata.get(OriginAttribute::Timestamp.key())?.as_f64()?;
        // A 64-bit float holds every millisecond of the next 285,000 years.
        #[allow(clippy::cast_possible_truncation, reason = "what is too large ends at the largest")]
        Some(millis as i64)
    }

    fn from_result(result: KnowledgeBaseRetrievalResult) -> Self {
        let custom_id = result.location.and_then(|location| location.custom_document_location?.id);
        let mut metadata: Vec<_> = result.metadata.unwrap_or_default().into_iter().collect();
        metadata.sort_by(|(left, _), (right, _)| left.cmp(right));
        Self {
            text: result.content.map(|content| content.text).unwrap_or_default(),
            document_id: custom_id.or(result.document_id),
            score: result.score,
            metadata: metadata.into_iter().map(|(key, value)| (key, json_of(value))).collect(),
        }
    }
}
