//! Knowledge bases and their data sources: what there is to write to and to read from.

use crate::error::ServiceError;
use crate::model;

/// A knowledge base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnowledgeBaseResource {
    /// Its id: 10 letters and digits (`^[0-9a-zA-Z]{10}$`, botocore 1.44.5).
    pub id: String,
    /// Its name: up to 100 letters and digits, each followed by `_` or `-` at most once. Several may have the same.
    pub name: String,
    /// What kind it is.
    pub kind: KnowledgeBaseType,
    /// Its data sources.
    pub data_sources: Vec<DataSource>,
}

/// The kinds of knowledge bases, as far as they are emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnowledgeBaseType {
    /// `VECTOR`: with a vector store of the customer's own.
    Vector,
    /// `MANAGED`: with everything run by the service.
    Managed,
}

/// A data source of a knowledge base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource {
    /// Its id: 10 letters and digits.
    pub id: String,
    /// Its name, of the same form as that of a knowledge base.
    pub name: String,
    /// What kind it is.
    pub kind: DataSourceType,
}

/// The kinds of data sources, as far as they are emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSourceType {
    /// `CUSTOM`: documents come by the API.
    Custom,
    /// `S3`: documents are objects of a bucket, and the API takes their locations only.
    S3,
    /// `MANAGED_KNOWLEDGE_BASE_CONNECTOR` with the connector type `CUSTOM`: what `CUSTOM` is in a managed knowledge
    /// base, which takes no other kind.
    ManagedCustom,
}

impl KnowledgeBaseResource {
    /// Makes a knowledge base of type `VECTOR` without data sources.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        let kind = KnowledgeBaseType::Vector;
        Self { id: id.into(), name: name.into(), kind, data_sources: Vec::new() }
    }

    /// Makes it a managed one.
    #[must_use]
    pub fn managed(mut self) -> Self {
        self.kind = KnowledgeBaseType::Managed;
        self
    }

    /// Adds a data source.
    #[must_use]
    pub fn with(mut self, data_source: DataSource) -> Self {
        self.data_sources.push(data_source);
        self
    }

    pub(crate) fn data_source(&self, id: &str) -> Result<&DataSource, ServiceError> {
        let found = self.data_sources.iter().find(|data_source| data_source.id == id);
        found.ok_or_else(|| ServiceError::not_found("Data source", id))
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        check_names("knowledge base", &self.id, &self.name)?;
        let managed = self.kind == KnowledgeBaseType::Managed;
        for DataSource { id, name, kind } in &self.data_sources {
            check_names("data source", id, name)?;
            if (*kind == DataSourceType::ManagedCustom) != managed {
                let knowledge_base = &self.id;
                return Err(format!(
                    "the knowledge base {knowledge_base} takes no data source of {id}'s type"
                ));
            }
        }
        Ok(())
    }
}

impl DataSource {
    /// Makes a data source of type `CUSTOM`.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), kind: DataSourceType::Custom }
    }

    /// Makes it one of this type.
    #[must_use]
    pub fn of(mut self, kind: DataSourceType) -> Self {
        self.kind = kind;
        self
    }

    /// Returns the `dataSourceType` of its documents.
    pub(crate) const fn document_type(&self) -> &'static str {
        match self.kind {
            DataSourceType::Custom | DataSourceType::ManagedCustom => "CUSTOM",
            DataSourceType::S3 => "S3",
        }
    }
}

fn check_names(what: &str, id: &str, name: &str) -> Result<(), String> {
    if !model::ID_PATTERN.holds(id) {
        return Err(format!("the id {id:?} of the {what} must be 10 letters and digits"));
    }
    if !model::NAME_PATTERN.holds(name) {
        let form = "must be letters and digits, with single `-` or `_` between them";
        return Err(format!("the name {name:?} of the {what} {form}"));
    }
    Ok(())
}
