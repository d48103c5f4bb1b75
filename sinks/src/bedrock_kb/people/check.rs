//! What can be told of the set-up without writing.

use std::error::Error;

use aws_sdk_bedrockagent::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockagent::types::{
    DataSource, DataSourceStatus, DataSourceType, KnowledgeBase, KnowledgeBaseConfiguration,
    KnowledgeBaseStatus, KnowledgeBaseStorageType, KnowledgeBaseType,
};
use sluice_connector_api::Finding;

use crate::bedrock_kb::calls::{DataSourceRef, DocumentClient, IdOrName};
use crate::bedrock_kb::settings::{BedrockKbSettings, KnowledgeBaseSettings, MetadataSettings, Profile};
use crate::record::on_null::OnNull;

/// No document has this id; where one has, its status is all that is read.
const PROBE_ID: &str = "sluice-check";

/// Looks at region, credentials, knowledge base, data source and rights, up to what makes the rest pointless.
pub(crate) async fn findings(settings: &BedrockKbSettings, wanted: &DataSourceRef) -> Vec<Finding> {
    let (mut findings, config) = settings.aws.check().await;
    let Some(config) = config else { return findings };
    match DocumentClient::from_config(&config, wanted).await {
        Ok(client) => findings.extend(Look { settings: &settings.own, wanted, client }.findings().await),
        Err(failure) => findings.push(Finding::from_failure("knowledge base and data source", &failure)),
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
        let mut findings = self.knowledge_base().await;
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

    async fn knowledge_base(&self) -> Vec<Finding> {
        let id = &self.client.ids.knowledge_base_id;
        let answer = self.client.api.get_knowledge_base().knowledge_base_id(id).send().await;
        let subject = subject("knowledge base", id, &self.wanted.knowledge_base);
        match answer {
            Ok(output) => match &output.knowledge_base {
                Some(seen) => {
                    let judged = judge_knowledge_base(subject, seen);
                    [Some(judged), self.judge_store(seen)].into_iter().flatten().collect()
                }
                None => vec![Finding::good(subject, "found")],
            },
            Err(error) => {
                vec![self.excused(subject, "GetKnowledgeBase", "bedrock:GetKnowledgeBase", &error)]
            }
        }
    }

    async fn data_source(&self) -> Finding {
        let ids = &self.client.ids;
        let ask = self.client.api.get_data_source().knowledge_base_id(&ids.knowledge_base_id);
        let subject = subject("data source", &ids.data_source_id, &self.wanted.data_source);
        match ask.data_source_id(&ids.data_source_id).send().await {
            Ok(output) => match &output.data_source {
                Some(seen) => judge_data_source(subject, seen),
                None => Finding::good(subject, "found"),
            },
            Err(error) => self.excused(subject, "GetDataSource", "bedrock:GetDataSource", &error),
        }
    }

    /// Reads one document's status: what finds both ids with one right.
    async fn documents(&self) -> Finding {
        let ids = &self.client.ids;
        let ask = self.client.api.list_knowledge_base_documents().knowledge_base_id(&ids.knowledge_base_id);
        let answer = ask.data_source_id(&ids.data_source_id).max_results(1).send().await;
        match answer {
            Ok(_) => Finding::good("documents", "can be listed"),
            Err(error) => {
                let permission = "bedrock:ListKnowledgeBaseDocuments";
                self.excused("documents".to_owned(), "ListKnowledgeBaseDocuments", permission, &error)
            }
        }
    }

    /// A right that only this check needs is not missed; all else that fails is wrong, or an outage.
    fn excused<E>(
        &self,
        subject: String,
        operation: &'static str,
        permission: &'static str,
        error: &SdkError<E>,
    ) -> Finding
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        match error.code() {
            Some("AccessDeniedException") => Finding::unseen(
                subject,
                format!("not looked at: that takes {permission}, which this identity lacks and no put needs"),
            ),
            _ => Finding::from_failure(subject, &self.client.failure(operation, permission, &[], error)),
        }
    }

    async fn statuses(&self) -> Finding {
        const SUBJECT: &str = "statuses of documents";
        match self.client.statuses(&[PROBE_ID]).await {
            Ok(_) => Finding::good(SUBJECT, "can be read"),
            Err(failure) => Finding::from_failure(SUBJECT, &failure),
        }
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

    /// A store with limits of its own refuses documents that the service has taken, unless they are kept to them.
    fn judge_store(&self, seen: &KnowledgeBase) -> Option<Finding> {
        let MetadataSettings { attributes, origin, profile } = &self.settings.metadata;
        let store = seen.storage_configuration()?.r#type();
        let is_unbounded = *profile == Profile::Any && !(attributes.is_empty() && origin.is_empty());
        (is_unbounded && *store == KnowledgeBaseStorageType::S3Vectors).then(|| {
            let text = "the store is Amazon S3 Vectors, which takes less than the service does; to have metadata that is too \
                        large rejected before a put, set `metadata.profile: s3_vectors`";
            Finding::unseen("metadata", text)
        })
    }
}

fn judge_knowledge_base(subject: String, seen: &KnowledgeBase) -> Finding {
    let (status, reasons) = (&seen.status, reasons(seen.failure_reasons()));
    match status {
        KnowledgeBaseStatus::Creating => {
            return Finding::unreachable(subject, format!("is {status}; wait until it is there"));
        }
        KnowledgeBaseStatus::Deleting | KnowledgeBaseStatus::Failed => {
            return Finding::wrong(subject, format!("is {status}{reasons}; choose another"));
        }
        _ => {}
    }
    match seen.knowledge_base_configuration().map(KnowledgeBaseConfiguration::r#type) {
        Some(kind @ (KnowledgeBaseType::Kendra | KnowledgeBaseType::Sql)) => Finding::wrong(
            subject,
            format!(
                "is of the type {kind}, which takes no documents; choose one of the type VECTOR or MANAGED"
            ),
        ),
        Some(kind) => Finding::good(subject, format!("{status}, of the type {kind}")),
        None => Finding::good(subject, status.to_string()),
    }
}

fn is_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.as_result().is_ok())
}

fn subject(what: &str, id: &str, named: &IdOrName) -> String {
    match named {
        IdOrName::Id(_) => format!("{what} {id}"),
        IdOrName::Name(name) => format!("{what} {name} ({id})"),
    }
}

fn judge_data_source(subject: String, seen: &DataSource) -> Finding {
    let status = &seen.status;
    let Some(configuration) = seen.data_source_configuration() else {
        return Finding::good(subject, status.to_string());
    };
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
        return Finding::wrong(subject, format!("is of the type {kind}, {way_out}"));
    }
    if *status == DataSourceStatus::Available {
        return Finding::good(subject, format!("{status}, of the type {kind}"));
    }
    let reasons = reasons(seen.failure_reasons());
    Finding::wrong(subject, format!("is {status}{reasons}; choose another"))
}

fn reasons(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
}
