//! Which payload of a record is meant, and what is known of its schema from elsewhere.

use std::fmt;

/// Which of the two payloads of a record is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Side {
    /// Returns `key` or `value`, as error texts and settings use it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an AWS Lambda event source mapping says about the schema of a key or a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaMetadata {
    /// The format, such as `AVRO`, `JSON` or `PROTOBUF`.
    pub format: Option<String>,
    /// The schema's id in the registry of the mapping.
    pub id: Option<String>,
}

impl SchemaMetadata {
    /// Keeps what a mapping says.
    pub fn new(format: Option<String>, id: Option<String>) -> Self {
        Self { format, id }
    }
}
