//! Changes a payload as its schema says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Number, Value};

use super::kinds::{ConnectKind, ConnectType};
use crate::mapping::{Calendar, DecimalStyle, decimal_text};

/// Changes a value, or says where and why that cannot be done.
pub(super) fn apply(of: &ConnectType, style: DecimalStyle, value: &mut Value) -> Result<(), String> {
    if value.is_null() {
        let Some(default) = &of.default else { return Ok(()) };
        *value = default.clone();
    }
    match &of.kind {
        ConnectKind::Plain => Ok(()),
        ConnectKind::Decimal(scale) => decimal(*scale, style, value),
        ConnectKind::ScaledDecimal => scaled_decimal(style, value),
        ConnectKind::Calendar(calendar) => {
            write_time(*calendar, value);
            Ok(())
        }
        ConnectKind::Struct(fields) => {
            let Value::Object(object) = value else { return not("an object") };
            for (name, of_field) in fields {
                let inside = |reason: String| format!("`{name}`: {reason}");
                match object.get_mut(name) {
                    Some(field) => apply(of_field, style, field).map_err(inside)?,
                    None if of_field.default.is_some() => {
                        let mut field = Value::Null;
                        apply(of_field, style, &mut field).map_err(inside)?;
                        object.insert(name.clone(), field);
                    }
                    None => {}
                }
            }
            Ok(())
        }
        ConnectKind::Array(of_items) => {
            let Value::Array(items) = value else { return not("an array") };
            items.iter_mut().try_for_each(|item| apply(of_items, style, item))
        }
        ConnectKind::Map(of_values) => {
            let Value::Object(object) = value else { return not("an object") };
            object.values_mut().try_for_each(|value| apply(of_values, style, value))
        }
        ConnectKind::Pairs(of_keys, of_values) => {
            let Value::Array(pairs) = value else { return not("an array of pairs") };
            for pair in pairs {
                let Some([key, value]) = pair.as_array_mut().map(Vec::as_mut_slice) else {
                    return not("an array of pairs");
                };
                apply(of_keys, style, key)?;
                apply(of_values, style, value)?;
            }
            Ok(())
        }
    }
}

fn not(what: &str) -> Result<(), String> {
    Err(format!("it is not {what}, as its schema says"))
}

fn decimal(scale: i64, style: DecimalStyle, value: &mut Value) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) => {
            *value = read_decimal(text, scale, style)?;
            Ok(())
        }
        Value::Number(number) => {
            if style == DecimalStyle::String {
                *value = Value::String(number.to_string());
            }
            Ok(())
        }
        _ => not("a decimal"),
    }
}

fn scaled_decimal(style: DecimalStyle, value: &mut Value) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    let scale = value.get("scale").and_then(Value::as_i64);
    let unscaled = value.get("value").and_then(Value::as_str);
    let (Some(scale), Some(unscaled)) = (scale, unscaled) else { return not("a decimal with its scale") };
    *value = read_decimal(unscaled, scale, style)?;
    Ok(())
}

fn read_decimal(base64: &str, scale: i64, style: DecimalStyle) -> Result<Value, String> {
    let unscaled =
        BASE64.decode(base64).map_err(|_| "it is not Base64, in which its schema has a decimal")?;
    let text = decimal_text(&unscaled, scale).ok_or("a decimal has more digits than anybody's")?;
    match style {
        DecimalStyle::String => Ok(Value::String(text)),
        DecimalStyle::Number => text.parse::<Number>().map(Value::Number).map_err(|error| error.to_string()),
    }
}

/// What no calendar holds stays a number, and so does what is none.
fn write_time(calendar: Calendar, value: &mut Value) {
    if let Some(text) = value.as_i64().and_then(|number| calendar.text(number)) {
        *value = Value::String(text);
    }
}
