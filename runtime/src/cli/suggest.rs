//! A name that is not there, and the one that was meant.

use crate::cli::exit::Exit;
use crate::config::nearest::nearest;

/// Returns why a command ends that was given an unknown name; `what` is such as `plug-in`.
pub(crate) fn unknown(what: &str, name: &str, known: &[String]) -> Exit {
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    Exit::Running(format!("no {what} is named `{name}`; {hint}"))
}
