//! What becomes of documents in the course of time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::DocumentStatus::{Deleting, Failed, Ignored, InProgress, Indexed, NotFound, Starting};
use crate::Fault;
use crate::rule::DocumentSelector;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_000_000 + milliseconds).unwrap()
}

fn store() -> Store {
    store_with(Duration::from_millis(100))
}

fn store_with(delay: Duration) -> Store {
    let place = Place { knowledge_base_id: "KB".to_owned(), data_source_id: "DS".to_owned() };
    Store::new(place, delay)
}

fn document(id: &str, text: &str) -> NewDocument {
    NewDocument {
        id: id.to_owned(),
        text: text.to_owned(),
        content: DocumentContent::Text,
        attributes: Map::new(),
    }
}

fn ingest(store: &mut Store, now: i64, ids: &[&str]) -> Vec<DocumentStatus> {
    let documents = ids.iter().map(|id| document(id, "some text")).collect();
    statuses(&store.ingest(at(now), None, documents, &[], &[]))
}

fn delete(store: &mut Store, now: i64, id: &str) -> Vec<DocumentStatus> {
    statuses(&store.delete(at(now), None, vec![id.to_owned()], &[]))
}

fn status(store: &Store, now: i64, id: &str) -> Vec<DocumentStatus> {
    statuses(&store.get(at(now), vec![id.to_owned()]))
}

fn statuses(details: &[Detail]) -> Vec<DocumentStatus> {
    details.iter().map(|detail| detail.status).collect()
}

fn faults(fault: Fault) -> Vec<DocumentFault> {
    match fault {
        Fault::Documents(faults) => faults,
        _ => Vec::new(),
    }
}

fn page(max_results: usize, next_token: Option<&str>) -> Paging {
    Paging { max_results, next_token: next_token.map(str::to_owned) }
}

fn listed(page: &ListPage) -> Vec<&str> {
    let details = page.details.iter();
    details.map(|detail| detail.id.as_str()).collect()
}

#[test]
fn a_document_goes_from_starting_to_indexed_as_time_passes() {
    let mut store = store();
    assert_eq!(ingest(&mut store, 0, &["a"]), [Starting]);
    assert_eq!(status(&store, 49, "a"), [Starting]);
    assert_eq!(status(&store, 50, "a"), [InProgress]);
    assert_eq!(status(&store, 99, "a"), [InProgress]);
    assert_eq!(status(&store, 100, "a"), [Indexed]);
}

#[test]
fn an_answer_says_starting_even_without_a_delay() {
    let mut store = store_with(Duration::ZERO);
    assert_eq!(ingest(&mut store, 0, &["a"]), [Starting]);
    assert_eq!(status(&store, 0, "a"), [Indexed]);
}

#[test]
fn ingesting_an_id_again_replaces_text_and_starts_over() {
    let mut store = store();
    store.ingest(at(0), None, vec![document("a", "old")], &[], &[]);
    store.ingest(at(150), None, vec![document("a", "new")], &[], &[]);
    assert_eq!(status(&store, 160, "a"), [Starting]);
    assert!(store.retrieve(at(260), "old").is_empty());
    assert_eq!(store.retrieve(at(260), "new").len(), 1);
    assert_eq!(store.documents(at(260)).len(), 1);
}

#[test]
fn a_deleted_document_is_deleting_and_then_not_found() {
    let mut store = store();
    ingest(&mut store, 0, &["a"]);
    assert_eq!(delete(&mut store, 200, "a"), [Deleting]);
    assert_eq!(delete(&mut store, 290, "a"), [Deleting]);
    assert_eq!(status(&store, 299, "a"), [Deleting]);
    assert_eq!(status(&store, 300, "a"), [NotFound]);
    assert_eq!(delete(&mut store, 300, "a"), [NotFound]);
    assert!(store.documents(at(300)).is_empty());
}

#[test]
fn an_id_that_never_was_is_not_found_and_not_listed() {
    let mut store = store();
    assert_eq!(delete(&mut store, 0, "a"), [NotFound]);
    assert_eq!(status(&store, 0, "a"), [NotFound]);
    assert!(store.list(at(0), &page(10, None)).unwrap().details.is_empty());
}

#[test]
fn a_deleted_document_lingers_in_the_list() {
    let mut store = store();
    ingest(&mut store, 0, &["a"]);
    delete(&mut store, 0, "a");
    let page = store.list(at(200), &page(10, None)).unwrap();
    assert_eq!(statuses(&page.details), [NotFound]);
}

