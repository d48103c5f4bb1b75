//! What can be told of the set-up without writing.

use std::error::Error;

use aws_sdk_bedrockagent::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockagent::types::{
    DataSource, DataSourceStatus, DataSourceType, KnowledgeBase, KnowledgeBaseConfiguration,
    KnowledgeBaseStatus, KnowledgeBaseType,
};
use sluice_connector_api::Finding;

use crate::bedrock_kb::calls::{DataSourceRef, DocumentClient, IdOrName};
use crate::bedrock_kb::settings::{BedrockKbSettings, KnowledgeBaseSettings};
use crate::record::on_null::OnNull;

/// No document has this id; where one has, its status is all that is read.
const PROBE_ID: &str = "sluice-check";

/// Looks at region, credentials, knowledge base, data source and rights, up to what makes the rest pointless.
pub(crate) async fn findings(settings: &BedrockKbSettings, wanted: &DataSourceRef) -> Vec<Finding> {
    let (mut findings, config) = settings.aws.check().await;
    let Some(config) = config else { return findings };
    match DocumentClient::from_config(&config, wanted).await {
        Ok(client) => findings.extend(Look { settings: &settings.own, wanted, client }.findings().await),
        Err(failure) => findings.push(Finding::bad("knowledge base and data source", failure.to_string())),
    }
    findings
}

struct Look<'a> {
    settings: &'a KnowledgeBaseSettings,
    wanted: &'a DataSourceRef,
    client: DocumentClient,
}

impl Look<'_> {
    async fn findings(&self) -> Vec<Finding> {
        let mut findings = vec![self.knowledge_base().await];
        if is_good(&findings) {
            findings.push(self.data_source().await);
        }
        if is_good(&findings) {
            findings.push(self.documents().await);
        }
        if is_good(&findings) && self.settings.confirms() {
            findings.push(self.statuses().await);
        }
        if is_good(&findings) {
            findings.push(self.rights_to_write());
        }
        findings
    }

    async fn knowledge_base(&self) -> Finding {
        let id = &self.client.ids.knowledge_base_id;
        let answer = self.client.api.get_knowledge_base().knowledge_base_id(id).send().await;
        let outcome = match answer {
            Ok(output) => {
                output.knowledge_base.as_ref().map_or_else(|| Ok("found".to_owned()), judge_knowledge_base)
            }
            Err(error) => self.excused("GetKnowledgeBase", "bedrock:GetKnowledgeBase", &error),
        };
        Finding::new(subject("knowledge base", id, &self.wanted.knowledge_base), outcome)
    }

    async fn data_source(&self) -> Finding {
        let ids = &self.client.ids;
        let ask = self.client.api.get_data_source().knowledge_base_id(&ids.knowledge_base_id);
        let outcome = match ask.data_source_id(&ids.data_source_id).send().await {
            Ok(output) => {
                output.data_source.as_ref().map_or_else(|| Ok("found".to_owned()), judge_data_source)
            }
            Err(error) => self.excused("GetDataSource", "bedrock:GetDataSource", &error),
        };
        Finding::new(subject("data source", &ids.data_source_id, &self.wanted.data_source), outcome)
    }

    /// Reads one document's status: what finds both ids with one right.
    async fn documents(&self) -> Finding {
        let ids = &self.client.ids;
        let ask = self.client.api.list_knowledge_base_documents().knowledge_base_id(&ids.knowledge_base_id);
        let answer = ask.data_source_id(&ids.data_source_id).max_results(1).send().await;
        let outcome = match answer {
            Ok(_) => Ok("can be listed".to_owned()),
            Err(error) => {
                self.excused("ListKnowledgeBaseDocuments", "bedrock:ListKnowledgeBaseDocuments", &error)
            }
        };
        Finding::new("documents", outcome)
    }

    /// A right that only this check needs is not missed; all else that fails is wrong.
    fn excused<E>(
        &self,
        operation: &'static str,
        permission: &'static str,
        error: &SdkError<E>,
    ) -> Result<String, String>
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        match error.code() {
            Some("AccessDeniedException") => Ok(format!(
                "not looked at: that takes {permission}, which this identity lacks and no put needs"
            )),
            _ => Err(self.client.failure(operation, permission, &[], error).to_string()),
        }
    }

    async fn statuses(&self) -> Finding {
        let outcome = self.client.statuses(&[PROBE_ID]).await;
        let outcome = outcome.map(|_| "can be read".to_owned()).map_err(|failure| failure.to_string());
        Finding::new("statuses of documents", outcome)
    }

    fn rights_to_write(&self) -> Finding {
        let delete = match self.settings.on_null {
            OnNull::Delete => " and bedrock:DeleteKnowledgeBaseDocuments",
            OnNull::Reject | OnNull::Ignore => "",
        };
        let seen = format!(
            "seen at the first put, since nothing is written here; it takes bedrock:IngestKnowledgeBaseDocuments, \
             bedrock:StartIngestionJob{delete}"
        );
        Finding::good("rights to write", seen)
    }
}

fn is_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.outcome.is_ok())
}

fn subject(what: &str, id: &str, named: &IdOrName) -> String {
    match named {
        IdOrName::Id(_) => format!("{what} {id}"),
        IdOrName::Name(name) => format!("{what} {name} ({id})"),
    }
}

fn judge_knowledge_base(seen: &KnowledgeBase) -> Result<String, String> {
    let status = &seen.status;
    if matches!(
        status,
        KnowledgeBaseStatus::Deleting | KnowledgeBaseStatus::Failed | KnowledgeBaseStatus::Creating
    ) {
        return Err(format!("is {status}{}; wait, or choose another", reasons(seen.failure_reasons())));
    }
    let kind = seen.knowledge_base_configuration().map(KnowledgeBaseConfiguration::r#type);
    match kind {
        Some(kind @ (KnowledgeBaseType::Kendra | KnowledgeBaseType::Sql)) => Err(format!(
            "is of the type {kind}, which takes no documents; choose one of the type VECTOR or MANAGED"
        )),
        Some(kind) => Ok(format!("{status}, of the type {kind}")),
        None => Ok(status.to_string()),
    }
}

fn judge_data_source(seen: &DataSource) -> Result<String, String> {
    let status = &seen.status;
    let Some(configuration) = seen.data_source_configuration() else { return Ok(status.to_string()) };
    let managed = configuration.managed_knowledge_base_connector_configuration();
    let connector =
        managed.and_then(|managed| managed.connector_parameters()?.as_object()?.get("type")?.as_string());
    let kind = match (configuration.r#type(), connector) {
        (kind @ DataSourceType::ManagedKnowledgeBaseConnector, Some(connector)) => {
            format!("{kind} {connector}")
        }
        (kind, _) => kind.to_string(),
    };
    if !kind.ends_with("CUSTOM") && kind != "MANAGED_KNOWLEDGE_BASE_CONNECTOR" {
        let way_out = "which takes no documents of ours; create one of the type CUSTOM";
        return Err(format!("is of the type {kind}, {way_out}"));
    }
    match status {
        DataSourceStatus::Available => Ok(format!("{status}, of the type {kind}")),
        _ => Err(format!("is {status}{}; wait, or choose another", reasons(seen.failure_reasons()))),
    }
}

fn reasons(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
}
