//! A batch as the body of `IngestKnowledgeBaseDocuments`. Pure.

use aws_sdk_bedrockagent::error::BuildError;
use aws_sdk_bedrockagent::types::{
    ContentDataSourceType, CustomContent, CustomDocumentIdentifier, CustomSourceType, DocumentContent,
    InlineContent, InlineContentType, KnowledgeBaseDocument, TextContentDoc,
};
use serde_json::{Value, json};
use sluice_connector_api::{Failure, Payload, Record};
use uuid::Uuid;

/// Bytes of the documents in a call, serialised. The quota is 6 MB for the whole payload; the rest is headroom.
pub(super) const MAX_BATCH_BYTES: usize = 5_500_000;

/// The longest text that the model of the API allows, in characters.
const MAX_TEXT_CHARS: usize = 5_242_880;

/// The longest document id that the model of the API allows, in characters.
const MAX_ID_CHARS: usize = 2048;

/// Bytes of a serialised document beside its id and its text.
const SHELL_BYTES: usize = concat!(
    r#"{"content":{"dataSourceType":"CUSTOM","custom":{"customDocumentIdentifier":{"id":""},"#,
    r#""sourceType":"IN_LINE","inlineContent":{"type":"TEXT","textContent":{"data":""}}}}}"#
)
.len();

/// Keeps our client tokens apart from version-5 UUIDs that others make of the same names.
const NAMESPACE: Uuid = Uuid::from_u128(0x5c1c_e000_6b62_4b42_8d0c_6b6e_6f77_6c65);

/// Names the document that a record becomes.
///
/// A dot parts the part from the offset: with a dash, part 2 of `a-0-1` could be offset 2 of a topic `a-0`.
pub(super) fn document_id(record: &Record) -> String {
    match record.part() {
        Some(part) => format!("{}.{part}", record.origin()),
        None => record.origin().to_string(),
    }
}

/// A document with inline text.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) id: String,
    text: &'a str,
}

impl<'a> Document<'a> {
    pub(super) fn of(record: &'a Record) -> Result<Self, Failure> {
        let id = document_id(record);
        if id.chars().count() > MAX_ID_CHARS {
            return Err(Failure::rejected(format!(
                "the document id `{id}` is longer than {MAX_ID_CHARS} characters"
            )));
        }
        Ok(Self { id, text: text_of(record)? })
    }

    /// Measures the document as serialised, in bytes.
    pub(super) fn size(&self) -> usize {
        SHELL_BYTES + escaped_len(&self.id) + escaped_len(self.text)
    }

    fn to_json(&self) -> Value {
        json!({ "content": {
            "dataSourceType": "CUSTOM",
            "custom": {
                "customDocumentIdentifier": { "id": self.id },
                "sourceType": "IN_LINE",
                "inlineContent": { "type": "TEXT", "textContent": { "data": self.text } },
            },
        } })
    }

    fn to_sdk(&self) -> Result<KnowledgeBaseDocument, BuildError> {
        let text = TextContentDoc::builder().data(self.text).build()?;
        let inline = InlineContent::builder().r#type(InlineContentType::Text).text_content(text).build()?;
        let custom = CustomContent::builder()
            .custom_document_identifier(CustomDocumentIdentifier::builder().id(&self.id).build()?)
            .source_type(CustomSourceType::InLine)
            .inline_content(inline)
            .build()?;
        let content = DocumentContent::builder()
            .data_source_type(ContentDataSourceType::Custom)
            .custom(custom)
            .build()?;
        Ok(KnowledgeBaseDocument::builder().content(content).build())
    }
}

fn text_of(record: &Record) -> Result<&str, Failure> {
    let value = record.value.as_ref().ok_or_else(|| {
        Failure::rejected("a tombstone has no text to store; drop tombstones with a transform")
    })?;
    let text = value.as_text().ok_or_else(|| Failure::rejected(no_text(value)))?;
    if text.trim().is_empty() {
        return Err(Failure::rejected("the text is blank, and a document must have some"));
    }
    // Characters are counted only where bytes alone do not tell.
    if text.len() > MAX_TEXT_CHARS && text.chars().count() > MAX_TEXT_CHARS {
        return Err(Failure::rejected(format!(
            "the text is {} bytes long; a document takes at most {MAX_TEXT_CHARS} characters",
            text.len()
        )));
    }
    Ok(text)
}

fn no_text(value: &Payload) -> &'static str {
    match value {
        Payload::Json(_) => "the value is JSON; add a `template` transform to make it text",
        Payload::Bytes(_) | Payload::Text(_) => "the value is no valid UTF-8, and a document must be text",
    }
}

/// Measures a string within JSON, quotes not counted. The SDK escapes exactly as `serde_json` does.
fn escaped_len(text: &str) -> usize {
    let escaped = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

/// A batch, parted into documents and into records that make none; each with its index.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) documents: Vec<(usize, Document<'a>)>,
    pub(super) rejected: Vec<(usize, Failure)>,
}

impl<'a> Request<'a> {
    pub(super) fn of(batch: &'a [Record]) -> Self {
        let mut request = Self { documents: Vec::with_capacity(batch.len()), rejected: Vec::new() };
        for (index, record) in batch.iter().enumerate() {
            match Document::of(record) {
                Ok(document) => request.documents.push((index, document)),
                Err(failure) => request.rejected.push((index, failure)),
            }
        }
        request
    }

