//! Writes text from a record's value, in the dialect of `sluice-template`.

mod transform;

pub(crate) use transform::TemplateSettings;

#[cfg(test)]
mod tests;
