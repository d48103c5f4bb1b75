//! Whether documents that the service accepted are indexed.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_connector_api::{Confirm, ConfirmLimits, Confirmation, Failure, Record};

use super::calls::LazyClient;
use super::mapping::DocumentMapping;
use super::verdict;

/// Asks how far documents are.
pub(super) struct IndexConfirmation {
    pub(super) limits: ConfirmLimits,
    pub(super) mapping: Arc<DocumentMapping>,
    pub(super) client: Arc<LazyClient>,
}

#[async_trait]
impl Confirm for IndexConfirmation {
    fn limits(&self) -> ConfirmLimits {
        self.limits.clone()
    }

    async fn confirm(&self, batch: &[Record]) -> Result<Vec<Confirmation>, Failure> {
        let ids: Vec<_> = batch.iter().map(|record| self.mapping.id(record)).collect();
        let mut asked: Vec<&str> = ids.iter().flatten().map(String::as_str).collect();
        asked.sort_unstable();
        asked.dedup();
        let details =
            if asked.is_empty() { Vec::new() } else { self.client.get().await?.statuses(&asked).await? };
        let confirmation = |(record, id): (&Record, &Option<String>)| match id {
            Some(id) => verdict::confirmed(self.mapping.kind(record), id, &details),
            // A tombstone that was ignored.
            None => Confirmation::Stored,
        };
        Ok(batch.iter().zip(&ids).map(confirmation).collect())
    }
}