    /// Makes a token of the ids and the texts: the same for the same documents, so that Bedrock knows a put
    /// that it has already taken; another one as soon as a text differs.
    pub(super) fn client_token(&self) -> String {
        let chain = |token, (_, document): &(usize, Document<'_>)| {
            Uuid::new_v5(&Uuid::new_v5(&token, document.id.as_bytes()), document.text.as_bytes())
        };
        self.documents.iter().fold(NAMESPACE, chain).to_string()
    }

    /// Returns the body that the SDK makes of [`Request::to_sdk`] and [`Request::client_token`].
    pub(super) fn body(&self) -> Value {
        let documents: Vec<_> = self.documents.iter().map(|(_, document)| document.to_json()).collect();
        json!({ "clientToken": self.client_token(), "documents": documents })
    }

    pub(super) fn to_sdk(&self) -> Result<Vec<KnowledgeBaseDocument>, BuildError> {
        self.documents.iter().map(|(_, document)| document.to_sdk()).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use bytes::Bytes;
    use sluice_connector_api::{FailureKind, Origin};

    use super::*;
    use crate::contract::{text, tombstone, with_value};

    fn reason(value: Payload) -> String {
        let failure = Document::of(&with_value(0, value)).map(|_| ()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Rejected);
        failure.to_string()
    }

    #[test]
    fn the_size_is_that_of_the_serialised_document() {
        let every_ascii: String = (0..=0x7f).map(char::from).collect();
        for value in ["a", "zażółć 🦀 \u{2028}", "\"quoted\"\\\n", &every_ascii] {
            let record = text(7, value);
            let document = Document::of(&record).unwrap();
            assert_eq!(document.size(), document.to_json().to_string().len(), "{value:?}");
        }
    }

    #[test]
    fn the_id_is_the_origin_and_the_part() {
        assert_eq!(document_id(&Record::new(Origin::new("prices", 3, 42))), "prices-3-42");
        assert_eq!(document_id(&Record::new(Origin::new("prices", 3, 42)).with_part(2)), "prices-3-42.2");
    }

    #[test]
    fn an_id_that_is_too_long_is_rejected() {
        let mut record = Record::new(Origin::new("t".repeat(2048), 0, 0));
        record.value = Some(Payload::from("a"));
        assert!(Document::of(&record).unwrap_err().to_string().contains("2048"));
    }

    #[test]
    fn what_is_no_text_is_rejected_with_the_way_out() {
        assert!(reason(Payload::Json(json!({ "a": 1 }))).contains("`template` transform"));
        assert!(reason(Payload::Json(json!("a"))).contains("`template` transform"));
        assert!(reason(Payload::Bytes(Bytes::from_static(b"a\xff"))).contains("UTF-8"));
        assert!(reason(Payload::from(" \n\t\u{3000}")).contains("blank"));
        assert!(reason(Payload::from("")).contains("blank"));
        assert!(Document::of(&tombstone(0)).unwrap_err().to_string().contains("tombstone"));
    }

    #[test]
    fn the_longest_text_passes_and_a_longer_one_does_not() {
        let longest = text(0, &"x".repeat(MAX_TEXT_CHARS));
        assert!(Document::of(&longest).unwrap().size() <= MAX_BATCH_BYTES);
        assert!(reason(Payload::Text("x".repeat(MAX_TEXT_CHARS + 1))).contains("at most 5242880 characters"));
        assert!(reason(Payload::Text("x".repeat(10_000_000))).contains("10000000 bytes"));
        let wide = text(0, &"ż".repeat(MAX_TEXT_CHARS / 2 + 1));
        assert!(Document::of(&wide).is_ok(), "characters count, not bytes");
    }

    #[test]
    fn utf8_bytes_make_the_same_document_as_text() {
        let (bytes, text) = (with_value(0, Payload::Bytes(Bytes::from_static(b"abc"))), text(0, "abc"));
        assert_eq!(Document::of(&bytes).unwrap().to_json(), Document::of(&text).unwrap().to_json());
    }

    #[test]
    fn records_that_make_no_document_are_named_by_their_index() {
        let batch = [text(0, "a"), tombstone(1), text(2, "b"), text(3, " ")];
        let request = Request::of(&batch);
        assert_eq!(request.documents.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(request.rejected.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn the_token_stands_for_offsets_and_contents() {
        let token = |batch: &[Record]| Request::of(batch).client_token();
        let (a, b) = (text(0, "a"), text(1, "b"));
        let first = token(&[a.clone(), b.clone()]);
        assert_eq!(first, token(&[a.clone(), b.clone()]), "the same for a retry");
        assert_ne!(first, token(&[b.clone(), a.clone()]));
        assert_ne!(first, token(std::slice::from_ref(&a)));
        assert_ne!(first, token(&[a, text(1, "c")]), "another text");
        assert_ne!(first, token(&[text(5, "a"), b]), "another offset, the same text");
    }

    #[test]
    fn the_token_fits_the_pattern_of_the_api() {
        // ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}$ and 33 to 256 characters.
        let token = Request::of(&[text(0, "a")]).client_token();
        assert_eq!(token.len(), 36);
        assert!(token.chars().all(|char| char.is_ascii_alphanumeric() || char == '-'));
        assert!(!token.starts_with('-') && !token.ends_with('-'));
    }
}
