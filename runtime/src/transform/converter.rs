//! How one side of a record is read.

use std::fmt;

use sluice_connector_api::{Converter, ConverterContext, NotConverted, Payload, Record, Rejection, Side};

/// The converter of the keys or of the values of a connector.
pub(crate) struct SideConverter {
    side: Side,
    /// Without one, bytes stay what they are.
    converter: Option<Box<dyn Converter>>,
}

impl fmt::Debug for SideConverter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideConverter").field("side", &self.side).finish_non_exhaustive()
    }
}

impl SideConverter {
    pub(crate) fn new(side: Side, converter: Option<Box<dyn Converter>>) -> Self {
        Self { side, converter }
    }

    /// Reads one side of a record, unless it has been read already.
    pub(crate) fn convert(&self, record: &mut Record) -> Result<(), Rejection> {
        let Some(converter) = &self.converter else { return Ok(()) };
        let payload = match self.side {
            Side::Key => record.key.take(),
            Side::Value => record.value.take(),
        };
        let payload = match payload {
            Some(Payload::Bytes(bytes)) => {
                let context = ConverterContext::new(self.side, record.origin().topic(), &record.headers)
                    .with_schema(record.schema(self.side));
                Some(converter.convert(bytes, &context).map_err(|error| self.rejection(error))?)
            }
            read => read,
        };
        match self.side {
            Side::Key => record.key = payload,
            Side::Value => record.value = payload,
        }
        Ok(())
    }

    fn rejection(&self, error: NotConverted) -> Rejection {
        match error {
            NotConverted::Rejected(rejection) => rejection,
            NotConverted::NeedsSchema { schema, .. } => {
                Rejection::new(format!("the {} needs the schema `{schema}`", self.side))
            }
            _ => Rejection::new(format!("the {} cannot be read", self.side)),
        }
    }
}
