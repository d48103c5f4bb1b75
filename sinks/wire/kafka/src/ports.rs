//! The ports of Amazon MSK, each of which takes one kind of client (MSK Developer Guide, Port information).

use crate::msk_iam::region_of;
use crate::security::Security;
use crate::settings::{AuthSettings, TlsSettings};

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
/// none of these may be that of a proxy, or of a private connection, and is not judged; nor is any where one of the `properties`,
/// by their names, says who the client is. `place` is where the keys belong, such as `source.kafka`.
pub fn warning<'a>(
    security: &Security<'_>,
    properties: impl IntoIterator<Item = &'a String>,
    place: &str,
) -> Option<String> {
    let tells = |name: &String| name.starts_with("sasl.") || name == "security.protocol";
    if properties.into_iter().any(tells) {
        return None;
    }
    let Security { auth, tls, bootstrap_servers } = *security;
    bootstrap_servers.split(',').map(str::trim).find_map(|server| {
        let asks = asked_by(server)?;
        Some(format!("`{server}` {}", missing(asks, auth, tls, place)?))
    })
}

/// Says what the port of a broker of Amazon MSK asks for.
fn asked_by(server: &str) -> Option<Asks> {
    region_of(server)?;
    let port: u16 = server.rsplit_once(':')?.1.parse().ok()?;
    PORTS.iter().find(|(known, _)| *known == port).map(|(_, asks)| *asks)
}

fn missing(asks: Asks, auth: &AuthSettings, tls: Option<&TlsSettings>, place: &str) -> Option<String> {
    let is_encrypted = tls.map_or(!matches!(auth, AuthSettings::None), |tls| tls.enabled);
    let text = match (asks, auth) {
        (Asks::Iam, AuthSettings::None) => {
            format!("lets in clients with IAM only; add to `{place}`\n    auth:\n      msk_iam: {{}}")
        }
        (Asks::Scram, AuthSettings::None) => {
            format!(
                "lets in clients with a user and a password only; add to `{place}`\n    auth:\n      scram: {{ username: NAME, \
                 password: \"${{env:KAFKA_PASSWORD}}\" }}"
            )
        }
        (Asks::Encryption, AuthSettings::None) if !is_encrypted => {
            format!("speaks TLS only; add to `{place}`\n    tls:\n      enabled: true")
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
