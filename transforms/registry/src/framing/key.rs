//! Which schema a record was written by.

use std::fmt;

use sluice_connector_api::SchemaId;
use uuid::Uuid;

/// Names a schema, as the record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SchemaKey {
    /// An id of Confluent's registry.
    Id(u32),
    /// A GUID of Confluent's registry.
    Guid(Uuid),
    /// A global id of Apicurio's registry: one of a version of an artifact.
    GlobalId(i64),
    /// A content id of Apicurio's registry.
    ContentId(i64),
    /// The id of a version in AWS Glue.
    GlueVersion(Uuid),
    /// The schema of the settings' files, which records do not name.
    Files,
    /// One of the settings' files, by its CRC-64-AVRO.
    Fingerprint(u64),
}

impl fmt::Display for SchemaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id}"),
            Self::Guid(guid) => write!(f, "guid {guid}"),
            Self::GlobalId(id) => write!(f, "globalId {id}"),
            Self::ContentId(id) => write!(f, "contentId {id}"),
            Self::GlueVersion(id) => write!(f, "version {id}"),
            Self::Files => f.write_str("schema_files"),
            Self::Fingerprint(fingerprint) => write!(f, "fingerprint {fingerprint:016x}"),
        }
    }
}

impl SchemaKey {
    /// Names the schema for the engine.
    pub(crate) fn to_id(self) -> SchemaId {
        SchemaId::new(self.to_string())
    }

    /// Reads what [`SchemaKey::to_id`] wrote.
    pub(crate) fn from_id(id: &SchemaId) -> Option<Self> {
        let Some((kind, value)) = id.as_str().split_once(' ') else {
            return (id.as_str() == "schema_files").then_some(Self::Files);
        };
        match kind {
            "id" => value.parse().ok().map(Self::Id),
            "guid" => value.parse().ok().map(Self::Guid),
            "globalId" => value.parse().ok().map(Self::GlobalId),
            "contentId" => value.parse().ok().map(Self::ContentId),
            "version" => value.parse().ok().map(Self::GlueVersion),
            "fingerprint" => u64::from_str_radix(value, 16).ok().map(Self::Fingerprint),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_the_id_that_the_engine_holds() {
        let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        for key in [
            SchemaKey::Id(u32::MAX),
            SchemaKey::Guid(uuid),
            SchemaKey::GlobalId(-1),
            SchemaKey::ContentId(7),
            SchemaKey::GlueVersion(uuid),
            SchemaKey::Files,
            SchemaKey::Fingerprint(3),
        ] {
            assert_eq!(SchemaKey::from_id(&key.to_id()), Some(key));
        }
        assert_eq!(SchemaKey::from_id(&SchemaId::new("id x")), None);
    }
}
