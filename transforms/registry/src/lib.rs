//! Sluice's converters of schema formats, and the clients of the registries that keep the schemas.
//!
//! | room | what it holds |
//! |---|---|
//! | `avro`, `connect_json`, `json_schema`, `protobuf` | a converter each, and a serializer where there is a schema |
//! | `schemas` | what they share: the schema of a record is found, asked for, kept, and read by; or registered, and written by |
//! | `registries` | Confluent's, Apicurio's and AWS Glue's registries |
//! | `framing` | how a record names its schema |
//! | `mapping` | values of schema formats as JSON |
//!
//! No converter waits or retries: a schema that is missing is asked for, and the engine fetches it through the converter.

mod avro;
mod connect_json;
mod framing;
mod json_schema;
mod mapping;
mod protobuf;
mod registries;
mod schemas;

use sluice_connector_api::Registry;

use crate::schemas::SchemaSerializer;

/// Adds every converter and serializer of this crate to a registry of plug-ins.
pub fn register(registry: Registry) -> Registry {
    registry
        .with_converter::<avro::AvroSettings>()
        .with_converter::<connect_json::ConnectJsonSettings>()
        .with_converter::<json_schema::JsonSchemaSettings>()
        .with_converter::<protobuf::ProtobufSettings>()
        .with_serializer::<SchemaSerializer<avro::WriteAvro>>()
        .with_serializer::<SchemaSerializer<json_schema::WriteJson>>()
        .with_serializer::<SchemaSerializer<protobuf::WriteProtobuf>>()
}
