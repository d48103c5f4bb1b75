//! Bodies that the model, or the service, refuses; and what becomes of those that it takes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use serde_json::json;

use super::*;

fn target(operation: Operation) -> OperationTarget {
    let has_data_source = operation != Operation::Retrieve;
    OperationTarget {
        operation,
        knowledge_base: Some("DEMOKB0001".to_owned()),
        data_source: has_data_source.then(|| "DEMODS0001".to_owned()),
    }
}

fn parse_as(operation: Operation, body: &Value) -> Result<Request, ServiceError> {
    parse(&target(operation), body, &Settings::default())
}

#[test]
fn a_body_holds_any_names() {
    for text in
        [r#"{"a":{"$serde_json::private::Number":7}}"#, r#"{"a":{"$serde_json::private::Number":"7"}}"#]
    {
        assert_eq!(read(text.as_bytes()).unwrap().to_string(), text);
    }
}

fn document(id: &str) -> Value {
    json!({ "content": {
        "dataSourceType": "CUSTOM",
        "custom": {
            "customDocumentIdentifier": { "id": id },
            "sourceType": "IN_LINE",
            "inlineContent": { "type": "TEXT", "textContent": { "data": "some text" } },
        },
    } })
}

/// Returns the paths refused when `change` is applied to a sound document.
fn refused(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut document = document("a");
    change(&mut document);
    let error = parse_as(Operation::Ingest, &json!({ "documents": [document] })).unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (400, "ValidationException"));
    let violations = error.violations.into_iter();
    violations.map(|violation| violation.path).collect()
}

fn with_attribute(value: &Value) -> impl FnOnce(&mut Value) {
    let attributes = json!([{ "key": "k", "value": value }]);
    move |document| {
        document["metadata"] = json!({
            "type": "IN_LINE_ATTRIBUTE",
            "inlineAttributes": attributes,
        });
    }
}

const INLINE: &str = "documents[0].content.custom.inlineContent";
const VALUE: &str = "documents[0].metadata.inlineAttributes[0].value";

#[test]
fn reads_a_document_with_attributes_of_every_type() {
    let mut sound = document("a");
    sound["metadata"] = json!({ "type": "IN_LINE_ATTRIBUTE", "inlineAttributes": [
        { "key": "s", "value": { "type": "STRING", "stringValue": "x" } },
        { "key": "n", "value": { "type": "NUMBER", "numberValue": 44.5 } },
        { "key": "b", "value": { "type": "BOOLEAN", "booleanValue": true } },
        { "key": "l", "value": { "type": "STRING_LIST", "stringListValue": ["x", "y"] } },
    ] });
    let request = parse_as(Operation::Ingest, &json!({ "documents": [sound] })).unwrap();
    let Request::Ingest { documents, .. } = request else { panic!("{request:?}") };
    let attributes = json!({ "s": "x", "n": 44.5, "b": true, "l": ["x", "y"] });
    assert_eq!(documents.len(), 1);
    let document = documents.first().unwrap();
    assert_eq!(document.id, "a");
    assert_eq!(document.text, "some text");
    assert_eq!(Value::Object(document.attributes.clone()), attributes);
}

#[test]
fn refuses_what_the_model_does_not_allow_and_names_the_path() {
    let custom = "documents[0].content.custom";
    let id = format!("{custom}.customDocumentIdentifier.id");
    assert_eq!(refused(|d| d["content"] = Value::Null), ["documents[0].content"]);
    assert_eq!(refused(|d| d["extra"] = json!(1)), ["documents[0].extra"]);
    assert_eq!(
        refused(|d| d["content"]["dataSourceType"] = json!("WEB")),
        ["documents[0].content.dataSourceType"]
    );
    for bad in [json!(""), json!("x".repeat(2049)), json!(7)] {
        let change = |d: &mut Value| d["content"]["custom"]["customDocumentIdentifier"]["id"] = bad;
        assert_eq!(refused(change), [id.as_str()]);
    }
}

#[test]
fn asks_for_the_member_that_the_type_announces_and_refuses_the_others() {
    assert_eq!(refused(|d| d["content"]["custom"]["inlineContent"] = Value::Null), [INLINE]);
    assert_eq!(
        refused(|d| d["content"]["custom"]["inlineContent"]["type"] = json!("BYTE")),
        [format!("{INLINE}.byteContent"), format!("{INLINE}.textContent")]
    );
    assert_eq!(
        refused(with_attribute(&json!({ "type": "STRING", "numberValue": 1 }))),
        [format!("{VALUE}.numberValue"), format!("{VALUE}.stringValue")]
    );
}

