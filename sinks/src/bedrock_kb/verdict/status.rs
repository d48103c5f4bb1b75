//! What a document's status means. Pure.
//!
//! Statuses and what they say: botocore 1.44.5, `bedrock-agent` 2023-06-05. Which of them are final is not stated
//! there; that is read from their descriptions.

use aws_sdk_bedrockagent::types::{CustomDocumentIdentifier, DocumentStatus, KnowledgeBaseDocumentDetail};
use sluice_connector_api::{Confirmation, Failure};

use sluice_wire::one_line;

use super::subject;
use crate::bedrock_kb::mapping::ChangeKind;

/// Says what became of one document of a call that was accepted (202).
///
/// An answer without any document is taken for acceptance of them all: that is how Bedrock may answer a client
/// token that it has seen ("ignores the request, but does not return an error"). In an answer that lists some,
/// a document that is not among them counts as not stored.
pub(crate) fn accepted(
    kind: ChangeKind,
    id: &str,
    details: &[KnowledgeBaseDocumentDetail],
) -> Result<(), Failure> {
    if details.is_empty() {
        return Ok(());
    }
    let Some(detail) = find(id, details) else {
        return Err(Failure::retriable(format!(
            "document {id} is missing in the answer to the call that named it"
        )));
    };
    match (kind, detail.status()) {
        (_, DocumentStatus::Failed | DocumentStatus::Ignored)
        | (ChangeKind::Write, DocumentStatus::NotFound | DocumentStatus::MetadataUpdateFailed) => {
            Err(not_stored(id, detail))
        }
        // Its deletion was asked for earlier and may yet take the new text along.
        (ChangeKind::Write, DocumentStatus::Deleting | DocumentStatus::DeleteInProgress) => {
            Err(Failure::retriable(named(id, detail)).with_detail(detail.status_reason().unwrap_or_default()))
        }
        _ => Ok(()),
    }
}

/// Says what is known of a document some time after its call was accepted.
///
/// A document that is indexed in part is not what was asked for, and putting it again would hardly change that: it
/// counts as rejected, with the service's reason. One that is not there may be on its way, until the time is up.
pub(crate) fn confirmed(kind: ChangeKind, id: &str, details: &[KnowledgeBaseDocumentDetail]) -> Confirmation {
    let Some(detail) = find(id, details) else {
        return Confirmation::Pending;
    };
    match (kind, detail.status()) {
        (ChangeKind::Write, DocumentStatus::Indexed) | (ChangeKind::Delete, DocumentStatus::NotFound) => {
            Confirmation::Stored
        }
        (_, DocumentStatus::Failed | DocumentStatus::Ignored)
        | (
            ChangeKind::Write,
            DocumentStatus::PartiallyIndexed
            | DocumentStatus::MetadataPartiallyIndexed
            | DocumentStatus::MetadataUpdateFailed,
        ) => Confirmation::Failed(not_stored(id, detail)),
        _ => Confirmation::Pending,
    }
}

fn find<'a>(id: &str, details: &'a [KnowledgeBaseDocumentDetail]) -> Option<&'a KnowledgeBaseDocumentDetail> {
    details.iter().find(|detail| {
        let custom = detail.identifier().and_then(|identifier| identifier.custom());
        custom.map(CustomDocumentIdentifier::id) == Some(id)
    })
}

/// Makes the failure of a document that was not taken. Where the service speaks of the set-up, no document is at fault.
fn not_stored(id: &str, detail: &KnowledgeBaseDocumentDetail) -> Failure {
    let words = detail.status_reason().unwrap_or_default();
    let reason = named(id, detail);
    let failure = if subject::is_set_up(words, &[], &[id]) {
        let about = "this is about the knowledge base and not about a record";
        Failure::fatal(format!("{reason}: {}; {about}", unquoted(words)))
    } else {
        // What the service says of a document may hold any of it.
        Failure::rejected(format!("{reason}; `sluice kb status` shows what the service says of it"))
    };
    failure.with_detail(words)
}

fn named(id: &str, detail: &KnowledgeBaseDocumentDetail) -> String {
    format!("document {} is {}", shown_id(id), detail.status())
}

/// As much of an id as a reason shows, which may be a record's key.
pub(crate) fn shown_id(id: &str) -> String {
    const SHOWN_CHARS: usize = 100;
    let shown: String = one_line(id).chars().take(SHOWN_CHARS).collect();
    if shown.len() < id.len() { format!("{shown}...") } else { shown }
}

