//! Transforms, one file or directory each.

pub(crate) mod cast;
pub(crate) mod chunk;
pub(crate) mod decompress;
pub(crate) mod dedupe;
pub(crate) mod drop_headers;
pub(crate) mod explode;
pub(crate) mod extract_field;
pub(crate) mod filter;
pub(crate) mod flatten;
pub(crate) mod header_from;
pub(crate) mod hoist_field;
pub(crate) mod insert_field;
pub(crate) mod insert_header;
pub(crate) mod jq;
pub(crate) mod mask_field;
pub(crate) mod parse_json;
pub(crate) mod redact;
pub(crate) mod regex_router;
pub(crate) mod replace_field;
pub(crate) mod set;
pub(crate) mod template;
pub(crate) mod timestamp;
pub(crate) mod timestamp_router;
pub(crate) mod unwrap_cdc;
pub(crate) mod value_to_key;
