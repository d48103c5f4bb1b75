//! JSON documents that are read no further than somebody looks.
//!
//! Most records have a few fields, of which a template prints some: a value of `serde_json` for each costs more than all
//! else on a record's way. So a document is checked as a whole when it comes, but stays the text that it is; `fields` says
//! where in it the fields are, `read` makes a value of it for whoever asks, and `written` is the text without blanks, which
//! is how a document goes out that nobody has changed. What `writer` has written needs no check.

mod any;
mod compare;
mod document;
mod fault;
mod fields;
mod flat;
mod found;
mod names;
mod numbers;
mod path;
mod read;
mod text;
mod writer;
mod written;

pub use self::any::AnyJson;
pub use self::compare::{is_same_json, order_of_json};
pub use self::document::Json;
pub use self::fault::expectation_of;
pub use self::found::{Found, Scalar};
pub use self::names::{PathName, path_names};
pub use self::path::field_at;
pub use self::writer::{JsonName, JsonWriter};