/// As much of the service's words as a reason shows, without what it quotes, which may be a piece of the document.
fn unquoted(words: &str) -> String {
    const SHOWN_CHARS: usize = 300;
    let (mut shown, mut awaited) = (String::new(), None);
    for char in one_line(words).chars().take(SHOWN_CHARS) {
        match awaited {
            Some(end) if char == end => {
                shown.push_str("...");
                shown.push(char);
                awaited = None;
            }
            Some(_) => {}
            None => {
                awaited = matches!(char, '"' | '`').then_some(char);
                shown.push(char);
            }
        }
    }
    shown
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
mod tests {
    use sluice_connector_api::FailureKind;

    use super::*;
    use crate::bedrock_kb::mapping::identifier;

    const ALL: [&str; 13] = [
        "INDEXED",
        "PARTIALLY_INDEXED",
        "PENDING",
        "FAILED",
        "METADATA_PARTIALLY_INDEXED",
        "METADATA_UPDATE_FAILED",
        "IGNORED",
        "NOT_FOUND",
        "STARTING",
        "IN_PROGRESS",
        "DELETING",
        "DELETE_IN_PROGRESS",
        "QUEUED",
    ];

    fn details(id: &str, status: &str) -> [KnowledgeBaseDocumentDetail; 1] {
        let detail = KnowledgeBaseDocumentDetail::builder()
            .knowledge_base_id("KB12345678")
            .data_source_id("DS12345678")
            .status(DocumentStatus::from(status))
            .status_reason("because")
            .set_identifier(identifier(id).ok());
        [detail.build().unwrap()]
    }

    /// The statuses that are so accepted.
    fn accepted_as(kind: ChangeKind, expected: Option<FailureKind>) -> Vec<&'static str> {
        let of =
            |status: &str| accepted(kind, "a", &details("a", status)).err().map(|failure| failure.kind());
        ALL.into_iter().filter(|status| of(status) == expected).collect()
    }

    /// The statuses that confirm a change, and those that deny it.
    fn confirmed_as(kind: ChangeKind) -> (Vec<&'static str>, Vec<&'static str>) {
        let of = |status: &str| match confirmed(kind, "a", &details("a", status)) {
            Confirmation::Pending => None,
            Confirmation::Stored => Some(true),
            Confirmation::Failed(failure) => {
                assert_eq!(failure.kind(), FailureKind::Rejected);
                assert!(failure.to_string().starts_with(&format!("document a is {status}; ")), "{failure}");
                assert_eq!(failure.detail(), Some("because"));
                Some(false)
            }
        };
        let those = |wanted: bool| ALL.into_iter().filter(|status| of(status) == Some(wanted)).collect();
        (those(true), those(false))
    }

    #[test]
    fn a_write_is_accepted_unless_the_service_says_that_it_comes_to_nothing() {
        let rejected = accepted_as(ChangeKind::Write, Some(FailureKind::Rejected));
        assert_eq!(rejected, ["FAILED", "METADATA_UPDATE_FAILED", "IGNORED", "NOT_FOUND"]);
        let again = accepted_as(ChangeKind::Write, Some(FailureKind::Retriable));
        assert_eq!(again, ["DELETING", "DELETE_IN_PROGRESS"]);
    }

    #[test]
    fn a_delete_of_what_is_not_there_is_accepted() {
        assert_eq!(accepted_as(ChangeKind::Delete, Some(FailureKind::Rejected)), ["FAILED", "IGNORED"]);
        assert_eq!(accepted_as(ChangeKind::Delete, Some(FailureKind::Retriable)), [""; 0]);
    }

    #[test]
    fn a_document_that_the_answer_leaves_out_is_not_stored_and_an_answer_without_any_accepts_all() {
        let left_out = accepted(ChangeKind::Write, "b", &details("a", "STARTING")).unwrap_err();
        assert_eq!(left_out.kind(), FailureKind::Retriable);
        assert!(accepted(ChangeKind::Write, "b", &[]).is_ok());
        assert!(accepted(ChangeKind::Delete, "b", &[]).is_ok());
    }

    #[test]
    fn only_the_whole_document_indexed_is_proof() {
        let (stored, failed) = confirmed_as(ChangeKind::Write);
        assert_eq!(stored, ["INDEXED"]);
        let denied = [
            "PARTIALLY_INDEXED",
            "FAILED",
            "METADATA_PARTIALLY_INDEXED",
            "METADATA_UPDATE_FAILED",
            "IGNORED",
        ];
        assert_eq!(failed, denied);
    }

    fn failed_for(words: &str) -> Failure {
        let mut details = details("a-long-id", "FAILED");
        details[0].status_reason = Some(words.to_owned());
        accepted(ChangeKind::Write, "a-long-id", &details).unwrap_err()
    }

    #[test]
    fn a_document_that_fails_for_the_sake_of_the_set_up_stops_the_connector() {
        let failure = failed_for("The role of the knowledge base may not invoke its embedding model");
        assert_eq!(failure.kind(), FailureKind::Fatal, "{failure}");
        let failure = failed_for("a-long-id is too long for the knowledge base");
        assert_eq!(failure.kind(), FailureKind::Rejected, "{failure}");
    }

    #[test]
    fn a_reason_is_bounded_and_has_nothing_of_what_the_service_says_of_a_document() {
        for words in ["cannot read \"card 4111\"\n or `4111` either", "cannot read card 4111 of J. Doe"] {
            let failure = failed_for(words);
            assert!(failure.to_string().starts_with("document a-long-id is FAILED; `sluice kb status`"));
            assert!(!failure.to_string().contains("4111"), "{failure}");
            assert_eq!(failure.detail(), Some(words));
        }
        let set_up = failed_for("the role of the knowledge base may not use \"card 4111\"").to_string();
        assert!(set_up.contains("may not use \"...\"; this is about the knowledge base"), "{set_up}");
        assert!(failed_for(&"the role of the knowledge base may not ".repeat(900)).to_string().len() < 500);
        assert!(failed_for(&"x".repeat(9000)).to_string().len() < 400);
        assert_eq!(shown_id(&"k".repeat(300)), format!("{}...", "k".repeat(100)));
    }

    #[test]
    fn a_deleted_document_is_gone_when_it_is_not_found() {
        assert_eq!(confirmed_as(ChangeKind::Delete), (vec!["NOT_FOUND"], vec!["FAILED", "IGNORED"]));
    }

    #[test]
    fn a_document_that_is_not_listed_is_pending() {
        assert!(matches!(confirmed(ChangeKind::Write, "b", &details("a", "INDEXED")), Confirmation::Pending));
        assert!(matches!(confirmed(ChangeKind::Delete, "b", &[]), Confirmation::Pending));
    }
}
