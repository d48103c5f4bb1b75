//! The ports of Amazon MSK, each of which takes one kind of client (MSK Developer Guide, Port information).

use crate::kafka::auth::msk_iam::region_of;
use crate::kafka::auth::settings::{AuthSettings, TlsSettings};

/// What a port asks of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Nothing,
    Encryption,
    Scram,
    Iam,
}

/// Inside the network of the cluster, and over the internet.
const PORTS: [(u16, Asks); 7] = [
    (9092, Asks::Nothing),
    (9094, Asks::Encryption),
    (9194, Asks::Encryption),
    (9096, Asks::Scram),
    (9196, Asks::Scram),
    (9098, Asks::Iam),
    (9198, Asks::Iam),
];

/// Says which keys are missing for the port of a broker of Amazon MSK, and writes the lines that cure it. A port that is
/// none of these may be that of a proxy, or of a private connection, and is not judged.
pub(in crate::kafka) fn warning(
    bootstrap_servers: &str,
    auth: &AuthSettings,
    tls: Option<&TlsSettings>,
) -> Option<String> {
    bootstrap_servers.split(',').map(str::trim).find_map(|server| {
        let asks = asked_by(server)?;
        Some(format!("`{server}` {}", missing(asks, auth, tls)?))
    })
}

/// Says what the port of a broker of Amazon MSK asks for.
fn asked_by(server: &str) -> Option<Asks> {
    region_of(server)?;
    let port: u16 = server.rsplit_once(':')?.1.parse().ok()?;
    PORTS.iter().find(|(known, _)| *known == port).map(|(_, asks)| *asks)
}

fn missing(asks: Asks, auth: &AuthSettings, tls: Option<&TlsSettings>) -> Option<String> {
    let is_encrypted = tls.map_or(!matches!(auth, AuthSettings::None), |tls| tls.enabled);
    let text = match (asks, auth) {
        (Asks::Iam, AuthSettings::None) => {
            "lets in clients with IAM only; add to `source.kafka`\n    auth:\n      msk_iam: {}".to_owned()
        }
        (Asks::Scram, AuthSettings::None) => {
            "lets in clients with a user and a password only; add to `source.kafka`\n    auth:\n      \
             scram: { username: NAME, password: \"${env:KAFKA_PASSWORD}\" }"
                .to_owned()
        }
        (Asks::Encryption, AuthSettings::None) if !is_encrypted => {
            "speaks TLS only; add to `source.kafka`\n    tls:\n      enabled: true".to_owned()
        }
        (Asks::Nothing, _) if is_encrypted => {
            "speaks no TLS, and asks nobody who they are; name a port that does: 9094 for TLS, 9096 for a user and a \
             password, 9098 for IAM"
                .to_owned()
        }
        (asks, AuthSettings::Scram(_)) if asks != Asks::Scram => {
            "does not listen for a user and a password; Amazon MSK's port for that is 9096, or 9196 over the internet"
                .to_owned()
        }
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};

    use crate::kafka::settings::KafkaSettings;

    /// Returns what is said of a broker on a port, with these keys.
    fn said(server: &str, more: &Value) -> String {
        let mut settings = json!({ "bootstrap_servers": server, "topics": ["t"] });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings: KafkaSettings = serde_json::from_value(settings).unwrap();
        settings.warnings().into_iter().map(|(_, text)| text).collect()
    }

    fn msk(port: u16) -> String {
        format!("b-1.demo.abc.c2.kafka.eu-central-1.amazonaws.com:{port}")
    }

    #[test]
    fn a_port_that_asks_for_more_than_is_said_is_warned_of_with_the_lines_that_cure_it() {
        let nothing = json!({});
        for (server, lines) in [
            (msk(9098), "auth:\n      msk_iam: {}"),
            (msk(9198), "auth:\n      msk_iam: {}"),
            (
                "boot-x.c1.kafka-serverless.us-east-1.amazonaws.com:9098".to_owned(),
                "auth:\n      msk_iam: {}",
            ),
            (format!("a:9092, {}", msk(9098)), "auth:\n      msk_iam: {}"),
            (msk(9096), "auth:\n      scram: {"),
            (msk(9196), "auth:\n      scram: {"),
            (msk(9094), "tls:\n      enabled: true"),
            (msk(9194), "tls:\n      enabled: true"),
        ] {
            assert!(said(&server, &nothing).contains(lines), "{server}: {}", said(&server, &nothing));
        }
    }

    #[test]
    fn a_port_that_gets_what_it_asks_for_is_none_to_warn_of() {
        let iam = json!({ "auth": { "msk_iam": {} } });
        let scram = json!({ "auth": { "scram": { "username": "u", "password": "p" } } });
        let by_properties =
            json!({ "properties": { "security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER" } });
        for (server, keys) in [
            (msk(9098), &iam),
            (msk(9096), &scram),
            (msk(9098), &by_properties),
            (msk(9094), &json!({ "tls": {} })),
            (msk(9092), &json!({})),
            (msk(14001), &json!({})),
            ("kafka.example.com:9098".to_owned(), &json!({})),
        ] {
            assert_eq!(said(&server, keys), "", "{server}");
        }
        assert!(said(&msk(9092), &json!({ "tls": {} })).contains("speaks no TLS"));
        assert!(said(&msk(9098), &scram).contains("9096"));
    }
}
