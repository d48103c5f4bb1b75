//! Looks at a cluster without writing.

use serde::Deserialize;
use sluice_connector_api::{Finding, FindingKind};
use sluice_wire::{HttpAnswer, Method};

use super::cluster::SearchCluster;
use super::rights::{Software, WriteRights};
use super::settings::{OpensearchSettings, WriteOperation};

/// What a cluster tells of itself.
#[derive(Deserialize)]
struct AboutCluster {
    cluster_name: String,
    version: ClusterVersion,
}

#[derive(Deserialize)]
struct ClusterVersion {
    number: String,
    #[serde(default)]
    distribution: Option<String>,
}

/// Looks for credentials, the cluster, the index, the pipeline and the right to write, in this order, up to what is wrong. `fixed` is
/// the index of every record where it is the same, `index` that of a record of this moment where that is known.
pub(super) async fn findings(
    cluster: &SearchCluster,
    settings: &OpensearchSettings,
    fixed: Option<&str>,
    index: Option<&str>,
) -> Vec<Finding> {
    let mut findings = cluster.check_client().await;
    if is_bad(&findings) {
        return findings;
    }
    let (finding, kind) = cluster_finding(cluster).await;
    findings.push(finding);
    let mut is_there = false;
    if let Some(fixed) = fixed.filter(|_| !is_bad(&findings)) {
        let finding = match settings.write {
            WriteOperation::DataStream => {
                look(cluster, Method::GET, &["_data_stream", fixed], &data_stream(fixed)).await
            }
            _ => look(cluster, Method::HEAD, &[fixed], &plain_index(fixed)).await,
        };
        is_there = finding.kind == FindingKind::Good;
        findings.push(finding);
    }
    if let Some(pipeline) = settings.pipeline.as_deref().filter(|_| !is_bad(&findings)) {
        let expected = Expected {
            subject: format!("pipeline {pipeline}"),
            missing: Finding::wrong(
                format!("pipeline {pipeline}"),
                "is not there; create it, or change `pipeline`",
            ),
            right: "cluster:admin/ingest/pipeline/get",
        };
        findings.push(look(cluster, Method::GET, &["_ingest", "pipeline", pipeline], &expected).await);
    }
    if !is_bad(&findings) {
        let asked = WriteRights { cluster, settings, software: kind };
        findings.push(asked.finding(index, is_there).await);
    }
    findings
}

fn is_bad(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.as_result().is_err())
}

/// Something that should be there.
struct Expected {
    subject: String,
    /// What is said where it is not.
    missing: Finding,
    /// The right that looking takes.
    right: &'static str,
}

/// An index that is not there is made at the first put, unless the cluster forbids it: the puts will tell.
fn plain_index(index: &str) -> Expected {
    let subject = format!("index {index}");
    let text = "is not there: the first put makes it, unless the cluster forbids that (`action.auto_create_index`); better create \
                it with its mapping";
    Expected { missing: Finding::unseen(subject.clone(), text), subject, right: "indices:admin/get" }
}

fn data_stream(name: &str) -> Expected {
    let subject = format!("data stream {name}");
    let text = "is not there: the first put makes it where an index template has `data_stream` for this name, and an index \
                otherwise; create it, or the template";
    Expected {
        missing: Finding::unseen(subject.clone(), text),
        subject,
        right: "indices:admin/data_stream/get",
    }
}

async fn look(cluster: &SearchCluster, method: Method, path: &[&str], expected: &Expected) -> Finding {
    let subject = expected.subject.as_str();
    match cluster.ask(method, path).await {
        Ok(answer) if answer.is_success() => Finding::good(subject, "found"),
        Ok(answer) => match answer.status {
            404 => expected.missing.clone(),
            403 => Finding::unseen(
                subject,
                format!("could not be looked at, which needs the right {}", expected.right),
            ),
            _ => refused(subject, &answer),
        },
        Err(failure) => Finding::from_failure(subject, &failure),
    }
}

/// Looks at the cluster, and says what it is.
async fn cluster_finding(cluster: &SearchCluster) -> (Finding, Software) {
    let subject = format!("cluster {}", cluster.host());
    let answer = match cluster.ask(Method::GET, &[]).await {
        Ok(answer) => answer,
        Err(failure) => return (Finding::from_failure(subject, &failure), Software::Unknown),
    };
    let finding = match answer.status {
        200 => match serde_json::from_slice::<AboutCluster>(&answer.body) {
            Ok(about) => return (Finding::good(subject, told(&about)), about.software()),
            Err(_) => {
                Finding::unseen(subject, "answers, but not as OpenSearch or Elasticsearch does; check `urls`")
            }
        },
        403 => Finding::unseen(subject, "could not be asked, which needs the right cluster:monitor/main"),
        // OpenSearch Serverless tells nothing of itself.
        404 => Finding::unseen(subject, "answers, and tells nothing of itself"),
        _ => refused(&subject, &answer),
    };
    (finding, Software::Unknown)
}

impl AboutCluster {
    fn software(&self) -> Software {
        match self.version.distribution.as_deref() {
            Some("opensearch") => Software::OpenSearch { tells_rights: tells_rights(&self.version.number) },
            _ => Software::Elasticsearch,
        }
    }
}

/// Says whether OpenSearch of this version tells which rights a request lacks (`perform_permission_check`): since 3.2.
fn tells_rights(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(3), Some(2))
}

fn told(about: &AboutCluster) -> String {
    let software = match about.version.distribution.as_deref() {
        Some("opensearch") => "OpenSearch",
        _ => "Elasticsearch",
    };
    format!("{} is {software} {}", about.cluster_name, about.version.number)
}

fn refused(subject: &str, answer: &HttpAnswer) -> Finding {
    let said = answer.said();
    match answer.status {
        300..=399 => {
            Finding::wrong(subject, format!("answers {said}; set `urls` to where this redirect leads"))
        }
        401 => Finding::wrong(
            subject,
            format!("answers {said}; it does not accept these credentials, change `auth`"),
        ),
        407 => Finding::wrong(subject, format!("the proxy answers {said}; put its credentials into its URL")),
        429 | 502..=504 => Finding::unreachable(subject, format!("answers {said}; see to the cluster")),
        _ => Finding::unseen(
            subject,
            format!("answers {said}; whether it takes documents is seen at the first put"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opensearch_tells_rights_since_3_2() {
        let told: Vec<bool> =
            ["2.19.1", "3.0.0", "3.1.9", "3.2.0", "3.10.1", "4.0.0", "new"].map(tells_rights).into();
        assert_eq!(told, [false, false, false, true, true, true, false]);
    }
}
