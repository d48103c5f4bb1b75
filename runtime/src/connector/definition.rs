//! What tells two versions of a connector apart.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// The settings of a connector, with all references resolved.
///
/// Two connectors of one name are the same if their definitions are equal. Comments, the layout of the file, its path and
/// its age are no part of it; a reference is, by what it stands for: a secret that was rotated makes another definition.
/// So is the order of keys, which matters to some plug-ins. What the connector is meant to be is none of it: it is
/// paused and resumed as it is.
///
/// It may hold secrets, and never shows them (invariant 8).
#[derive(Clone, PartialEq, Eq)]
pub struct Definition(Arc<str>);

impl Definition {
    /// Keeps the settings of a connector file, as they are after the references were resolved.
    pub(crate) fn new(settings: &Value) -> Self {
        let mut settings = settings.clone();
        if let Some(settings) = settings.as_object_mut() {
            settings.shift_remove("state");
        }
        Self(settings.to_string().into())
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn definitions_are_equal_by_what_is_set_and_never_show_it() {
        let of = |token: &str| Definition::new(&json!({ "sink": { "http": { "token": token } } }));
        assert_eq!(of("hunter2"), of("hunter2"));
        assert_ne!(of("hunter2"), of("hunter3"));
        assert!(!format!("{:?}", of("hunter2")).contains("hunter2"));
    }
}