#[test]
fn refuses_attribute_values_that_aws_would_refuse() {
    for (kind, member, value) in [
        ("STRING", "stringValue", json!("")),
        ("STRING", "stringValue", json!("x".repeat(2049))),
        ("STRING_LIST", "stringListValue", json!([])),
        ("STRING_LIST", "stringListValue", json!(vec!["x"; 11])),
        ("NUMBER", "numberValue", json!("1")),
        ("BOOLEAN", "booleanValue", json!("true")),
    ] {
        let path = refused(with_attribute(&json!({ "type": kind, member: value })));
        assert_eq!(path, [format!("{VALUE}.{member}")]);
    }
}

#[test]
fn refuses_reserved_keys_and_metadata_that_is_not_inline() {
    let reserved = json!([{
        "key": "x-amz-bedrock-kb-chunk-id",
        "value": { "type": "STRING", "stringValue": "x" },
    }]);
    assert_eq!(
        refused(|d| d["metadata"] = json!({ "type": "IN_LINE_ATTRIBUTE", "inlineAttributes": reserved })),
        ["documents[0].metadata"]
    );
    let elsewhere = json!({ "type": "S3_LOCATION", "s3Location": { "uri": "s3://bucket/key" } });
    assert_eq!(refused(|d| d["metadata"] = elsewhere), ["documents[0].metadata"], "the content is inline");
}

#[test]
fn refuses_blank_text_but_counts_long_text_in_characters() {
    let data = format!("{INLINE}.textContent.data");
    let set = |text: String| {
        move |d: &mut Value| {
            d["content"]["custom"]["inlineContent"]["textContent"]["data"] = json!(text);
        }
    };
    assert_eq!(refused(set(" \n".to_owned())), [data.as_str()]);
    assert_eq!(refused(set("x".repeat(5_242_881))), [data.as_str()]);
    let mut longest = document("a");
    set("ä".repeat(5_242_880))(&mut longest);
    assert!(parse_as(Operation::Ingest, &json!({ "documents": [longest] })).is_ok());
}

/// Reads the one document that `change` makes of a sound one.
fn read_document(change: impl FnOnce(&mut Value)) -> NewDocument {
    let mut document = document("a");
    change(&mut document);
    let request = parse_as(Operation::Ingest, &json!({ "documents": [document] })).unwrap();
    let Request::Ingest { mut documents, .. } = request else { panic!("{request:?}") };
    documents.remove(0)
}

#[test]
fn reads_bytes_and_the_text_they_hold() {
    let bytes = |data: &str| {
        let content = json!({ "type": "BYTE", "byteContent": { "mimeType": "text/csv", "data": data } });
        move |d: &mut Value| d["content"]["custom"]["inlineContent"] = content
    };
    let mime_type = || "text/csv".to_owned();
    let document = read_document(bytes("aGk="));
    assert_eq!(document.text, "hi");
    assert_eq!(document.content, DocumentContent::Bytes { mime_type: mime_type(), data: b"hi".to_vec() });
    let document = read_document(bytes("/w=="));
    assert_eq!(document.text, "");
    assert_eq!(document.content, DocumentContent::Bytes { mime_type: mime_type(), data: vec![0xff] });
    assert_eq!(refused(bytes("aGk")), [format!("{INLINE}.byteContent.data")]);
    assert_eq!(refused(bytes("")), [format!("{INLINE}.byteContent.data")]);
}

#[test]
fn reads_locations_and_takes_metadata_from_there_too() {
    let uri = "s3://bucket/key";
    let content = || DocumentContent::S3Location { uri: uri.to_owned() };
    let metadata = json!({ "type": "S3_LOCATION", "s3Location": { "uri": "s3://bucket/key.json" } });
    let located = json!({
        "customDocumentIdentifier": { "id": "a" },
        "sourceType": "S3_LOCATION",
        "s3Location": { "uri": uri },
    });
    let document = read_document(|d| {
        d["content"]["custom"] = located;
        d["metadata"] = metadata;
    });
    assert_eq!((document.id.as_str(), document.content), ("a", content()));
    let object = json!({ "dataSourceType": "S3", "s3": { "s3Location": { "uri": uri } } });
    let document = read_document(|d| d["content"] = object);
    assert_eq!((document.id.as_str(), document.content), (uri, content()));
}

#[test]
fn limits_how_many_documents_a_request_may_carry() {
    let many = |count: usize| -> Value {
        let documents: Vec<Value> = (0..count).map(|i| document(&i.to_string())).collect();
        json!({ "documents": documents })
    };
    let ingest = |count, limit| {
        let settings = Settings { max_documents_per_ingest: limit, ..Settings::default() };
        parse(&target(Operation::Ingest), &many(count), &settings)
    };
    assert!(ingest(10, 10).is_ok());
    assert!(ingest(25, 25).is_ok());
    for (count, limit) in [(0, 10), (11, 10), (26, 25)] {
        let error = ingest(count, limit).unwrap_err();
        assert_eq!(error.violations.first().unwrap().path, "documents");
    }
}

