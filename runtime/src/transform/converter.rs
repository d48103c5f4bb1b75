//! How one side of a record is read.

use std::fmt;

use sluice_connector_api::{
    Converter, ConverterContext, Failure, NotConverted, Payload, Record, Rejection, SchemaId, Side,
};

/// The converter of the keys or of the values of a connector.
pub(crate) struct SideConverter {
    side: Side,
    /// Without one, bytes stay what they are.
    converter: Option<Box<dyn Converter>>,
}

/// Why one side of a record was not read.
pub(crate) enum Unread {
    Rejected(Rejection),
    /// The record is as it was before.
    NeedsSchema(SchemaId),
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
    pub(crate) fn convert(&self, record: &mut Record) -> Result<(), Unread> {
        let Some(converter) = &self.converter else { return Ok(()) };
        match self.place(record).take() {
            Some(Payload::Bytes(bytes)) => {
                let context = ConverterContext::new(self.side, record.origin().topic(), &record.headers)
                    .with_schema(record.schema(self.side));
                let payload = converter.convert(bytes, &context);
                let payload = payload.or_else(|error| self.not_converted(record, error))?;
                *self.place(record) = Some(payload);
            }
            read => *self.place(record) = read,
        }
        Ok(())
    }

    fn place<'a>(&self, record: &'a mut Record) -> &'a mut Option<Payload> {
        match self.side {
            Side::Key => &mut record.key,
            Side::Value => &mut record.value,
        }
    }

    fn not_converted(&self, record: &mut Record, error: NotConverted) -> Result<Payload, Unread> {
        match error {
            NotConverted::Rejected(rejection) => Err(Unread::Rejected(rejection)),
            NotConverted::NeedsSchema { schema, bytes } => {
                *self.place(record) = Some(Payload::Bytes(bytes));
                Err(Unread::NeedsSchema(schema))
            }
            _ => Err(Unread::Rejected(Rejection::new(format!("the {} cannot be read", self.side)))),
        }
    }

    /// Fetches a schema that [`SideConverter::convert`] asked for.
    pub(crate) async fn fetch(&self, schema: &SchemaId) -> Result<(), Failure> {
        match &self.converter {
            Some(converter) => converter.fetch(schema).await,
            None => Ok(()),
        }
    }
}
