//! The bytes on the wire, for every shape that a document has.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sluice_connector_api::{Payload, Record};

use super::{accepted, batch, exchanged, keyed, mirror, sink_at};
use sluice_plugin_testing::{text, with_value};

/// Puts a batch, and sees that the request is the one previewed, its token aside, and that the sizes add up to its body;
/// returns the body.
async fn body_of(changes: &Value, batch: &[Record]) -> Value {
    let (outcome, head, body) = exchanged(changes, batch, &accepted(r#"{"documentDetails":[]}"#)).await;
    outcome.unwrap();
    let sink = sink_at("http://127.0.0.1:1", changes);
    let preview = sink.preview(batch).unwrap();
    let line =
        format!("{} {} http/1.1", preview["method"].as_str().unwrap(), preview["path"].as_str().unwrap());
    assert_eq!(head.lines().next().unwrap(), line.to_ascii_lowercase());
    let members = serde_json::from_slice::<Map<String, Value>>(&body).unwrap();
    let mut expected = preview["body"].clone();
    expected["clientToken"] = members["clientToken"].clone();
    assert_eq!(Value::Object(members.clone()), expected);
    let mut empty = members.clone();
    let documents = empty.values_mut().find_map(Value::as_array_mut).unwrap();
    let commas = documents.len() - 1;
    documents.clear();
    let shell = Value::Object(empty).to_string().len();
    let sizes: usize = batch.iter().map(|record| sink.size_of(record)).sum();
    assert_eq!(body.len(), shell + commas + sizes);
    Value::Object(members)
}

#[tokio::test]
async fn a_text_is_inline_content() {
    let body = body_of(&json!({}), &batch()).await;
    let document = json!({ "content": { "dataSourceType": "CUSTOM", "custom": {
        "customDocumentIdentifier": { "id": "prices-0-0" }, "sourceType": "IN_LINE",
        "inlineContent": { "type": "TEXT", "textContent": { "data": "the price of OOOO is 44.50" } },
    } } });
    assert_eq!(body["documents"][0], document);
    assert_eq!(body["documents"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn any_text_is_measured_as_it_is_sent() {
    let every_ascii: String = (0..=0x7f).map(char::from).collect();
    let texts = ["a", "zażółć 🦀 \u{2028}", "\"quoted\"\\\n", &every_ascii];
    let records: Vec<_> = (0..).zip(texts).map(|(offset, value)| text(offset, value)).collect();
    body_of(&json!({}), &records).await;
}

#[tokio::test]
async fn bytes_are_base64_with_their_type() {
    let changes = json!({ "content": { "bytes": { "mime_type": "application/pdf" } } });
    let files = [b"%PDF-1.7\xff\x00".as_slice(), b"a", b"ab", &[0xfb; 1000]];
    let records: Vec<_> = (0..)
        .zip(files)
        .map(|(offset, file)| with_value(offset, Payload::Bytes(Bytes::copy_from_slice(file))))
        .collect();
    let body = body_of(&changes, &records).await;
    let custom = json!({
        "customDocumentIdentifier": { "id": "prices-0-0" }, "sourceType": "IN_LINE",
        "inlineContent": { "type": "BYTE", "byteContent": { "mimeType": "application/pdf", "data": "JVBERi0xLjf/AA==" } },
    });
    assert_eq!(body["documents"][0]["content"]["custom"], custom);
}

#[tokio::test]
async fn a_file_in_s3_is_named_by_its_address() {
    let record = || with_value(0, json!({ "path": "10-K/\"a\".pdf" }).into());
    let location = |owner: Option<&str>| {
        json!({ "content": { "s3_location": {
        "uri": "s3://filings/{{path}}", "bucket_owner": owner,
    } } })
    };
    let body = body_of(&location(None), &[record()]).await;
    let custom = json!({
        "customDocumentIdentifier": { "id": "prices-0-0" }, "sourceType": "S3_LOCATION",
        "s3Location": { "uri": "s3://filings/10-K/\"a\".pdf" },
    });
    assert_eq!(body["documents"][0]["content"], json!({ "dataSourceType": "CUSTOM", "custom": custom }));
    let body = body_of(&location(Some("123456789012")), &[record()]).await;
    let owner = &body["documents"][0]["content"]["custom"]["s3Location"]["bucketOwnerAccountId"];
    assert_eq!(owner, "123456789012");
}

#[tokio::test]
async fn attributes_stand_beside_the_content() {
    let changes = json!({
        "content": { "template": "a" },
        "metadata": { "attributes": {
            "s": { "string": "{{s}}" }, "n": { "number": "{{n}}" }, "b": { "boolean": "{{b}}" }, "l": { "string_list": "{{l}}" },
        } },
    });
    let value = json!({ "s": "\"zażółć\"", "n": 44.5, "b": false, "l": ["x", "\n"] });
    let body = body_of(&changes, &[with_value(0, value.into())]).await;
    let metadata = json!({ "type": "IN_LINE_ATTRIBUTE", "inlineAttributes": [
        { "key": "b", "value": { "type": "BOOLEAN", "booleanValue": false } },
        { "key": "l", "value": { "type": "STRING_LIST", "stringListValue": ["x", "\n"] } },
        { "key": "n", "value": { "type": "NUMBER", "numberValue": 44.5 } },
        { "key": "s", "value": { "type": "STRING", "stringValue": "\"zażółć\"" } },
    ] });
    assert_eq!(body["documents"][0]["metadata"], metadata);
}

#[tokio::test]
async fn any_number_is_measured_as_it_is_sent() {
    let changes = json!({ "content": { "template": "a" }, "metadata": { "attributes": { "n": { "number": "{{n}}" } } } });
    let numbers = [
        "0",
        "-0",
        "7",
        "-7.25",
        "0.1",
        "1e10",
        "1e15",
        "1e16",
        "1e17",
        "1e21",
        "1e22",
        "-1.5e-7",
        "123456789.123456789",
        "1739712345678",
        "9007199254740993",
        "1e300",
        "5e-324",
        "0.00001",
        "0.000001",
    ];
    for number in numbers {
        body_of(&changes, &[with_value(0, json!({ "n": number }).into())]).await;
    }
}

#[tokio::test]
async fn a_delete_names_documents_and_no_more() {
    let body = body_of(&mirror(), &[keyed(0, "k/1", None), keyed(1, "\"k\"", None)]).await;
    let named = json!([
        { "dataSourceType": "CUSTOM", "custom": { "id": "k/1" } },
        { "dataSourceType": "CUSTOM", "custom": { "id": "\"k\"" } },
    ]);
    assert_eq!(body["documentIdentifiers"], named);
    assert_eq!(body.as_object().unwrap().len(), 2, "beside them there is the token");
}

#[tokio::test]
async fn a_token_fits_the_pattern_of_the_api() {
    // ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}$ and 33 to 256 characters.
    for (changes, record) in [(json!({}), text(0, "a")), (mirror(), keyed(0, "a", None))] {
        let body = body_of(&changes, &[record]).await;
        let token = body["clientToken"].as_str().unwrap();
        assert!(
            (33..=256).contains(&token.len()) && token.chars().all(|char| char.is_ascii_alphanumeric()),
            "{token}"
        );
    }
}

#[tokio::test]
async fn a_request_stands_for_offsets_and_contents() {
    let sink = sink_at("http://127.0.0.1:1", &mirror());
    let token = |batch: &[Record]| sink.preview(batch).unwrap()["body"]["clientToken"].clone();
    let (a, b) = (|offset| keyed(offset, "a", Some("a".into())), keyed(1, "b", Some("b".into())));
    let first = token(&[a(0), b.clone()]);
    assert_eq!(first, token(&[a(0), b.clone()]), "the same for a retry");
    assert_ne!(first, token(&[b.clone(), a(0)]), "another order");
    assert_ne!(first, token(&[a(0)]), "fewer");
    assert_ne!(first, token(&[a(0), keyed(1, "b", Some("c".into()))]), "another text");
    assert_ne!(first, token(&[a(2), b]), "another offset, the same text");
    assert_ne!(token(&[keyed(0, "a", None)]), token(&[keyed(1, "a", None)]), "a later delete");
}
