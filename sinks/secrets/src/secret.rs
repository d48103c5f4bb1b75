//! `${aws_secret:NAME}` and `${aws_secret:NAME#key}`: AWS Secrets Manager.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_connector_api::{Failure, Provider, ProviderSettings, SettingsError};

use crate::store::{AwsStore, StoreKind, wrong_with_name};

/// The service (`GetSecretValue` of the API of 2017-10-17).
const KIND: StoreKind = StoreKind {
    service: "secretsmanager",
    target: "secretsmanager",
    endpoint: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    missing: &["ResourceNotFoundException"],
};

/// Secrets of AWS Secrets Manager. A key behind `#` picks a value of one that is a JSON map.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsSecret {}

impl ProviderSettings for AwsSecret {
    const NAME: &'static str = "aws_secret";

    fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
        Ok(Box::new(Secrets(AwsStore::from_environment(KIND))))
    }
}

struct Secrets(AwsStore);

#[async_trait]
impl Provider for Secrets {
    async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
        let (id, key) = parts(name);
        let answer = self.0.ask("GetSecretValue", id, &json!({ "SecretId": id })).await?;
        let Some(answer) = answer else { return Ok(None) };
        let Some(text) = answer.get("SecretString").and_then(Value::as_str) else {
            return Err(Failure::fatal(format!("the secret `{id}` holds bytes, and not text")));
        };
        match key {
            None => Ok(Some(text.to_owned())),
            Some(key) => value_of(id, key, text),
        }
    }

    fn missing(&self, name: &str) -> String {
        match parts(name) {
            (id, None) => format!("there is no secret `{id}` in AWS Secrets Manager in this region"),
            (id, Some(key)) => {
                format!(
                    "there is no secret `{id}` in AWS Secrets Manager in this region, or it has no key `{key}`"
                )
            }
        }
    }

    fn wrong_with_name(&self, name: &str) -> Option<String> {
        let (id, key) = parts(name);
        if key == Some("") {
            return Some(format!("`#` names a key of the secret, and none stands behind it in `{name}`"));
        }
        wrong_with_name("secret", id)
    }

    fn is_remote(&self) -> bool {
        true
    }
}

fn parts(name: &str) -> (&str, Option<&str>) {
    match name.split_once('#') {
        Some((id, key)) => (id, Some(key)),
        None => (name, None),
    }
}

/// Returns a value of a secret that is a map; nothing of the secret is in an error.
fn value_of(id: &str, key: &str, text: &str) -> Result<Option<String>, Failure> {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return Err(Failure::fatal(format!(
            "the secret `{id}` is not a JSON map, and has no key `{key}`; leave `#{key}` out to take it as a whole"
        )));
    };
    Ok(fields.get(key).map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use sluice_connector_api::FailureKind;
    use sluice_wire_testing::{HttpReply, HttpServer, reply};

    use super::*;

    async fn asked(name: &str, replies: Vec<HttpReply>) -> (Result<Option<String>, Failure>, HttpServer) {
        let server = HttpServer::start(replies).await;
        let secrets = Secrets(AwsStore::new(KIND, Some(server.url.clone())));
        (secrets.value(name).await, server)
    }

    fn secret(text: &str) -> HttpReply {
        reply(200, "", &json!({ "Name": "prod/db", "SecretString": text }).to_string())
    }

    #[tokio::test]
    async fn a_secret_is_asked_for_by_its_name_and_a_key_picks_a_value() {
        let (value, server) = asked("prod/db", vec![secret("hunter2")]).await;
        assert_eq!(value.unwrap().as_deref(), Some("hunter2"));
        let request = server.seen().remove(0);
        assert_eq!(request.headers["x-amz-target"], "secretsmanager.GetSecretValue");
        assert!(request.headers["authorization"].contains("/secretsmanager/aws4_request"));
        assert_eq!(request.json(), json!({ "SecretId": "prod/db" }));

        let map = r#"{"user":"u","port":5432,"pass":"hunter2"}"#;
        for (name, expected) in
            [("prod/db#pass", Some("hunter2")), ("prod/db#port", Some("5432")), ("prod/db#x", None)]
        {
            let (value, _) = asked(name, vec![secret(map)]).await;
            assert_eq!(value.unwrap().as_deref(), expected, "{name}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_none_and_what_is_wrong_says_so_without_the_secret() {
        let missing = reply(400, "", r#"{"__type":"ResourceNotFoundException","Message":"no"}"#);
        assert_eq!(asked("prod/db", vec![missing]).await.0.unwrap(), None);
        let (wrong, _) = asked("prod/db#pass", vec![secret("hunter2")]).await;
        let wrong = wrong.unwrap_err();
        assert!(wrong.to_string().contains("`prod/db`") && !wrong.to_string().contains("hunter2"), "{wrong}");
        let cut = reply(200, "", "{\"SecretString\":\"hunter2");
        assert!(!asked("prod/db", vec![cut]).await.0.unwrap_err().to_string().contains("hunter2"));
        let away = asked("prod/db", vec![reply(503, "", "")]).await.0.unwrap_err();
        assert_eq!(away.kind(), FailureKind::Retriable);
        let denied = reply(400, "", r#"{"__type":"AccessDeniedException","Message":"no"}"#);
        assert_eq!(asked("prod/db", vec![denied]).await.0.unwrap_err().kind(), FailureKind::Fatal);
    }

    #[test]
    fn a_name_has_a_form() {
        let secrets = Secrets(AwsStore::new(KIND, None));
        for name in ["#key", "prod/db#", "a b", " "] {
            assert!(secrets.wrong_with_name(name).is_some(), "{name}");
        }
        for name in ["prod/db", "prod/db#key", "arn:aws:secretsmanager:eu-west-3:1:secret:x-AbCdEf#a b"] {
            assert_eq!(secrets.wrong_with_name(name), None, "{name}");
        }
    }
}
