//! The request shapes of the service model: botocore 1.44.5, `bedrock-agent` 2023-06-05 and
//! `bedrock-agent-runtime` 2023-07-26. Every length, count, pattern and enum is taken from there.

use crate::Operation;
use crate::shape::Shape::{
    Blob, Boolean, Document, Integer, List, NotEmulated, Number, OneOf, Structure, Tagged, Union,
};
use crate::shape::{ModelPattern, Shape, optional, required};

/// Returns the shape of an operation's body (its path is checked apart).
pub(crate) fn body_of(operation: Operation) -> &'static Shape {
    match operation {
        Operation::Ingest => &INGEST,
        Operation::Get => &GET,
        Operation::Delete => &DELETE,
        Operation::Retrieve => &RETRIEVE,
        Operation::List | Operation::ListKnowledgeBases | Operation::ListDataSources => &LIST,
        Operation::GetKnowledgeBase | Operation::GetDataSource => &NOTHING,
    }
}

pub(crate) static ID_PATTERN: ModelPattern = ModelPattern::new("^[0-9a-zA-Z]{10}$");
pub(crate) static ID: Shape = pattern(10, 10, &ID_PATTERN);
/// `Retrieve` takes an id or an ARN.
pub(crate) static KNOWLEDGE_BASE_IDENTIFIER: Shape = pattern(10, 2048, &KB_IDENTIFIER_PATTERN);

static NOTHING: Shape = Structure(&[]);
static INGEST: Shape =
    Structure(&[optional("clientToken", &CLIENT_TOKEN), required("documents", &DOCUMENTS)]);
static LIST: Shape = Structure(&[optional("maxResults", &MAX_RESULTS), optional("nextToken", &NEXT_TOKEN)]);
static GET: Shape = Structure(&[required("documentIdentifiers", &DOCUMENT_IDENTIFIERS)]);
static DELETE: Shape = Structure(&[
    optional("clientToken", &CLIENT_TOKEN),
    required("documentIdentifiers", &DOCUMENT_IDENTIFIERS),
]);
static RETRIEVE: Shape = Structure(&[
    required("retrievalQuery", &QUERY),
    optional("retrievalConfiguration", &RETRIEVAL_CONFIGURATION),
    optional("guardrailConfiguration", &NotEmulated),
    optional("nextToken", &NEXT_TOKEN),
    optional("userContext", &USER_CONTEXT),
]);

static CLIENT_TOKEN: Shape = pattern(33, 256, &CLIENT_TOKEN_PATTERN);
static MAX_RESULTS: Shape = Integer { min: 1, max: 1000 };
static NEXT_TOKEN: Shape = pattern(1, 2048, &NEXT_TOKEN_PATTERN);

/// The largest count is a setting, so `request.rs` checks it.
static DOCUMENTS: Shape = List { of: &DOCUMENT, min: 1, max: usize::MAX };
static DOCUMENT: Shape = Structure(&[optional("metadata", &METADATA), required("content", &CONTENT)]);
static CONTENT: Shape = Tagged {
    tag: "dataSourceType",
    arms: &[("CUSTOM", "custom"), ("S3", "s3")],
    members: &[
        required("dataSourceType", &DATA_SOURCE_TYPE),
        optional("custom", &CUSTOM_CONTENT),
        optional("s3", &S3_CONTENT),
    ],
};
static DATA_SOURCE_TYPE: Shape = OneOf(&["CUSTOM", "S3"]);
static CUSTOM_CONTENT: Shape = Tagged {
    tag: "sourceType",
    arms: &[("IN_LINE", "inlineContent"), ("S3_LOCATION", "s3Location")],
    members: &[
        required("customDocumentIdentifier", &CUSTOM_IDENTIFIER),
        required("sourceType", &CUSTOM_SOURCE_TYPE),
        optional("s3Location", &CUSTOM_S3_LOCATION),
        optional("inlineContent", &INLINE_CONTENT),
    ],
};
static CUSTOM_SOURCE_TYPE: Shape = OneOf(&["IN_LINE", "S3_LOCATION"]);
static INLINE_CONTENT: Shape = Tagged {
    tag: "type",
    arms: &[("BYTE", "byteContent"), ("TEXT", "textContent")],
    members: &[
        required("type", &INLINE_CONTENT_TYPE),
        optional("byteContent", &BYTE_CONTENT),
        optional("textContent", &TEXT_CONTENT),
    ],
};
static INLINE_CONTENT_TYPE: Shape = OneOf(&["BYTE", "TEXT"]);
static TEXT_CONTENT: Shape = Structure(&[required("data", &DATA)]);
static DATA: Shape = text(1, 5_242_880);
static BYTE_CONTENT: Shape =
    Structure(&[required("mimeType", &MIME_TYPE), required("data", &Blob { max: 5_242_880 })]);
