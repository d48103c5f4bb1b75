//! The choices that Avro's mapping leaves to an operator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mapping::{DecimalStyle, TimeStyle};

/// How unions of several types are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnionStyle {
    /// As the value.
    #[default]
    Bare,
    /// As an object that names the type, as Avro's own JSON does: `{"long": 42}`. A union of null and one type stays bare.
    Tagged,
}

/// All of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AvroStyles {
    pub(crate) decimal: DecimalStyle,
    pub(crate) time: TimeStyle,
    pub(crate) union: UnionStyle,
}
