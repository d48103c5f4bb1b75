//! Puts a batch with one request.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sluice_connector_api::{
    Finding, FormNeed, Json, Limits, Order, PutError, Record, Repetition, SettingsError, Sink, SinkSettings,
    TombstoneFate,
};

use super::action::ActionRule;
use super::check;
use super::cluster::SearchCluster;
use super::plan::BulkPlan;
use super::settings::{OpensearchSettings, SearchDocumentId, WriteOperation};
use super::verdict;

/// Records of a request. Its answer has some hundred bytes for each.
const MAX_RECORDS: usize = 2000;

impl SinkSettings for OpensearchSettings {
    const NAME: &'static str = "opensearch";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        self.validate()?;
        Ok(Box::new(Opensearch {
            rule: ActionRule::new(&self)?,
            cluster: SearchCluster::new(&self)?,
            settings: self,
        }))
    }
}

/// Puts a batch with one request.
struct Opensearch {
    rule: ActionRule,
    cluster: SearchCluster,
    settings: OpensearchSettings,
}

#[async_trait]
impl Sink for Opensearch {
    /// The newest document stands for the older ones, unless each of them changes it.
    fn limits(&self) -> Limits {
        let newest_wins = self.settings.write == WriteOperation::Index;
        Limits::default()
            .with_max_records(MAX_RECORDS)
            .with_max_batch_bytes(self.settings.max_request_size.bytes())
            .with_max_in_flight(self.settings.max_in_flight)
            .with_order(Order::Id { newest_wins })
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.settings.on_null.fate()
    }

    fn repetition(&self) -> Repetition {
        match (&self.settings.write, &self.settings.document_id) {
            (_, SearchDocumentId::Generated) => Repetition::stores_again("each record is a document more"),
            (WriteOperation::Script(_), _) => Repetition::stores_again("the script is run again"),
            (WriteOperation::DataStream, _) => {
                Repetition::stores_again("once the data stream has rolled over, a record is a document more")
            }
            _ => Repetition::changes_nothing("a document has an id that its record tells"),
        }
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let BulkPlan { actions, body, rejected: mut failures } = BulkPlan::new(&self.rule, batch);
        if !actions.is_empty() {
            let subject = format!("_bulk to {}", self.cluster.host());
            let answer = self.cluster.bulk(self.rule.fixed_index(), body).await?;
            failures.extend(verdict::outcome(&subject, &answer, &actions, self.rule.is_index_of_data())?);
        }
        if failures.is_empty() { Ok(()) } else { Err(PutError::Records(failures)) }
    }

    fn size_of(&self, record: &Record) -> usize {
        self.rule.size_of(record)
    }

    fn id(&self, record: &Record) -> Option<String> {
        self.rule.thing(record)
    }

    fn needs(&self) -> Vec<FormNeed> {
        self.rule.needs()
    }

    /// Shows the request, its lines as a list; `null` where the batch makes none.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let BulkPlan { actions, body, rejected } = BulkPlan::new(&self.rule, batch);
        if !rejected.is_empty() {
            return Err(PutError::Records(rejected));
        }
        if actions.is_empty() {
            return Ok(Value::Null);
        }
        let path: Vec<&str> = self.rule.fixed_index().into_iter().chain(["_bulk"]).collect();
        let headers: Map<_, _> = self
            .cluster
            .auth_names()
            .into_iter()
            .map(|name| (name.to_owned(), "[redacted]".into()))
            .collect();
        Ok(json!({
            "method": "POST",
            "url": self.cluster.bulk_url(&path)?.as_str(),
            "headers": headers,
            "body": lines(&body),
        }))
    }

    async fn check(&self) -> Vec<Finding> {
        let index = self.rule.index_at(Timestamp::now());
        check::findings(&self.cluster, &self.settings, self.rule.fixed_index(), index.as_deref()).await
    }
}

fn lines(body: &[u8]) -> Vec<Value> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| Json::from_slice(line).ok()).map(Json::into_value).collect()
}
