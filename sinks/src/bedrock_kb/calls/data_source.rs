//! Which data source of which knowledge base: by ids, or by names that the account is asked for.

use std::error::Error;

use aws_sdk_bedrockagent::Client;
use aws_sdk_bedrockagent::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockagent::types::{DataSourceStatus, KnowledgeBaseStatus};
use sluice_connector_api::{Failure, SettingsError};

use crate::bedrock_kb::settings::KnowledgeBaseSettings;
use crate::bedrock_kb::verdict::{self, ApiCall};

/// Names that an error shows beside one that is not there.
const SHOWN_NAMES: usize = 5;

/// Where documents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataSourceIds {
    pub(crate) knowledge_base_id: String,
    pub(crate) data_source_id: String,
}

/// How an operator names something of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IdOrName {
    Id(String),
    Name(String),
}

/// Where documents are to be.
#[derive(Clone, Debug)]
pub(crate) struct DataSourceRef {
    pub(crate) knowledge_base: IdOrName,
    pub(crate) data_source: IdOrName,
}

impl DataSourceRef {
    pub(crate) fn from_settings(settings: &KnowledgeBaseSettings) -> Result<Self, SettingsError> {
        let KnowledgeBaseSettings { data_source_id, data_source, .. } = settings;
        Ok(Self {
            knowledge_base: IdOrName::knowledge_base(settings)?,
            data_source: IdOrName::one("data_source", data_source_id.as_ref(), data_source.as_ref())?,
        })
    }

    /// Finds the ids. Nobody is asked where they are given.
    pub(crate) async fn resolve(&self, client: &Client) -> Result<DataSourceIds, Failure> {
        let knowledge_base_id = self.knowledge_base.knowledge_base_id(client).await?;
        let data_source_id = match &self.data_source {
            IdOrName::Id(id) => id.clone(),
            IdOrName::Name(name) => {
                let all = data_sources(client, &knowledge_base_id).await?;
                found(&format!("data source of {knowledge_base_id}"), "data_source", name, all)?
            }
        };
        Ok(DataSourceIds { knowledge_base_id, data_source_id })
    }

    /// Shows the data source to a person, without asking anybody.
    pub(crate) fn shown(&self) -> DataSourceIds {
        let shown = |named: &IdOrName| match named {
            IdOrName::Id(id) => id.clone(),
            IdOrName::Name(name) => format!("<id of {name}>"),
        };
        DataSourceIds {
            knowledge_base_id: shown(&self.knowledge_base),
            data_source_id: shown(&self.data_source),
        }
    }
}

impl IdOrName {
    /// Takes what settings say of the knowledge base.
    pub(crate) fn knowledge_base(settings: &KnowledgeBaseSettings) -> Result<Self, SettingsError> {
        let KnowledgeBaseSettings { knowledge_base_id, knowledge_base, .. } = settings;
        Self::one("knowledge_base", knowledge_base_id.as_ref(), knowledge_base.as_ref())
    }

    /// Finds the id of a knowledge base.
    pub(crate) async fn knowledge_base_id(&self, client: &Client) -> Result<String, Failure> {
        match self {
            Self::Id(id) => Ok(id.clone()),
            Self::Name(name) => {
                found("knowledge base", "knowledge_base", name, knowledge_bases(client).await?)
            }
        }
    }

    fn one(key: &str, id: Option<&String>, name: Option<&String>) -> Result<Self, SettingsError> {
        match (id, name) {
            (Some(id), None) => Ok(Self::Id(id.clone())),
            (None, Some(name)) => Ok(Self::Name(name.clone())),
            (Some(_), Some(_)) => Err(SettingsError::at(key, format!("`{key}_id` is set as well; keep one"))),
            (None, None) => Err(SettingsError::new(format!("write `{key}_id`, or a name as `{key}`"))),
        }
    }
}

/// A name and the id that it stands for.
type NameAndId = (String, String);