static MIME_TYPE: Shape = pattern(0, usize::MAX, &MIME_TYPE_PATTERN);

static METADATA: Shape = Tagged {
    tag: "type",
    arms: &[("IN_LINE_ATTRIBUTE", "inlineAttributes"), ("S3_LOCATION", "s3Location")],
    members: &[
        required("type", &METADATA_SOURCE_TYPE),
        optional("inlineAttributes", &INLINE_ATTRIBUTES),
        optional("s3Location", &CUSTOM_S3_LOCATION),
        optional("accessControlList", &ACCESS_CONTROL_LIST),
    ],
};
static METADATA_SOURCE_TYPE: Shape = OneOf(&["IN_LINE_ATTRIBUTE", "S3_LOCATION"]);
static INLINE_ATTRIBUTES: Shape = List { of: &ATTRIBUTE, min: 1, max: 50 };
static ATTRIBUTE: Shape = Structure(&[required("key", &ATTRIBUTE_KEY), required("value", &ATTRIBUTE_VALUE)]);
static ATTRIBUTE_KEY: Shape = text(1, 200);
static ATTRIBUTE_VALUE: Shape = Tagged {
    tag: "type",
    arms: &[
        ("BOOLEAN", "booleanValue"),
        ("NUMBER", "numberValue"),
        ("STRING", "stringValue"),
        ("STRING_LIST", "stringListValue"),
    ],
    members: &[
        required("type", &ATTRIBUTE_VALUE_TYPE),
        optional("numberValue", &Number),
        optional("booleanValue", &Boolean),
        optional("stringValue", &STRING_VALUE),
        optional("stringListValue", &STRING_LIST_VALUE),
    ],
};
static ATTRIBUTE_VALUE_TYPE: Shape = OneOf(&["BOOLEAN", "NUMBER", "STRING", "STRING_LIST"]);
static STRING_VALUE: Shape = text(1, 2048);
static STRING_LIST_VALUE: Shape = List { of: &STRING_VALUE, min: 1, max: 10 };
static ACCESS_CONTROL_LIST: Shape = List { of: &ACCESS_CONTROL_ENTRY, min: 1, max: usize::MAX };
static ACCESS_CONTROL_ENTRY: Shape = Structure(&[
    required("name", &ACCESS_CONTROL_NAME),
    required("type", &OneOf(&["USER"])),
    required("access", &OneOf(&["ALLOW", "DENY"])),
]);
static ACCESS_CONTROL_NAME: Shape = text(1, 256);

static DOCUMENT_IDENTIFIERS: Shape = List { of: &DOCUMENT_IDENTIFIER, min: 1, max: 10 };
static DOCUMENT_IDENTIFIER: Shape = Tagged {
    tag: "dataSourceType",
    arms: &[("CUSTOM", "custom"), ("S3", "s3")],
    members: &[
        required("dataSourceType", &DATA_SOURCE_TYPE),
        optional("s3", &S3_LOCATION),
        optional("custom", &CUSTOM_IDENTIFIER),
    ],
};
static CUSTOM_IDENTIFIER: Shape = Structure(&[required("id", &CUSTOM_ID)]);
static CUSTOM_ID: Shape = text(1, 2048);

static S3_CONTENT: Shape = Structure(&[required("s3Location", &S3_LOCATION)]);
static S3_LOCATION: Shape = Structure(&[required("uri", &S3_BUCKET_URI)]);
static S3_BUCKET_URI: Shape = pattern(1, 2048, &S3_BUCKET_URI_PATTERN);
static CUSTOM_S3_LOCATION: Shape =
    Structure(&[required("uri", &S3_OBJECT_URI), optional("bucketOwnerAccountId", &ACCOUNT_ID)]);
static S3_OBJECT_URI: Shape = pattern(1, 1024, &S3_OBJECT_URI_PATTERN);
static ACCOUNT_ID: Shape = pattern(12, 12, &ACCOUNT_ID_PATTERN);

