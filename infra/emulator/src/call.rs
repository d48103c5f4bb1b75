//! What arrived, in order.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Operation;
use crate::operation::OperationTarget;

/// One request that named an operation, whether it was answered well, badly or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it arrived.
    pub at: Timestamp,
    /// The operation that was asked for.
    pub operation: Operation,
    /// The id or ARN of the knowledge base in the path, if there was one.
    pub knowledge_base_id: Option<String>,
    /// The id of the data source in the path, if there was one.
    pub data_source_id: Option<String>,
    /// The ids of the documents it named, in order; as far as the body could be read.
    pub document_ids: Vec<String>,
    /// The client token it carried, if any.
    pub client_token: Option<String>,
    /// When it was answered; `None` while it is not, and for good when a fault dropped the connection.
    pub answered_at: Option<Timestamp>,
    /// The HTTP status of the answer, received or not; `None` as with `answered_at`.
    pub status: Option<u16>,
    /// The code of the error that it was answered with.
    pub error: Option<String>,
}

impl Call {
    /// Reads what it can of `body`, which may break every rule of the model.
    pub(crate) fn arrived(at: Timestamp, target: &OperationTarget, body: Option<&Value>) -> Self {
        let body = body.unwrap_or(&Value::Null);
        Self {
            at,
            operation: target.operation,
            knowledge_base_id: target.knowledge_base.clone(),
            data_source_id: target.data_source.clone(),
            document_ids: document_ids(body),
            client_token: body.get("clientToken").and_then(Value::as_str).map(str::to_owned),
            answered_at: None,
            status: None,
            error: None,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "at": self.at.to_string(),
            "operation": self.operation.name(),
            "knowledge_base_id": self.knowledge_base_id,
            "data_source_id": self.data_source_id,
            "document_ids": self.document_ids,
            "client_token": self.client_token,
            "answered_at": self.answered_at.map(|at| at.to_string()),
            "status": self.status,
            "error": self.error,
        })
    }
}

fn document_ids(body: &Value) -> Vec<String> {
    let custom = ids(body.get("documents"), "/content/custom/customDocumentIdentifier/id");
    let objects = ids(body.get("documents"), "/content/s3/s3Location/uri");
    let named = ids(body.get("documentIdentifiers"), "/custom/id");
    let named_objects = ids(body.get("documentIdentifiers"), "/s3/uri");
    custom.chain(objects).chain(named).chain(named_objects).collect()
}

fn ids<'a>(list: Option<&'a Value>, pointer: &'static str) -> impl Iterator<Item = String> + 'a {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(move |item| item.pointer(pointer)?.as_str().map(str::to_owned))
}
