//! Texts that become values of the types that a schema wants.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::places::SchemaPlace;
use crate::config::problem::Position;
use crate::config::yaml::{Content, Node, Style, YamlScalar};

/// Makes of a text what the schema wants: a number or a boolean where one may stand, a list of what stands between commas,
/// and text otherwise. Where the schema does not say, YAML's own rules hold, and nothing is the empty text.
pub(super) fn typed(text: &str, place: &SchemaPlace<'_>, position: Position) -> Content {
    let Some(types) = place.types() else {
        let style = if text.is_empty() && !place.is_unknown() { Style::Quoted } else { Style::Plain };
        return scalar(text, style);
    };
    let plain = scalar(text, Style::Plain);
    if wants(&types, &plain) {
        return plain;
    }
    if types.contains("string") {
        return scalar(text, Style::Quoted);
    }
    if types.contains("array") {
        return Content::List(items(text, &place.items(), position));
    }
    if types.contains("object") && text.trim().is_empty() {
        return Content::Map(Vec::new());
    }
    plain
}

fn items(text: &str, place: &SchemaPlace<'_>, position: Position) -> Vec<Node> {
    let mut items = Vec::new();
    for (index, element) in elements(text).into_iter().enumerate() {
        let position = Position { column: position.column + 1 + index, ..position };
        items.push(Node { position, content: typed(element, place, position) });
    }
    items
}

/// Returns what stands between commas, without the spaces around it; commas within references are theirs.
pub(super) fn elements(text: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                elements.push(text.get(start..index).unwrap_or_default().trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    let last = text.get(start..).unwrap_or_default().trim();
    if !last.is_empty() || !elements.is_empty() {
        elements.push(last);
    }
    elements
}

fn scalar(text: &str, style: Style) -> Content {
    Content::Scalar(YamlScalar { text: text.to_owned(), style, interpolated: false, kept: false })
}

/// Says whether a scalar without quotes is what is wanted. A word for null is a text where one may stand.
fn wants(types: &BTreeSet<&str>, plain: &Content) -> bool {
    let Content::Scalar(scalar) = plain else { return false };
    match scalar.to_json() {
        Value::Bool(_) => types.contains("boolean"),
        Value::Number(number) => {
            let is_whole = !number.to_string().contains(['.', 'e', 'E']);
            types.contains("number") || (is_whole && types.contains("integer"))
        }
        Value::Null => types.contains("null") && !types.contains("string") && !types.contains("array"),
        // A reference may become anything; what is none is told by its type.
        _ => !types.contains("array") && !types.contains("string"),
    }
}
