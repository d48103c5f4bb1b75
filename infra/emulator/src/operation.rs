//! The operations, and the verb and path that name each of them on the wire.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// An operation of the emulated services. In JSON: `ingest`, `list_data_sources` and so on, or the service's name.
///
/// Verbs, paths and success statuses: botocore 1.44.5, `bedrock-agent` 2023-06-05 and
/// `bedrock-agent-runtime` 2023-07-26.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `IngestKnowledgeBaseDocuments`: stores documents, overwriting those with the same id.
    #[serde(alias = "IngestKnowledgeBaseDocuments")]
    Ingest,
    /// `ListKnowledgeBaseDocuments`: pages through all documents.
    #[serde(alias = "ListKnowledgeBaseDocuments")]
    List,
    /// `GetKnowledgeBaseDocuments`: tells the status of documents by id.
    #[serde(alias = "GetKnowledgeBaseDocuments")]
    Get,
    /// `DeleteKnowledgeBaseDocuments`: deletes documents by id.
    #[serde(alias = "DeleteKnowledgeBaseDocuments")]
    Delete,
    /// `Retrieve`: searches the indexed documents.
    #[serde(alias = "Retrieve")]
    Retrieve,
    /// `ListKnowledgeBases`: pages through the knowledge bases of the account.
    #[serde(alias = "ListKnowledgeBases")]
    ListKnowledgeBases,
    /// `GetKnowledgeBase`: describes a knowledge base.
    #[serde(alias = "GetKnowledgeBase")]
    GetKnowledgeBase,
    /// `ListDataSources`: pages through the data sources of a knowledge base.
    #[serde(alias = "ListDataSources")]
    ListDataSources,
    /// `GetDataSource`: describes a data source.
    #[serde(alias = "GetDataSource")]
    GetDataSource,
}

impl Operation {
    /// Returns the name the service model gives the operation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "IngestKnowledgeBaseDocuments",
            Self::List => "ListKnowledgeBaseDocuments",
            Self::Get => "GetKnowledgeBaseDocuments",
            Self::Delete => "DeleteKnowledgeBaseDocuments",
            Self::Retrieve => "Retrieve",
            Self::ListKnowledgeBases => "ListKnowledgeBases",
            Self::GetKnowledgeBase => "GetKnowledgeBase",
            Self::ListDataSources => "ListDataSources",
            Self::GetDataSource => "GetDataSource",
        }
    }

    /// Returns the HTTP status of a successful answer: 202 for what completes later, else 200.
    pub(crate) const fn success(self) -> u16 {
        match self {
            Self::Ingest | Self::Delete => 202,
            _ => 200,
        }
    }
}

/// What a request line asks for. The ids are decoded, but not checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OperationTarget {
    pub(crate) operation: Operation,
    /// `None` for what is about the whole account.
    pub(crate) knowledge_base: Option<String>,
    /// `None` for what is about the whole knowledge base.
    pub(crate) data_source: Option<String>,
}

/// Returns the target of a request line, or `None` when no operation has this verb and path. The lists of knowledge
/// bases and data sources have a slash at the end, as the model gives them; the SDKs for some languages leave it out.
pub(crate) fn route(method: &str, path: &str) -> Option<OperationTarget> {
    // Split before decoding: the ARN of a knowledge base arrives as one segment with `%2F` in it.
    let decoded: Vec<String> = path.split('/').map(decode).collect();
    let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let (operation, knowledge_base, data_source) = match (method, segments.as_slice()) {
        ("POST", ["", "knowledgebases"] | ["", "knowledgebases", ""]) => {
            (Operation::ListKnowledgeBases, None, None)
        }
        ("GET", ["", "knowledgebases", kb]) => (Operation::GetKnowledgeBase, Some(*kb), None),
        ("POST", ["", "knowledgebases", kb, "retrieve"]) => (Operation::Retrieve, Some(*kb), None),
        (
            "POST",
            ["", "knowledgebases", kb, "datasources"] | ["", "knowledgebases", kb, "datasources", ""],
        ) => (Operation::ListDataSources, Some(*kb), None),
        ("GET", ["", "knowledgebases", kb, "datasources", ds]) => {
            (Operation::GetDataSource, Some(*kb), Some(*ds))
        }
        (_, ["", "knowledgebases", kb, "datasources", ds, "documents", rest @ ..]) => {
            (document_operation(method, rest)?, Some(*kb), Some(*ds))
        }
        _ => return None,
    };
    Some(OperationTarget {
        operation,
        knowledge_base: knowledge_base.map(str::to_owned),
        data_source: data_source.map(str::to_owned),
    })
}

fn document_operation(method: &str, rest: &[&str]) -> Option<Operation> {
    match (method, rest) {
        ("PUT", []) => Some(Operation::Ingest),
        ("POST", []) => Some(Operation::List),
        ("POST", ["getDocuments"]) => Some(Operation::Get),
        ("POST", ["deleteDocuments"]) => Some(Operation::Delete),
        _ => None,
    }
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTS: &str = "/knowledgebases/KB/datasources/DS/documents";

    fn operation(method: &str, path: &str) -> Option<Operation> {
        route(method, path).map(|target| target.operation)
    }

    #[test]
    fn tells_ingest_from_list_by_the_verb_alone() {
        assert_eq!(operation("PUT", DOCUMENTS), Some(Operation::Ingest));
        assert_eq!(operation("POST", DOCUMENTS), Some(Operation::List));
        assert_eq!(operation("GET", DOCUMENTS), None);
    }

    #[test]
    fn routes_the_operations_that_have_a_path_of_their_own() {
        let below = |last: &str| operation("POST", &format!("{DOCUMENTS}/{last}"));
        assert_eq!(below("getDocuments"), Some(Operation::Get));
        assert_eq!(below("deleteDocuments"), Some(Operation::Delete));
        assert_eq!(below("elsewhere"), None);
        assert_eq!(operation("POST", "/knowledgebases/KB/retrieve"), Some(Operation::Retrieve));
    }

    #[test]
    fn lists_may_end_in_a_slash_and_single_things_do_not() {
        for slash in ["/", ""] {
            let lists = |path: &str| operation("POST", &format!("{path}{slash}"));
            assert_eq!(lists("/knowledgebases"), Some(Operation::ListKnowledgeBases));
            assert_eq!(lists("/knowledgebases/KB/datasources"), Some(Operation::ListDataSources));
        }
        assert_eq!(operation("GET", "/knowledgebases/KB"), Some(Operation::GetKnowledgeBase));
        assert_eq!(operation("GET", "/knowledgebases/KB/datasources/DS"), Some(Operation::GetDataSource));
        assert_eq!(operation("DELETE", "/knowledgebases/KB/datasources/DS"), None);
    }

    #[test]
    fn keeps_an_encoded_slash_inside_its_segment() {
        let target = route("POST", "/knowledgebases/a%2Fb/retrieve");
        assert_eq!(target.and_then(|t| t.knowledge_base).as_deref(), Some("a/b"));
    }
}
