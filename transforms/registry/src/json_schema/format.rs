//! JSON Schema as a schema format.

use std::sync::Arc;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;
use sluice_connector_api::{BoxError, Json, SchemaType};

use super::steps::{COUNTED, Count, MOST_BACKTRACKS, bounded, count, count_in};
use super::types::type_of;
use crate::framing::{Framed, SchemaKey};
use crate::registries::SchemaReference;
use crate::schemas::{SchemaFormat, SchemaSource};

/// How JSON with a schema is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonSchemaFormat {
    /// Whether documents are held to their schema.
    pub(crate) is_held: bool,
}

/// A schema that is ready.
#[derive(Debug)]
pub(crate) struct ReadySchema {
    /// What documents are held to, if they are held to anything.
    validator: Option<Validator>,
    /// What it says of them.
    of: Option<Arc<SchemaType>>,
}

impl SchemaFormat for JsonSchemaFormat {
    const NAME: &'static str = "JSON";
    const KIND: &'static str = "JSON";
    type Schema = ReadySchema;

    fn compile(&self, _key: SchemaKey, source: &SchemaSource) -> Result<Option<ReadySchema>, String> {
        let parsed = match source {
            SchemaSource::Registry(text) => parse("the schema", text.text.as_bytes())
                .and_then(|schema| Ok((schema, parse_all(&text.references)?))),
            SchemaSource::Files(files) => of_files(files),
        };
        match parsed {
            Ok((schema, others)) => {
                let of = type_of(&schema, &others).shared();
                let validator = if self.is_held { Some(compile(&schema, others)?) } else { None };
                Ok(Some(ReadySchema { validator, of }))
            }
            // Where nothing is held to it, no record needs it.
            Err(_) if !self.is_held => Ok(Some(ReadySchema { validator: None, of: None })),
            Err(reason) => Err(reason),
        }
    }

    fn read(&self, schema: &ReadySchema, framed: &Framed) -> Result<Json, String> {
        let json = Json::parse(framed.payload.clone()).map_err(|error| error.to_string())?;
        let json = json.with_schema_type(schema.of.clone());
        let Some(validator) = &schema.validator else { return Ok(json) };
        let Some(held) = bounded(framed.payload.len(), || validator.validate(json.value())) else {
            return Err("it takes too long to hold it to its schema".to_owned());
        };
        let Err(error) = held else { return Ok(json) };
        let place = match error.instance_path().to_string() {
            root if root.is_empty() => "it".to_owned(),
            path => format!("what stands at {path}"),
        };
        // The error itself would tell the value.
        Err(format!("{place} does not fit the schema at {}", error.schema_path()))
    }
}

/// Makes the schema of the last of some files ready; it may refer to the others.
pub(super) fn held_to(files: &[(String, Vec<u8>)]) -> Result<Validator, String> {
    let (schema, others) = of_files(files)?;
    compile(&schema, others)
}

fn compile(schema: &Value, others: Vec<(String, Value)>) -> Result<Validator, String> {
    let options = jsonschema::options()
        .with_retriever(KnownSchemas(others))
        .with_keyword(COUNTED, |_, _, _| {
            // A part is made ready anew for each way that leads to it.
            count();
            Ok(Box::new(Count))
        })
        .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(MOST_BACKTRACKS));
    let built = bounded(0, || options.build(schema));
    let built = built.ok_or("its parts refer to each other in too many ways")?;
    built.map_err(|error| error.to_string())
}

/// Schemas by the names that others refer to them by.
struct KnownSchemas(Vec<(String, Value)>);

impl Retrieve for KnownSchemas {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, BoxError> {
        let uri = uri.as_str().trim_end_matches('#');
        // A name without a scheme was resolved against the URI of the schema that refers to it.
        let found = self.0.iter().find(|(name, _)| name == uri || uri.ends_with(&format!("/{name}")));
        match found {
            Some((_, schema)) => Ok(schema.clone()),
            None => Err(format!("it refers to `{uri}`, which is not among its references").into()),
        }
    }
}

/// Reads a schema, and makes it one that can be bounded.
fn parse(name: &str, text: &[u8]) -> Result<Value, String> {
    let json = Json::from_slice(text).map_err(|error| format!("{name} is not valid JSON: {error}"))?;
    let mut schema = json.into_value();
    count_in(&mut schema).map_err(|reason| format!("{name}: {reason}"))?;
    Ok(schema)
}

fn parse_all(references: &[SchemaReference]) -> Result<Vec<(String, Value)>, String> {
    let mut parsed = Vec::new();
    for reference in references {
        parsed.push((reference.name.clone(), parse(&reference.name, reference.text.as_bytes())?));
    }
    Ok(parsed)
}

/// The last file is the schema; the others are known by their names, and by their `$id`.
fn of_files(files: &[(String, Vec<u8>)]) -> Result<(Value, Vec<(String, Value)>), String> {
    let mut others = Vec::new();
    for (path, content) in files {
        let schema = parse(path, content)?;
        if let Some(id) = schema.get("$id").and_then(Value::as_str) {
            others.push((id.to_owned(), schema.clone()));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        others.push((name.to_owned(), schema));
    }
    match others.last().cloned() {
        Some((_, schema)) => Ok((schema, others)),
        None => Err("no file is named".to_owned()),
    }
}