async fn knowledge_bases(client: &Client) -> Result<Vec<NameAndId>, Failure> {
    let listed =
        client.list_knowledge_bases().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let all =
        listed.map_err(|error| refused("ListKnowledgeBases", "bedrock:ListKnowledgeBases", "*", &error))?;
    let there = all.into_iter().filter(|one| one.status != KnowledgeBaseStatus::Deleting);
    Ok(there.map(|one| (one.name, one.knowledge_base_id)).collect())
}

async fn data_sources(client: &Client, knowledge_base_id: &str) -> Result<Vec<NameAndId>, Failure> {
    let list = client.list_data_sources().knowledge_base_id(knowledge_base_id);
    let listed = list.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let all = listed
        .map_err(|error| refused("ListDataSources", "bedrock:ListDataSources", knowledge_base_id, &error))?;
    let there = all.into_iter().filter(|one| one.status != DataSourceStatus::Deleting);
    Ok(there.map(|one| (one.name, one.data_source_id)).collect())
}

fn refused<E>(
    operation: &'static str,
    permissions: &'static str,
    knowledge_base_id: &str,
    error: &SdkError<E>,
) -> Failure
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let call = ApiCall { operation, permissions, knowledge_base_id, data_source_id: None, document_ids: &[] };
    verdict::failure(call, error)
}

/// Picks the one of this name.
fn found(what: &str, key: &str, name: &str, all: Vec<NameAndId>) -> Result<String, Failure> {
    let (mut same, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(other, _)| other == name);
    match (same.pop(), same.len()) {
        (Some((_, id)), 0) => Ok(id),
        (Some((_, id)), more) => {
            let ids: Vec<_> = same.into_iter().map(|(_, id)| id).chain([id]).collect();
            let count = more + 1;
            let ids = ids.join(", ");
            Err(Failure::fatal(format!(
                "{count} are named `{name}` ({what}): {ids}; write one as `{key}_id`"
            )))
        }
        (None, _) => {
            let near = near(name, others);
            Err(Failure::fatal(format!("no {what} is named `{name}` in this account and region; {near}")))
        }
    }
}

fn near(name: &str, mut others: Vec<NameAndId>) -> String {
    if others.is_empty() {
        return "there is none, or this AWS identity may see none".to_owned();
    }
    let distance = |(other, _): &NameAndId| strsim::damerau_levenshtein(name, other);
    others.sort_by_cached_key(|other| (distance(other), other.0.clone()));
    let names: Vec<_> = others.iter().take(SHOWN_NAMES).map(|(other, _)| format!("`{other}`")).collect();
    let more = others.len().saturating_sub(SHOWN_NAMES);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("there are: {}{more}", names.join(", "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use sluice_connector_api::FailureKind;

    use super::*;

    fn all(names: &[&str]) -> Vec<NameAndId> {
        (0..)
            .zip(names)
            .map(|(number, name): (u32, _)| ((*name).to_owned(), format!("KB{number:08}")))
            .collect()
    }

    fn refusal(name: &str, names: &[&str]) -> String {
        let failure = found("knowledge base", "knowledge_base", name, all(names)).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Fatal);
        failure.to_string()
    }

    #[test]
    fn the_one_of_the_name_is_found() {
        assert_eq!(
            found("knowledge base", "knowledge_base", "b", all(&["a", "b", "bb"])).unwrap(),
            "KB00000001"
        );
    }

    #[test]
    fn two_of_a_name_are_both_shown() {
        let refusal = refusal("a", &["a", "b", "a"]);
        assert!(
            refusal.contains("KB00000000, KB00000002") && refusal.contains("`knowledge_base_id`"),
            "{refusal}"
        );
    }

    #[test]
    fn a_name_that_is_not_there_shows_the_nearest_first() {
        let refusal = refusal("prices", &["zzzz", "orders", "price", "a", "b", "c"]);
        assert!(refusal.contains("there are: `price`, ") && refusal.ends_with(" and 1 more"), "{refusal}");
        assert!(self::refusal("prices", &[]).contains("may see none"));
    }
}
