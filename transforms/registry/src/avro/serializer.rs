//! Avro as a format that payloads are written in.

use apache_avro::Schema;

use super::encode::AvroWriter;
use crate::schemas::{SchemaFile, WriteFormat, WritePayload};

/// Writes Avro.
pub(crate) struct WriteAvro;

impl WriteFormat for WriteAvro {
    const NAME: &'static str = "avro";
    const KIND: &'static str = "AVRO";

    fn compile(files: &[SchemaFile], _: Option<&str>, _: bool) -> Result<WritePayload, String> {
        let Some((last, others)) = files.split_last() else { return Err("no file is named".to_owned()) };
        let others: Vec<&str> = others.iter().map(|file| file.text.as_str()).collect();
        let (schema, references) = Schema::parse_str_with_list(&last.text, &others)
            .map_err(|error| format!("{}: {error}", last.path))?;
        let writer = AvroWriter::new(schema, &references);
        Ok(Box::new(move |document| writer.write(document)))
    }

    fn reference_name(file: &SchemaFile) -> Result<String, String> {
        let schema = Schema::parse_str(&file.text).map_err(|error| format!("{}: {error}", file.path))?;
        let name = schema.name().map(|name| name.fullname(None));
        name.ok_or_else(|| format!("{} has no name by which others refer to it", file.path))
    }
}