#[test]
fn refuses_the_same_id_twice_in_one_request() {
    let named = json!({ "dataSourceType": "CUSTOM", "custom": { "id": "a" } });
    let identifiers = json!({ "documentIdentifiers": [named, named] });
    let documents = json!({ "documents": [document("a"), document("a")] });
    for (operation, body) in
        [(Operation::Ingest, &documents), (Operation::Delete, &identifiers), (Operation::Get, &identifiers)]
    {
        let error = parse_as(operation, body).unwrap_err();
        assert_eq!(error.message, "You provided duplicate documents in the request.");
    }
}

#[test]
fn checks_the_client_token() {
    let with = |token: &str| {
        let body = json!({ "clientToken": token, "documents": [document("a")] });
        parse_as(Operation::Ingest, &body)
    };
    assert!(with("123e4567-e89b-12d3-a456-426614174000").is_ok());
    assert!(with(&"f".repeat(64)).is_ok());
    let bad = ["x".repeat(32), "x".repeat(257), "-".repeat(36), "ä".repeat(36)];
    for token in bad {
        let error = with(&token).unwrap_err();
        assert_eq!(error.violations.first().unwrap().path, "clientToken");
    }
}

#[test]
fn checks_the_ids_of_the_path() {
    let mut short = target(Operation::List);
    short.knowledge_base = Some("short".to_owned());
    short.data_source = Some("DEMO-S0001".to_owned());
    let error = parse(&short, &json!({}), &Settings::default()).unwrap_err();
    let names: Vec<_> = error.violations.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(names, ["knowledgeBaseId", "dataSourceId"]);
}

#[test]
fn a_filter_has_one_test_and_a_group_has_two_filters() {
    let refused = |filter: Value| {
        let body = json!({
            "retrievalQuery": { "text": "x" },
            "retrievalConfiguration": { "vectorSearchConfiguration": { "filter": filter } },
        });
        parse_as(Operation::Retrieve, &body)
            .err()
            .and_then(|error| Some(error.violations.first()?.path.clone()))
    };
    let sound = json!({ "equals": { "key": "k", "value": 1 } });
    let path = "retrievalConfiguration.vectorSearchConfiguration.filter";
    assert_eq!(refused(sound.clone()), None);
    assert_eq!(refused(json!({ "andAll": [sound, sound] })), None);
    assert_eq!(refused(json!({ "andAll": [sound] })), Some(format!("{path}.andAll")));
    assert_eq!(refused(json!({})), Some(path.to_owned()));
    assert_eq!(refused(json!({ "like": { "key": "k", "value": 1 } })), Some(format!("{path}.like")));
    assert_eq!(refused(json!({ "equals": { "key": "k" } })), Some(format!("{path}.equals.value")));
    let long = json!({ "equals": { "key": "k".repeat(101), "value": 1 } });
    assert_eq!(refused(long), Some(format!("{path}.equals.key")));
}

#[test]
fn says_plainly_what_is_not_emulated() {
    let body = json!({
        "retrievalQuery": { "text": "x" },
        "retrievalConfiguration": { "vectorSearchConfiguration": { "rerankingConfiguration": {} } },
    });
    let error = parse_as(Operation::Retrieve, &body).unwrap_err();
    let path = "retrievalConfiguration.vectorSearchConfiguration.rerankingConfiguration";
    assert_eq!(error.violations.first().unwrap().path, path);
    assert!(error.message.contains("is not emulated"), "{error:?}");
}

#[test]
fn retrieves_five_results_unless_asked_for_another_number() {
    let with = |configuration: Value| {
        let body = json!({
            "retrievalQuery": { "text": "x" },
            "retrievalConfiguration": { "vectorSearchConfiguration": configuration },
        });
        parse_as(Operation::Retrieve, &body)
    };
    let expected = |max_results| {
        let paging = Paging { max_results, next_token: None };
        Ok(Request::Retrieve { query: "x".to_owned(), filter: None, paging })
    };
    assert_eq!(with(json!({})), expected(5));
    assert_eq!(with(json!({ "numberOfResults": 100 })), expected(100));
    assert!(with(json!({ "numberOfResults": 101 })).is_err());
    assert!(with(json!({ "numberOfResults": 0 })).is_err());
}

#[test]
fn refuses_a_body_that_is_too_large_or_not_json() {
    let large = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(read(&large).unwrap_err().code, "ValidationException");
    assert_eq!(read(b"{").unwrap_err().code, "ValidationException");
    assert_eq!(read(b"").unwrap(), json!({}));
    assert!(parse_as(Operation::List, &json!([])).is_err());
}
