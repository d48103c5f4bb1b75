//! What of a record a template reads, as far as its text tells.

use crate::record_name::RecordName;

/// Something of a record that a template reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateUse {
    /// What it is.
    pub name: RecordName,
    /// How the template has it, such as `ticker` or `@record.key.id`.
    pub written: String,
}

/// What `compile` notes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    /// Everything of the record that the template reads, in the order of the text.
    pub(crate) all: Vec<TemplateUse>,
    /// The first field that it looks for in the value, which has to be an object then.
    pub(crate) value_field: Option<String>,
    /// The first field that it looks for in the key, which has to be JSON then.
    pub(crate) key_field: Option<String>,
    /// What has to be there, whatever else is: the names of a field, or none for the whole.
    pub(crate) always: Vec<(RecordName, Vec<String>)>,
    /// The text outside the tags.
    pub(crate) literals: Vec<String>,
    /// The text before the first tag.
    pub(crate) start: String,
    /// Whether there is a tag at all, comments aside.
    pub(crate) has_tags: bool,
}

impl Uses {
    pub(crate) fn add(&mut self, name: RecordName, written: &str) {
        self.all.push(TemplateUse { name, written: written.to_owned() });
    }

    /// Returns the paths of the fields of the key or the value, by its name, without which there is no text.
    pub(crate) fn fields_of(&self, name: &RecordName) -> Vec<&[String]> {
        let of = self.always.iter().filter(|(of, path)| of == name && !path.is_empty());
        of.map(|(_, path)| path.as_slice()).collect()
    }

    /// Returns the headers without which there is no text.
    pub(crate) fn headers(&self) -> Vec<&str> {
        let mut headers = Vec::new();
        for (name, _) in &self.always {
            if let RecordName::Header(name) = name {
                headers.push(name.as_str());
            }
        }
        headers
    }

    pub(crate) fn add_literal(&mut self, text: &str) {
        if !self.has_tags {
            self.start.push_str(text);
        }
        self.literals.push(text.to_owned());
    }
}
