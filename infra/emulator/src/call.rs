//! What arrived, in order.

use serde_json::Value;

use crate::Operation;

/// One request that named an operation, whether it was answered well, badly or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation that was asked for.
    pub operation: Operation,
    /// The ids of the custom documents it named, in order; as far as the body could be read.
    pub document_ids: Vec<String>,
    /// The client token it carried, if any.
    pub client_token: Option<String>,
    /// The HTTP status of the answer, received or not; `None` while there is none, and for good
    /// when a fault dropped the connection.
    pub status: Option<u16>,
}

impl Call {
    /// Reads what it can of `body`, which may break every rule of the model.
    pub(crate) fn arrived(operation: Operation, body: Option<&Value>) -> Self {
        let body = body.unwrap_or(&Value::Null);
        Self {
            operation,
            document_ids: document_ids(body),
            client_token: body.get("clientToken").and_then(Value::as_str).map(str::to_owned),
            status: None,
        }
    }
}

fn document_ids(body: &Value) -> Vec<String> {
    let ingested = ids(body.get("documents"), "/content/custom/customDocumentIdentifier/id");
    let named = ids(body.get("documentIdentifiers"), "/custom/id");
    ingested.chain(named).collect()
}

fn ids<'a>(list: Option<&'a Value>, pointer: &'static str) -> impl Iterator<Item = String> + 'a {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(move |item| item.pointer(pointer)?.as_str().map(str::to_owned))
}