#[test]
fn a_client_token_that_comes_again_changes_nothing() {
    let mut store = store();
    let token = || Some("t".repeat(40));
    let first = store.ingest(at(0), token(), vec![document("a", "old")], &[], &[]);
    let again = store.ingest(at(70), token(), vec![document("b", "new")], &[], &[]);
    assert_eq!(first, again);
    let documents = store.documents(at(70));
    let texts: Vec<_> = documents.iter().map(|d| d.text.as_str()).collect();
    assert_eq!(texts, ["old"]);
}

#[test]
fn a_client_token_belongs_to_its_operation() {
    let mut store = store();
    let token = || Some("t".repeat(40));
    store.ingest(at(0), token(), vec![document("a", "text")], &[], &[]);
    let details = store.delete(at(0), token(), vec!["a".to_owned()], &[]);
    assert_eq!(statuses(&details), [Deleting]);
}

#[test]
fn pages_follow_one_another_until_there_is_no_token() {
    let mut store = store();
    ingest(&mut store, 0, &["c", "a", "b", "d"]);
    let first = store.list(at(0), &page(3, None)).unwrap();
    assert_eq!(listed(&first), ["a", "b", "c"]);
    // A document that comes in between neither repeats nor hides another.
    ingest(&mut store, 0, &["aa"]);
    let second = store.list(at(0), &page(3, first.next_token.as_deref())).unwrap();
    assert_eq!(listed(&second), ["d"]);
    assert_eq!(second.next_token, None);
}

#[test]
fn a_page_that_is_just_full_has_no_token() {
    let mut store = store();
    ingest(&mut store, 0, &["a", "b"]);
    assert_eq!(store.list(at(0), &page(2, None)).unwrap().next_token, None);
}

#[test]
fn a_token_that_was_never_handed_out_is_unknown() {
    let mut store = store();
    for token in ["page-0", "page-1", "page-", "x"] {
        assert!(store.list(at(0), &page(2, Some(token))).is_none(), "{token}");
    }
}

#[test]
fn retrieval_sees_only_what_is_indexed() {
    let mut store = store();
    ingest(&mut store, 0, &["a"]);
    ingest(&mut store, 50, &["b"]);
    let found = |store: &Store, now| store.retrieve(at(now), "text").len();
    assert_eq!(found(&store, 99), 0);
    assert_eq!(found(&store, 100), 1);
    assert_eq!(found(&store, 150), 2);
    delete(&mut store, 150, "a");
    assert_eq!(found(&store, 150), 1);
}

#[test]
fn a_faulted_document_keeps_its_status_until_it_is_ingested_again() {
    let mut store = store();
    let faults = faults(Fault::document("b", Failed, "no reason"));
    let documents = vec![document("a", "text"), document("b", "text")];
    let details = store.ingest(at(0), None, documents, &faults, &[]);
    assert_eq!(statuses(&details), [Starting, Failed]);
    assert_eq!(details.last().unwrap().reason.as_deref(), Some("no reason"));
    assert_eq!(status(&store, 500, "b"), [Failed]);
    assert_eq!(store.retrieve(at(500), "text").len(), 1);
    ingest(&mut store, 500, &["b"]);
    assert_eq!(status(&store, 600, "b"), [Indexed]);
}

#[test]
fn a_document_can_be_faulted_by_its_place() {
    let mut store = store();
    ingest(&mut store, 0, &["a", "b"]);
    let faults = faults(Fault::document(1, Ignored, "skipped"));
    let ids = vec!["a".to_owned(), "b".to_owned()];
    let details = store.delete(at(200), None, ids, &faults);
    assert_eq!(statuses(&details), [Deleting, Ignored]);
}

#[test]
fn a_document_that_a_rule_fits_settles_otherwise_and_says_why() {
    let mut store = store();
    let rule = |documents, status, after| Rule {
        documents,
        outcome: DocumentOutcome::Settles { status, reason: "too odd".to_owned(), after },
    };
    let rules = [
        rule(DocumentSelector::Id("a".to_owned()), Failed, None),
        rule(DocumentSelector::TextContains("skip".to_owned()), Ignored, Some(Duration::from_secs(1))),
    ];
    let documents = vec![document("a", "text"), document("b", "skip this"), document("c", "text")];
    let details = store.ingest(at(0), None, documents, &[], &rules);
    assert_eq!(statuses(&details), [Starting, Starting, Starting]);
    assert_eq!((status(&store, 99, "a"), status(&store, 100, "a")), (vec![InProgress], vec![Failed]));
    assert_eq!((status(&store, 999, "b"), status(&store, 1000, "b")), (vec![InProgress], vec![Ignored]));
    assert_eq!(status(&store, 100, "c"), [Indexed]);
    let reasons: Vec<_> = store.documents(at(100)).into_iter().map(|d| d.status_reason).collect();
    assert_eq!(reasons, [Some("too odd".to_owned()), None, None]);
}
