//! What a Connect schema says of a payload that JSON cannot say itself.

use serde_json::Value;
use sluice_connector_api::AnyJson;

use super::written::WrittenSchema;
use crate::mapping::{Calendar, TimeStyle};

/// What a value is, as far as it has to be changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ConnectType {
    pub(super) kind: ConnectKind,
    /// What takes the place of a null.
    pub(super) default: Option<Value>,
    /// Whether it may be null.
    pub(super) is_optional: bool,
}

/// What has to be done with a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ConnectKind {
    /// Nothing.
    Plain,
    /// Base64 of an unscaled number; a number already where the producer has `decimal.format=NUMERIC`.
    Decimal(i64),
    /// An object with an unscaled number and its scale.
    ScaledDecimal,
    /// A number that becomes text.
    Calendar(Calendar),
    Struct(Vec<(String, ConnectType)>),
    Array(Box<ConnectType>),
    /// An object, whose names are the keys.
    Map(Box<ConnectType>),
    /// An array of pairs, since the keys are not text.
    Pairs(Box<ConnectType>, Box<ConnectType>),
}

/// The types that nothing stands within.
const SCALARS: [&str; 9] =
    ["boolean", "int8", "int16", "int32", "int64", "float", "double", "bytes", "string"];

/// Reads what a schema says has to be changed.
pub(super) fn changes(
    written: WrittenSchema,
    time: TimeStyle,
    defaults: bool,
) -> Result<ConnectType, String> {
    Reader { time, defaults }.read(written)
}

struct Reader {
    time: TimeStyle,
    defaults: bool,
}

impl Reader {
    fn read(&self, written: WrittenSchema) -> Result<ConnectType, String> {
        let default = written.default.as_ref().map(AnyJson::value);
        let default = default.filter(|default| self.defaults && !default.is_null()).cloned();
        let is_optional = written.optional;
        Ok(ConnectType { kind: self.kind(written)?, default, is_optional })
    }

    fn kind(&self, written: WrittenSchema) -> Result<ConnectKind, String> {
        let name = written.name.as_deref().unwrap_or_default();
        if let Some(calendar) = written.calendar() {
            return Ok(match self.time {
                TimeStyle::Epoch => ConnectKind::Plain,
                TimeStyle::Rfc3339 => ConnectKind::Calendar(calendar),
            });
        }
        match (written.kind.as_str(), name) {
            ("bytes", "org.apache.kafka.connect.data.Decimal") => scale(&written).map(ConnectKind::Decimal),
            ("struct", "io.debezium.data.VariableScaleDecimal") => Ok(ConnectKind::ScaledDecimal),
            ("struct", _) => self.fields(written.fields.ok_or("a `struct` has no `fields`")?),
            ("array", _) => {
                let items = written.items.ok_or("an `array` has no `items`")?;
                Ok(self.nested(*items)?.map_or(ConnectKind::Plain, ConnectKind::Array))
            }
            ("map", _) => self.map(written),
            (scalar, _) if SCALARS.contains(&scalar) => Ok(ConnectKind::Plain),
            (other, _) => Err(format!("`{other}` is no type")),
        }
    }

    fn fields(&self, written: Vec<WrittenSchema>) -> Result<ConnectKind, String> {
        let mut fields = Vec::new();
        for field in written {
            let name = field.field.clone().ok_or("a field of a `struct` has no name as its `field`")?;
            let of_field = self.read(field)?;
            if !of_field.is_plain() {
                fields.push((name, of_field));
            }
        }
        Ok(if fields.is_empty() { ConnectKind::Plain } else { ConnectKind::Struct(fields) })
    }

    /// Reads what is within; `None` where nothing has to be done with it.
    fn nested(&self, written: WrittenSchema) -> Result<Option<Box<ConnectType>>, String> {
        let nested = self.read(written)?;
        Ok((!nested.is_plain()).then(|| Box::new(nested)))
    }

    fn map(&self, written: WrittenSchema) -> Result<ConnectKind, String> {
        let keys = written.keys.ok_or("a `map` has no `keys`")?;
        let values = written.values.ok_or("a `map` has no `values`")?;
        let has_names = keys.kind == "string";
        let plain = || Box::new(ConnectType { kind: ConnectKind::Plain, default: None, is_optional: true });
        let (keys, values) = (self.nested(*keys)?, self.nested(*values)?);
        Ok(match (has_names, keys, values) {
            (true, _, Some(values)) => ConnectKind::Map(values),
            (true, _, None) | (false, None, None) => ConnectKind::Plain,
            (false, keys, values) => {
                ConnectKind::Pairs(keys.unwrap_or_else(plain), values.unwrap_or_else(plain))
            }
        })
    }
}

impl ConnectType {
    /// Says whether nothing has to be done with such a value, whatever it is.
    pub(super) fn is_plain(&self) -> bool {
        self.kind == ConnectKind::Plain && self.default.is_none()
    }
}

fn scale(written: &WrittenSchema) -> Result<i64, String> {
    let scale = written.parameter("scale");
    scale.ok_or_else(|| "a `Decimal` has no `scale` among its parameters".to_owned())
}