static QUERY: Shape = Structure(&[
    // Optional in the model, where an image can stand in for it; images are not emulated.
    required("text", &QUERY_TEXT),
    optional("type", &OneOf(&["TEXT", "IMAGE"])),
    optional("image", &NotEmulated),
]);
static QUERY_TEXT: Shape = text(0, 20_000);
static RETRIEVAL_CONFIGURATION: Shape = Structure(&[
    optional("vectorSearchConfiguration", &VECTOR_SEARCH),
    optional("managedSearchConfiguration", &MANAGED_SEARCH),
]);
static VECTOR_SEARCH: Shape = Structure(&[
    optional("numberOfResults", &NUMBER_OF_RESULTS),
    optional("overrideSearchType", &OneOf(&["HYBRID", "SEMANTIC"])),
    optional("filter", &FILTER),
    optional("implicitFilterConfiguration", &NotEmulated),
    optional("rerankingConfiguration", &NotEmulated),
]);
static MANAGED_SEARCH: Shape = Structure(&[
    optional("numberOfResults", &NUMBER_OF_RESULTS),
    optional("filter", &FILTER),
    optional("rerankingModelType", &OneOf(&["CUSTOM", "MANAGED", "NONE"])),
    optional("rerankingConfiguration", &NotEmulated),
]);
static NUMBER_OF_RESULTS: Shape = Integer { min: 1, max: 100 };
static FILTER: Shape = Union(&[
    optional("andAll", &FILTERS),
    optional("orAll", &FILTERS),
    optional("equals", &FILTER_ATTRIBUTE),
    optional("notEquals", &FILTER_ATTRIBUTE),
    optional("greaterThan", &FILTER_ATTRIBUTE),
    optional("greaterThanOrEquals", &FILTER_ATTRIBUTE),
    optional("lessThan", &FILTER_ATTRIBUTE),
    optional("lessThanOrEquals", &FILTER_ATTRIBUTE),
    optional("in", &FILTER_ATTRIBUTE),
    optional("notIn", &FILTER_ATTRIBUTE),
    optional("startsWith", &FILTER_ATTRIBUTE),
    optional("listContains", &FILTER_ATTRIBUTE),
    optional("stringContains", &FILTER_ATTRIBUTE),
]);
static FILTERS: Shape = List { of: &FILTER, min: 2, max: usize::MAX };
static FILTER_ATTRIBUTE: Shape = Structure(&[required("key", &FILTER_KEY), required("value", &Document)]);
static FILTER_KEY: Shape = text(1, 100);
static USER_CONTEXT: Shape = Structure(&[required("userId", &USER_ID)]);
static USER_ID: Shape = text(0, usize::MAX);

pub(crate) static NAME_PATTERN: ModelPattern = ModelPattern::new("^([0-9a-zA-Z][_-]?){1,100}$");
// The model leaves some patterns without anchors; the service matches the whole string.
static CLIENT_TOKEN_PATTERN: ModelPattern = ModelPattern::new("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}$");
static NEXT_TOKEN_PATTERN: ModelPattern = ModelPattern::new(r"^\S*$");
static MIME_TYPE_PATTERN: ModelPattern = ModelPattern::new("^.*[a-z]{1,20}/.{1,20}.*$");
static S3_BUCKET_URI_PATTERN: ModelPattern = ModelPattern::new("^s3://.{1,128}$");
static S3_OBJECT_URI_PATTERN: ModelPattern =
    ModelPattern::new("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}$");
static ACCOUNT_ID_PATTERN: ModelPattern = ModelPattern::new("^[0-9]{12}$");
static KB_IDENTIFIER_PATTERN: ModelPattern = ModelPattern::new(concat!(
    "^[0-9a-zA-Z]{10}$|",
    "^arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:knowledge-base/[0-9a-zA-Z]{10}$"
));

const fn text(min: usize, max: usize) -> Shape {
    Shape::Text { min, max, pattern: None }
}

const fn pattern(min: usize, max: usize, pattern: &'static ModelPattern) -> Shape {
    Shape::Text { min, max, pattern: Some(pattern) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_matches_what_it_is_for() {
        let arn = "arn:aws:bedrock:eu-central-1:123456789012:knowledge-base/DEMOKB0001";
        assert!(ID_PATTERN.holds("DEMOKB0001"));
        assert!(NAME_PATTERN.holds("stock-prices_2"));
        assert!(CLIENT_TOKEN_PATTERN.holds("123e4567-e89b-12d3-a456-426614174000"));
        assert!(NEXT_TOKEN_PATTERN.holds("page-1"));
        assert!(MIME_TYPE_PATTERN.holds("text/plain"));
        assert!(S3_BUCKET_URI_PATTERN.holds("s3://bucket/key"));
        assert!(S3_OBJECT_URI_PATTERN.holds("s3://bucket/key"));
        assert!(ACCOUNT_ID_PATTERN.holds("123456789012"));
        assert!(KB_IDENTIFIER_PATTERN.holds("DEMOKB0001"));
        assert!(KB_IDENTIFIER_PATTERN.holds(arn));
    }

    #[test]
    fn patterns_match_the_whole_string() {
        assert!(!ID_PATTERN.holds("DEMOKB0001x"));
        assert!(!CLIENT_TOKEN_PATTERN.holds("a token"));
        assert!(!CLIENT_TOKEN_PATTERN.holds("token-"));
        assert!(!KB_IDENTIFIER_PATTERN.holds("arn:aws:bedrock:x:1:knowledge-base/DEMOKB0001"));
    }
}
