//! A document to write, as the API takes it. Pure.

use aws_sdk_bedrockagent::error::BuildError;
use aws_sdk_bedrockagent::primitives::Blob;
use aws_sdk_bedrockagent::types::{
    ByteContentDoc, ContentDataSourceType, CustomContent, CustomDocumentIdentifier, CustomS3Location,
    CustomSourceType, DocumentContent, DocumentIdentifier, DocumentMetadata, InlineContent,
    InlineContentType, KnowledgeBaseDocument, MetadataAttribute, MetadataAttributeValue, MetadataSourceType,
    MetadataValueType, TextContentDoc,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sluice_connector_api::Payload;

use super::content::DocumentBody;
use super::metadata::{AttributeValue, DocumentAttributes};

/// A document to write.
#[derive(Debug)]
pub(crate) struct DocumentWrite<'a> {
    pub(crate) id: String,
    pub(super) body: DocumentBody<'a>,
    pub(super) attributes: DocumentAttributes,
}

impl DocumentWrite<'_> {
    /// Measures the document as serialised, in bytes. But for numbers the SDK writes JSON exactly as `serde_json` does.
    pub(crate) fn size(&self) -> usize {
        let excess: usize = self.attributes.iter().map(|(_, value)| value.excess()).sum();
        Payload::from(self.to_json()).len() - excess
    }

    /// Returns the document as the API takes it.
    pub(crate) fn to_json(&self) -> Value {
        let id = json!({ "id": self.id });
        let custom = match &self.body {
            DocumentBody::Text(text) => json!({
                "customDocumentIdentifier": id, "sourceType": "IN_LINE",
                "inlineContent": { "type": "TEXT", "textContent": { "data": text } },
            }),
            DocumentBody::Bytes { mime_type, data } => json!({
                "customDocumentIdentifier": id, "sourceType": "IN_LINE",
                "inlineContent": { "type": "BYTE", "byteContent": { "mimeType": mime_type, "data": BASE64.encode(data) } },
            }),
            DocumentBody::S3 { uri, bucket_owner } => {
                let mut location = json!({ "uri": uri });
                if let (Value::Object(location), Some(owner)) = (&mut location, bucket_owner) {
                    location.insert("bucketOwnerAccountId".to_owned(), (*owner).into());
                }
                json!({ "customDocumentIdentifier": id, "sourceType": "S3_LOCATION", "s3Location": location })
            }
        };
        let content = json!({ "dataSourceType": "CUSTOM", "custom": custom });
        if self.attributes.is_empty() {
            return json!({ "content": content });
        }
        let attribute =
            |(key, value): &(String, AttributeValue)| json!({ "key": key, "value": value.to_json() });
        let attributes: Vec<_> = self.attributes.iter().map(attribute).collect();
        json!({ "metadata": { "type": "IN_LINE_ATTRIBUTE", "inlineAttributes": attributes }, "content": content })
    }

    /// Returns the same for the SDK.
    pub(crate) fn to_sdk(&self) -> Result<KnowledgeBaseDocument, BuildError> {
        let id = CustomDocumentIdentifier::builder().id(&self.id).build()?;
        let custom = CustomContent::builder().custom_document_identifier(id);
        let custom = match &self.body {
            DocumentBody::Text(text) => {
                custom.source_type(CustomSourceType::InLine).inline_content(inline_text(text)?)
            }
            DocumentBody::Bytes { mime_type, data } => {
                custom.source_type(CustomSourceType::InLine).inline_content(inline_bytes(mime_type, data)?)
            }
            DocumentBody::S3 { uri, bucket_owner } => {
                let location = CustomS3Location::builder().uri(uri);
                let location = location.set_bucket_owner_account_id(bucket_owner.map(str::to_owned));
                custom.source_type(CustomSourceType::S3Location).s3_location(location.build()?)
            }
        };
        let content = DocumentContent::builder()
            .data_source_type(ContentDataSourceType::Custom)
            .custom(custom.build()?)
            .build()?;
        let metadata = if self.attributes.is_empty() { None } else { Some(metadata(&self.attributes)?) };
        Ok(KnowledgeBaseDocument::builder().content(content).set_metadata(metadata).build())
    }
}

fn inline_text(text: &str) -> Result<InlineContent, BuildError> {
    let text = TextContentDoc::builder().data(text).build()?;
    InlineContent::builder().r#type(InlineContentType::Text).text_content(text).build()
}

fn inline_bytes(mime_type: &str, data: &[u8]) -> Result<InlineContent, BuildError> {
    let bytes = ByteContentDoc::builder().mime_type(mime_type).data(Blob::new(data)).build()?;
    InlineContent::builder().r#type(InlineContentType::Byte).byte_content(bytes).build()
}

fn metadata(attributes: &DocumentAttributes) -> Result<DocumentMetadata, BuildError> {
    let attributes: Result<Vec<_>, _> = attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    DocumentMetadata::builder()
        .r#type(MetadataSourceType::InLineAttribute)
        .set_inline_attributes(Some(attributes?))
        .build()
}

fn attribute(key: &str, value: &AttributeValue) -> Result<MetadataAttribute, BuildError> {
    let builder = MetadataAttributeValue::builder();
    let value = match value {
        AttributeValue::String(text) => builder.r#type(MetadataValueType::String).string_value(text),
        AttributeValue::Number(number) => builder.r#type(MetadataValueType::Number).number_value(*number),
        AttributeValue::Boolean(flag) => builder.r#type(MetadataValueType::Boolean).boolean_value(*flag),
        AttributeValue::StringList(items) => {
            builder.r#type(MetadataValueType::StringList).set_string_list_value(Some(items.clone()))
        }
    };
    MetadataAttribute::builder().key(key).value(value.build()?).build()
}

/// Names a document for the calls that take no more than names.
pub(crate) fn identifier(id: &str) -> Result<DocumentIdentifier, BuildError> {
    let custom = CustomDocumentIdentifier::builder().id(id).build()?;
    DocumentIdentifier::builder().data_source_type(ContentDataSourceType::Custom).custom(custom).build()
}
