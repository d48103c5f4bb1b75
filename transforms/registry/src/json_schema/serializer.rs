//! JSON with a schema as a format that payloads are written in.

use serde_json::Value;

use super::format::held_to;
use crate::schemas::{SchemaFile, WriteFormat, WritePayload};

/// Writes JSON that its schema allows.
pub(crate) struct WriteJson;

impl WriteFormat for WriteJson {
    const NAME: &'static str = "json_schema";
    const KIND: &'static str = "JSON";

    fn compile(files: &[SchemaFile], _: Option<&str>, _: bool) -> Result<WritePayload, String> {
        let files: Vec<_> =
            files.iter().map(|file| (file.path.clone(), file.text.clone().into_bytes())).collect();
        let validator = held_to(&files)?;
        Ok(Box::new(move |document: &Value| match validator.validate(document) {
            Ok(()) => Ok(document.to_string().into_bytes()),
            Err(error) => Err(error.to_string()),
        }))
    }

    fn reference_name(file: &SchemaFile) -> Result<String, String> {
        Ok(file.path.rsplit('/').next().unwrap_or(&file.path).to_owned())
    }
}
