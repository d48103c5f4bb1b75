//! Writes a record's value as text, from a Handlebars template.
//!
//! `delimited` turns a template with delimiters of its own into plain Handlebars, `compile` checks it and
//! rewrites it so that nothing renders as a silent blank, `record_fields` holds what `@record` can name. What
//! is left is either `segments` (text and fields only: fast) or Handlebars, with the functions of `checks`.

mod checks;
mod compile;
mod delimited;
mod field;
mod known;
mod record_fields;
mod segments;
mod syntax;
mod transform;

pub(crate) use transform::TemplateSettings;

#[cfg(test)]
mod tests;
