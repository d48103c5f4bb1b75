//! A name that is not there, and the one that was meant.

use serde_json::Value;

use crate::cli::exit::Exit;
use crate::config::nearest::nearest;

/// Returns why a command ends that was given an unknown name; `what` is such as `plug-in`.
pub(crate) fn unknown(what: &str, name: &str, known: &[String]) -> Exit {
    match nearest(name, known) {
        Some(near) => meant(what, name, near),
        None => Exit::Running(format!("no {what} is named `{name}`; there are: {}", known.join(", "))),
    }
}

/// Returns why a command ends that was given the name that others have for something.
pub(crate) fn meant(what: &str, name: &str, known: &str) -> Exit {
    Exit::Running(format!("no {what} is named `{name}`; did you mean `{known}`?"))
}

/// Says whether the schema of a plug-in's settings has a name as one that others call it by.
pub(crate) fn is_also_called(schema: &Value, name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
    let also = schema.get("x-also").and_then(Value::as_array);
    also.into_iter().flatten().any(|also| also == name.as_str())
}
