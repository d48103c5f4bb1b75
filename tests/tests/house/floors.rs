//! The floors: which room stands above which. A room imports only rooms below it.

/// The rooms of a crate, or of a module inside of it, floor by floor from the top.
pub(crate) struct Floors {
    /// The folder of the crate's root file.
    pub(crate) folder: &'static str,
    /// The module whose rooms these are; empty for the crate itself.
    pub(crate) inside: &'static str,
    /// Rooms on one floor stand side by side and do not know each other.
    pub(crate) rooms: &'static [&'static [&'static str]],
}

/// The floors of the workspace.
pub(crate) const FLOORS: &[Floors] = &[
    Floors {
        folder: "runtime/src",
        inside: "",
        rooms: &[
            &["cli"],
            &["control"],
            &["reference"],
            &["lambda"],
            &["observe"],
            &["worker"],
            &["offline"],
            &["connector"],
            &["config"],
            &["kafka", "engine"],
            &["meter"],
            &["source"],
            &["transform"],
            &["pace"],
            &["retry", "guard", "shown", "dead_letter", "tap"],
            &["trace"],
        ],
    },
    Floors {
        folder: "runtime/src",
        inside: "engine",
        rooms: &[&["pipeline"], &["letters"], &["lane"], &["batch"], &["ledger"]],
    },
    // No plug-in knows another.
    Floors {
        folder: "transforms/src",
        inside: "",
        rooms: &[
            &["converters", "predicates", "transforms"],
            &["absence"],
            &["field_path", "java_replacement", "jq", "subject", "time", "whole_regex"],
            &["field_fault"],
        ],
    },
    Floors {
        folder: "transforms/src",
        inside: "converters",
        rooms: &[&["bytes", "json", "numbers", "string"]],
    },
    Floors {
        folder: "transforms/src",
        inside: "predicates",
        rooms: &[&["field_value", "has_header_key", "jq", "tombstone", "topic_matches"]],
    },
    Floors {
        folder: "transforms/src",
        inside: "transforms",
        rooms: &[&[
            "cast",
            "chunk",
            "decompress",
            "dedupe",
            "drop_headers",
            "explode",
            "extract_field",
            "filter",
            "flatten",
            "header_from",
            "hoist_field",
            "insert_field",
            "insert_header",
            "jq",
            "mask_field",
            "parse_json",
            "redact",
            "regex_router",
            "replace_field",
            "set",
            "template",
            "timestamp",
            "timestamp_router",
            "unwrap_cdc",
            "value_to_key",
        ]],
    },
    Floors {
        folder: "transforms/registry/src",
        inside: "",
        rooms: &[
            &["avro", "connect_json", "json_schema", "protobuf"],
            &["schemas"],
            &["registries"],
            &["framing"],
            &["mapping"],
        ],
    },
    Floors {
        folder: "sinks/src",
        inside: "",
        rooms: &[
            &[
                "bedrock_kb",
                "blackhole",
                "file",
                "http",
                "kafka",
                "opensearch",
                "postgres",
                "s3",
                "sqs",
                "stdout",
            ],
            &["record"],
        ],
    },
    Floors {
        folder: "sinks/src",
        inside: "bedrock_kb",
        rooms: &[
            &["sink"],
            &["confirmation"],
            &["people"],
            &["calls"],
            &["verdict"],
            &["mapping"],
            &["settings"],
        ],
    },
    Floors {
        folder: "connector-api/template/src",
        inside: "",
        rooms: &[
            &["template"],
            &["plain"],
            &["compile"],
            &["checks", "nesting", "syntax"],
            &["compare", "context", "delimited", "field", "known"],
            &["uses"],
            &["error", "record_name", "shape", "writer"],
        ],
    },
    Floors {
        folder: "sinks/wire/src",
        inside: "",
        rooms: &[
            &["service"],
            &["client"],
            &["auth"],
            &["aws", "cached", "exchange"],
            &["answer", "compression", "status", "tls"],
            &["any_host", "request", "text", "url"],
        ],
    },
];

/// Names that several types have on purpose, each with the reason.
pub(crate) const NAMESAKES: &[(&str, &str)] = &[];
