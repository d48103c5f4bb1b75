//! Rows of comma-separated values.

use serde_json::{Map, Value};
use sluice_connector_api::{Failure, SchemaType};

use crate::s3::encoding::misplaced::Misplaced;

/// Bytes of a line that are set aside for it at first.
const LINE: usize = 256;

/// The columns of one object.
pub(super) struct CsvTable {
    columns: Vec<String>,
    /// The columns are given: what a record has beside them is left out.
    given: bool,
    /// The line of names is written.
    begun: bool,
}

impl CsvTable {
    pub(super) fn new(columns: Option<&[String]>) -> Self {
        Self { columns: columns.unwrap_or_default().to_vec(), given: columns.is_some(), begun: false }
    }

    /// Returns the line of a row, after that of the names where it is the first.
    /// Where a schema says which fields there are, all of them are columns.
    pub(super) fn lines(
        &mut self,
        fields: &Map<String, Value>,
        of: Option<&SchemaType>,
    ) -> Result<Vec<u8>, Misplaced> {
        if !self.given && !self.begun {
            self.columns = columns_of(fields, of);
        }
        if self.columns.is_empty() {
            return Err(Misplaced::Rejected(Failure::rejected(
                "the value has no field, and so there is no column",
            )));
        }
        if !self.given && !fields.keys().all(|name| self.columns.contains(name)) {
            return Err(Misplaced::OtherColumns);
        }
        let mut writer =
            csv::WriterBuilder::new().buffer_capacity(LINE).from_writer(Vec::with_capacity(LINE));
        if !self.begun {
            writer.write_record(&self.columns).map_err(|error| failed(&error))?;
        }
        let cells = self.columns.iter().map(|name| fields.get(name).map(cell).unwrap_or_default());
        writer.write_record(cells).map_err(|error| failed(&error))?;
        let lines = writer.into_inner().map_err(|error| failed(error.error()))?;
        self.begun = true;
        Ok(lines)
    }
}

fn columns_of(fields: &Map<String, Value>, of: Option<&SchemaType>) -> Vec<String> {
    let Some(SchemaType::Object(types)) = of else { return fields.keys().cloned().collect() };
    let mut columns: Vec<String> = types.iter().map(|(name, _)| name.to_owned()).collect();
    columns.extend(fields.keys().filter(|name| types.get(name).is_none()).cloned());
    columns
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Misplaced {
    Misplaced::Rejected(Failure::rejected(format!("the value cannot be written as CSV: {error}")))
}
