//! A converter that needs schemas, and the registry that it has them from.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sluice_connector_api::{
    Converter, ConverterContext, Failure, NotConverted, Payload, PayloadForm, PayloadForms, SchemaId,
};

/// What the registry answers to a fetch.
pub(crate) enum Fetch {
    /// Here it is, after a while.
    Found(Duration),
    /// A failure at once.
    Fails(Failure),
    /// Nothing, ever.
    Hangs,
}

/// A registry that answers as it is told, and then has every schema.
#[derive(Clone, Default)]
pub(crate) struct SchemaRegistry(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    answers: VecDeque<Fetch>,
    kept: BTreeSet<String>,
    asked: Vec<String>,
}

impl SchemaRegistry {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Fetch>) -> Self {
        let registry = Self::default();
        registry.0.lock().unwrap().answers.extend(answers);
        registry
    }

    /// The schemas that were asked for, in that order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    pub(crate) fn converter(&self) -> Box<dyn Converter> {
        Box::new(WithSchema(self.clone()))
    }
}

/// Reads `ID:text` as text once it has the schema `ID`, and never keeps the one named `lost`; `raw:text` needs none.
struct WithSchema(SchemaRegistry);

impl WithSchema {
    fn has(&self, schema: &str) -> bool {
        schema == "raw" || self.0.0.lock().unwrap().kept.contains(schema)
    }
}

#[async_trait]
impl Converter for WithSchema {
    fn convert(
        &self,
        bytes: Bytes,
        _context: &ConverterContext<'_>,
    ) -> Result<Option<Payload>, NotConverted> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (schema, text) = text.split_once(':').unwrap();
        if self.has(schema) {
            return Ok(Some(Payload::from(text)));
        }
        Err(NotConverted::NeedsSchema { schema: SchemaId::new(schema), bytes })
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Text.into()
    }

    async fn fetch(&self, schema: &SchemaId) -> Result<(), Failure> {
        let answer = {
            let mut shelf = self.0.0.lock().unwrap();
            shelf.asked.push(schema.as_str().to_owned());
            shelf.answers.pop_front().unwrap_or(Fetch::Found(Duration::ZERO))
        };
        match answer {
            Fetch::Found(after) => tokio::time::sleep(after).await,
            Fetch::Fails(failure) => return Err(failure),
            Fetch::Hangs => std::future::pending().await,
        }
        if schema.as_str() != "lost" {
            self.0.0.lock().unwrap().kept.insert(schema.as_str().to_owned());
        }
        Ok(())
    }
}
