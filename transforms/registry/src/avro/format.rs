//! Avro as a schema format.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use sluice_connector_api::Json;

use super::connect_names::{Unmarked, unmark};
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
    let all = [&[schema], references].concat();
    let Some(Unmarked { texts, types }) = unmark(&all) else {
        return Schema::parse_str_with_list(schema, references).map_err(|error| error.to_string());
    };
    let mut texts = texts.iter().map(String::as_str);
    let schema = texts.next().unwrap_or_default();
    let references: Vec<&str> = texts.chain(types.iter().map(String::as_str)).collect();
    Schema::parse_str_with_list(schema, references).map_err(|error| error.to_string())
}

/// The text of a file, and the file's name.
type Named<'a> = (&'a str, &'a str);

/// Parses each of several files. Those that have a name may refer to each other, and the others to them.
fn parse_each(files: &[(String, Vec<u8>)]) -> Result<Vec<Parsed>, String> {
    let texts = texts(files)?;
    let bare: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
    match unmark(&bare) {
        None => parse_texts(&texts, &[]),
        Some(unmarked) => {
            let names = texts.iter().map(|(name, _)| *name);
            let texts: Vec<_> = names.zip(unmarked.texts.iter().map(String::as_str)).collect();
            parse_texts(&texts, &unmarked.types)
        }
    }
}

fn texts(files: &[(String, Vec<u8>)]) -> Result<Vec<Named<'_>>, String> {
    let mut texts = Vec::with_capacity(files.len());
    for (name, content) in files {
        let text = std::str::from_utf8(content).map_err(|_| format!("{name} is not valid UTF-8"))?;
        Json::from_slice(content).map_err(|error| format!("{name} is not valid JSON: {error}"))?;
        texts.push((name.as_str(), text));
    }
    Ok(texts)
}

/// `types` may be referred to by all.
fn parse_texts(texts: &[Named<'_>], types: &[String]) -> Result<Vec<Parsed>, String> {
    let has_name =
        |text: &str| Json::from_slice(text.as_bytes()).is_ok_and(|json| json.value().get("name").is_some());
    let mut named: Vec<&str> = texts.iter().map(|(_, text)| *text).filter(|text| has_name(text)).collect();
    named.extend(types.iter().map(String::as_str));
    let schemas = Schema::parse_list(&named).map_err(|error| error.to_string())?;
    let mut parsed = Vec::new();
    let mut next = schemas.iter();
    for (name, text) in texts {
        if named.contains(text) {
            parsed.extend(next.next().map(|schema| (schema.clone(), schemas.clone())));
        } else {
            let whole = Schema::parse_str_with_list(text, &named);
            parsed.push(whole.map_err(|error| format!("{name}: {error}"))?);
        }
    }
    Ok(parsed)
}

/// Finds the schema with this CRC-64-AVRO among files. It is one of the schema as it was written.
fn find(files: &[(String, Vec<u8>)], fingerprint: u64) -> Result<Option<Parsed>, String> {
    let written = parse_texts(&texts(files)?, &[])?;
    for ((schema, references), parsed) in written.into_iter().zip(parse_each(files)?) {
        let mut whole = schema;
        whole.denormalize(&references).map_err(|error| error.to_string())?;
        if whole.fingerprint::<Rabin>().bytes == fingerprint.to_le_bytes() {
            return Ok(Some(parsed));
        }
    }
    Ok(None)
}
