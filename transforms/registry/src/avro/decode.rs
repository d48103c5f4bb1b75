//! Payloads in Avro's binary encoding, read straight into JSON text: <https://avro.apache.org/docs/1.12.0/specification/>.
//!
//! Bounded whatever the bytes say: in depth, in the length of what comes out, and by that in time, since every value writes
//! something.

use sluice_connector_api::Json;
use uuid::Uuid;

use super::plan::{AvroIndex, AvroNode, AvroPlan, Branch};
use crate::framing::zigzag_varint;
use crate::mapping::{Calendar, JsonText, duration_text};

/// The deepest nesting that is read, as deep as other readers of JSON go.
const MAX_DEPTH: usize = 100;

/// Reads a payload as JSON, or says what is wrong with it.
pub(super) fn decode(plan: &AvroPlan, payload: &[u8]) -> Result<Json, String> {
    let mut decoder = Decoder { plan, rest: payload, text: JsonText::for_record(payload.len()) };
    decoder.value(plan.root, 0)?;
    if decoder.rest.is_empty() {
        return decoder.text.finish();
    }
    Err(format!("{} bytes are left behind the record; was it written by another schema?", decoder.rest.len()))
}

struct Decoder<'a> {
    plan: &'a AvroPlan,
    rest: &'a [u8],
    text: JsonText,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, node: AvroIndex, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let Some(node) = self.plan.nodes.get(node) else { return Err("its schema is broken".to_owned()) };
        match node {
            AvroNode::Null => self.text.null(),
            AvroNode::Boolean => self.boolean(),
            AvroNode::Integer => {
                let number = self.integer()?;
                self.text.integer(number)
            }
            AvroNode::Calendar(calendar) => self.calendar(*calendar),
            AvroNode::Float => {
                let bytes = self.exactly()?;
                self.text.float(f32::from_le_bytes(bytes))
            }
            AvroNode::Double => {
                let bytes = self.exactly()?;
                self.text.double(f64::from_le_bytes(bytes))
            }
            AvroNode::Bytes => {
                let bytes = self.bytes()?;
                self.text.base64(bytes)
            }
            AvroNode::String => {
                let text = self.string()?;
                self.text.string(text)
            }
            AvroNode::Fixed(size) => {
                let bytes = self.take(*size)?;
                self.text.base64(bytes)
            }
            AvroNode::Uuid => {
                let uuid = Uuid::from_bytes(self.exactly()?);
                self.text.string(&uuid.to_string())
            }
            AvroNode::Duration => self.duration(),
            AvroNode::Decimal { size, scale } => {
                let unscaled = match size {
                    Some(size) => self.take(*size)?,
                    None => self.bytes()?,
                };
                self.text.decimal(unscaled, *scale, self.plan.decimal)
            }
            AvroNode::BigDecimal => self.big_decimal(),
            AvroNode::Enum(symbols) => self.symbol(symbols),
            AvroNode::Array(items) => self.array(*items, depth),
            AvroNode::Map(values) => self.map(*values, depth),
            AvroNode::Union(branches) => self.union(branches, depth),
            AvroNode::Record(fields) => {
                self.text.begin_object()?;
                for field in fields {
                    self.text.ready_name(&field.name)?;
                    self.value(field.node, depth + 1)?;
                }
                self.text.end_object()
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else { return Err(ENDS.to_owned()) };
        self.rest = rest;
        Ok(taken)
    }

    fn exactly<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| ENDS.to_owned())
    }

    fn integer(&mut self) -> Result<i64, String> {
        zigzag_varint(&mut self.rest)
            .ok_or_else(|| "it ends within a number, or a number is too long".to_owned())
    }

    fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = self.integer()?;
        let length = usize::try_from(length).map_err(|_| "a length is below zero".to_owned())?;
        self.take(length)
    }

    fn string(&mut self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "a string is not valid UTF-8".to_owned())
    }

    fn boolean(&mut self) -> Result<(), String> {
        match self.take(1)? {
            [0] => self.text.boolean(false),
            [1] => self.text.boolean(true),
            _ => Err("a boolean is neither 0 nor 1".to_owned()),
        }
    }

    /// What no calendar holds stays a number.
    fn calendar(&mut self, calendar: Calendar) -> Result<(), String> {
        let number = self.integer()?;
        match calendar.text(number) {
            Some(text) => self.text.string(&text),
            None => self.text.integer(number),
        }
    }

    fn duration(&mut self) -> Result<(), String> {
        let mut part = || self.exactly().map(u32::from_le_bytes);
        let (months, days, millis) = (part()?, part()?, part()?);
        self.text.string(&duration_text(months, days, millis))
    }

    /// Its bytes hold the unscaled number, with its length, and the scale.
    fn big_decimal(&mut self) -> Result<(), String> {
        let whole = self.bytes()?;
        let behind = std::mem::replace(&mut self.rest, whole);
        let unscaled = self.bytes()?;
        let scale = self.integer()?;
        self.rest = behind;
        self.text.decimal(unscaled, scale, self.plan.decimal)
    }

    fn symbol(&mut self, symbols: &[String]) -> Result<(), String> {
        let index = self.integer()?;
        let symbol = usize::try_from(index).ok().and_then(|index| symbols.get(index));
        self.text.string(symbol.ok_or("an enum has no such symbol")?)
    }

    fn union(&mut self, branches: &[Branch], depth: usize) -> Result<(), String> {
        let index = self.integer()?;
        let branch = usize::try_from(index).ok().and_then(|index| branches.get(index));
        let branch = branch.ok_or("a union has no such type")?;
        let Some(tag) = &branch.tag else { return self.value(branch.node, depth) };
        self.text.begin_object()?;
        self.text.ready_name(tag)?;
        self.value(branch.node, depth + 1)?;
        self.text.end_object()
    }

    /// Items come in blocks: a count, below zero where the length in bytes follows, and the items; 0 ends them.
    fn block(&mut self) -> Result<u64, String> {
        let count = self.integer()?;
        if count < 0 {
            self.integer()?;
        }
        Ok(count.unsigned_abs())
    }

    fn array(&mut self, items: AvroIndex, depth: usize) -> Result<(), String> {
        self.text.begin_array()?;
        loop {
            let count = self.block()?;
            if count == 0 {
                return self.text.end_array();
            }
            for _ in 0..count {
                self.value(items, depth + 1)?;
            }
        }
    }

    fn map(&mut self, values: AvroIndex, depth: usize) -> Result<(), String> {
        self.text.begin_object()?;
        loop {
            let count = self.block()?;
            if count == 0 {
                return self.text.end_object();
            }
            for _ in 0..count {
                let name = self.string()?;
                self.text.name(name)?;
                self.value(values, depth + 1)?;
            }
        }
    }
}

const ENDS: &str = "it ends before its schema does";
