//! Where a printed template goes.

/// Takes a template's text piece by piece, and so can tell what its author wrote from what a record says.
///
/// A `String` takes both as they are. A URL encodes what a record says, so that data stays within its segment.
pub trait TemplateWriter {
    /// Takes text that stands in the template.
    fn literal(&mut self, text: &str);

    /// Takes the text of a tag, or says what is wrong with it, such as `is empty`.
    fn value(&mut self, text: &str) -> Result<(), String>;
}

impl TemplateWriter for String {
    fn literal(&mut self, text: &str) {
        self.push_str(text);
    }

    fn value(&mut self, text: &str) -> Result<(), String> {
        self.push_str(text);
        Ok(())
    }
}
