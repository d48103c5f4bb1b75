//! Avro as a schema format.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use sluice_connector_api::Json;

use super::decode::decode;
use super::plan::AvroPlan;
use super::styles::AvroStyles;
use crate::framing::{Framed, SchemaKey};
use crate::schemas::{SchemaFormat, SchemaSource};

/// How Avro is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AvroFormat {
    pub(crate) styles: AvroStyles,
}

impl SchemaFormat for AvroFormat {
    const NAME: &'static str = "Avro";
    const KIND: &'static str = "AVRO";
    type Schema = AvroPlan;

    fn compile(&self, key: SchemaKey, source: &SchemaSource) -> Result<Option<AvroPlan>, String> {
        let parsed = match (source, key) {
            (SchemaSource::Registry(text), _) => {
                let references: Vec<&str> = text.references.iter().map(|each| each.text.as_str()).collect();
                Some(parse(&text.text, &references)?)
            }
            (SchemaSource::Files(files), SchemaKey::Fingerprint(fingerprint)) => find(files, fingerprint)?,
            (SchemaSource::Files(files), _) => parse_each(files)?.pop(),
        };
        let plan = parsed.map(|(schema, references)| AvroPlan::new(self.styles, &schema, &references));
        plan.transpose()
    }

    fn read(&self, schema: &AvroPlan, framed: &Framed) -> Result<Json, String> {
        let json = decode(schema, &framed.payload)?;
        Ok(json.with_schema_type(schema.of.clone()))
    }
}

/// A schema, and those that it may refer to.
type Parsed = (Schema, Vec<Schema>);

fn parse(schema: &str, references: &[&str]) -> Result<Parsed, String> {
    Schema::parse_str_with_list(schema, references).map_err(|error| error.to_string())
}

/// Parses each of several files. Those that have a name may refer to each other, and the others to them.
fn parse_each(files: &[(String, Vec<u8>)]) -> Result<Vec<Parsed>, String> {
    let mut named = Vec::new();
    for (name, content) in files {
        let text = std::str::from_utf8(content).map_err(|_| format!("{name} is not valid UTF-8"))?;
        let json = Json::from_slice(content).map_err(|error| format!("{name} is not valid JSON: {error}"))?;
        if json.value().get("name").is_some() {
            named.push(text);
        }
    }
    let schemas = Schema::parse_list(&named).map_err(|error| error.to_string())?;
    let mut parsed = Vec::new();
    let mut next = schemas.iter();
    for (name, content) in files {
        let text = std::str::from_utf8(content).unwrap_or_default();
        if named.contains(&text) {
            parsed.extend(next.next().map(|schema| (schema.clone(), schemas.clone())));
        } else {
            parsed.push(parse(text, &named).map_err(|reason| format!("{name}: {reason}"))?);
        }
    }
    Ok(parsed)
}

/// Finds the schema with this CRC-64-AVRO among files.
fn find(files: &[(String, Vec<u8>)], fingerprint: u64) -> Result<Option<Parsed>, String> {
    for (schema, references) in parse_each(files)? {
        let mut whole = schema.clone();
        whole.denormalize(&references).map_err(|error| error.to_string())?;
        if whole.fingerprint::<Rabin>().bytes == fingerprint.to_le_bytes() {
            return Ok(Some((schema, references)));
        }
    }
    Ok(None)
}
