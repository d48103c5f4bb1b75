//! Sluice's one template dialect: Handlebars over a record, for transforms and sinks alike.
//!
//! ```
//! use serde_json::json;
//! use sluice_connector_api::{Origin, Payload, Record};
//! use sluice_template::Template;
//!
//! let template = Template::new("text", r#"{{ticker}} is at {{default price "no price"}}, partition {{@record.partition}}"#)?;
//! let mut record = Record::new(Origin::new("prices", 3, 42));
//! record.value = Some(Payload::from(json!({ "ticker": "OOOO" })));
//! assert_eq!(template.render(&record)?, "OOOO is at no price, partition 3");
//!
//! let strict = Template::new("text", "{{price}}")?;
//! assert_eq!(strict.render(&record).unwrap_err().to_string(), "field `price` is missing");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The dialect
//!
//! Nothing is left blank in silence: a tag whose value is missing, null, an array or an object makes the record one that
//! cannot be printed, and the reason names the tag. `default`, `if`, `unless`, and `each` and `with` that have an `else`
//! accept what is missing or null; that is the same wherever a template is written. Nothing is escaped; numbers appear with
//! the digits that they came with, and are compared by what they are: `1e2` is 100. What is not in the value is under `@record` ([`RecordName`]).
//!
//! # How the parts work together
//!
//! ```text
//! text ── delimited ──> Handlebars' notation ── compile ──> checked and rewritten ──┬── plain: text and plain tags (fast)
//!          (other delimiters)          (known, nesting, syntax: what is wrong, where)    └── Handlebars, with the functions of `checks`
//! ```
//!
//! `compile` also notes what of a record a template reads ([`TemplateUse`]), so that a sink can refuse settings that cannot
//! work. `plain` needs no Handlebars to print; both ways give the same text and the same reasons, which a test holds.
//! [`TemplateWriter`] lets a caller treat what records say unlike what the author wrote, as a URL has to. Pure: no I/O.

mod checks;
mod compare;
mod compile;
mod context;
mod delimited;
mod error;
mod field;
mod known;
mod nesting;
mod plain;
mod record_name;
pub mod shape;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod uses;
mod writer;

pub use delimited::HANDLEBARS;
pub use error::Unprintable;
pub use record_name::RecordName;
pub use template::Template;
pub use uses::TemplateUse;
pub use writer::TemplateWriter;
