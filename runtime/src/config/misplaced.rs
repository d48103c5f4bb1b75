//! Where a key belongs that stands in the wrong place.

use serde_json::Value;

use crate::config::places::{SchemaPlace, at};

/// Keys by which other tools name a plug-in.
const KINDS: [&str; 5] = ["type", "class", "kind", "name", "plugin"];
/// The parts of a file that hold plug-ins, whose keys are their own.
const PLUG_INS: [&str; 5] = ["sink", "transforms", "dead_letter_queue", "key", "value"];

/// Says where a key belongs that is unknown at a path.
pub(super) fn belongs(schema: &Value, path: &[String], name: &str) -> Option<String> {
    let root = SchemaPlace::new(schema);
    if let Some((last, parents)) = path.split_last()
        && at(&root, parents).names(name)
    {
        return Some(match parents {
            [] => format!("it belongs at the top, beside `{last}`"),
            _ => format!("it belongs beside `{last}`, not within it"),
        });
    }
    let mut sections = Vec::new();
    collect(&root, &mut Vec::new(), &mut sections);
    let mut found = sections.into_iter().filter(|section| at(&root, section).names(name));
    let first = found.next()?;
    // Which one is meant is not known where there are several.
    if found.next().is_some() {
        return None;
    }
    Some(format!("it belongs under `{}`", first.join(".")))
}

/// Says how a plug-in is named, where a file names it by a key such as `type`.
pub(super) fn named_by_kind(name: &str, value: Option<&str>, known: &[String]) -> Option<String> {
    if !KINDS.contains(&name) {
        return None;
    }
    let plug_in = value.filter(|value| known.iter().any(|known| known == value))?;
    Some(format!(
        "the key that holds its settings names it: write `{plug_in}: {{ ... }}` instead of `{name}: {plug_in}`"
    ))
}

/// Lists the paths of all maps that hold no plug-in, but for the root.
fn collect(place: &SchemaPlace<'_>, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for key in place.keys() {
        if PLUG_INS.contains(&key) {
            continue;
        }
        let below = place.key(key);
        path.push(key.to_owned());
        if !below.keys().is_empty() {
            found.push(path.clone());
            collect(&below, path, found);
        }
        path.pop();
    }
}
