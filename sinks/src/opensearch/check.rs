//! Looks at a cluster without writing.

use serde::Deserialize;
use sluice_connector_api::Finding;
use sluice_wire::{HttpAnswer, Method};

use super::cluster::SearchCluster;
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

/// Looks for credentials, the cluster, the index and the pipeline, in this order, up to what is wrong.
pub(super) async fn findings(
    cluster: &SearchCluster,
    settings: &OpensearchSettings,
    index: Option<&str>,
) -> Vec<Finding> {
    let mut findings = cluster.check_client().await;
    if is_bad(&findings) {
        return findings;
    }
    findings.push(cluster_finding(cluster).await);
    if let Some(index) = index.filter(|_| !is_bad(&findings)) {
        let finding = match settings.write {
            WriteOperation::DataStream => {
                look(cluster, Method::GET, &["_data_stream", index], &data_stream(index)).await
            }
            _ => look(cluster, Method::HEAD, &[index], &plain_index(index)).await,
        };
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

async fn cluster_finding(cluster: &SearchCluster) -> Finding {
    let subject = format!("cluster {}", cluster.host());
    let answer = match cluster.ask(Method::GET, &[]).await {
        Ok(answer) => answer,
        Err(failure) => return Finding::from_failure(subject, &failure),
    };
    match answer.status {
        200 => match serde_json::from_slice::<AboutCluster>(&answer.body) {
            Ok(about) => Finding::good(subject, told(&about)),
            Err(_) => {
                Finding::unseen(subject, "answers, but not as OpenSearch or Elasticsearch does; check `urls`")
            }
        },
        403 => Finding::unseen(subject, "could not be asked, which needs the right cluster:monitor/main"),
        // OpenSearch Serverless tells nothing of itself.
        404 => Finding::unseen(subject, "answers, and tells nothing of itself"),
        _ => refused(&subject, &answer),
    }
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
