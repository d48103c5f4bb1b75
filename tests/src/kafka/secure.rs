//! A real broker that lets in only who it knows: by SASL over TLS, or by a certificate.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use super::Broker;
use super::server::{self, BrokerProcess, More};
use crate::server_process::free_port;

/// The user of SCRAM and PLAIN.
pub const USER: &str = "alice";
/// The user's password.
pub const PASSWORD: &str = "alice-secret";
/// The secret key that signs tokens as Amazon MSK takes them; `MskTokens.java` has the same. The region is
/// `eu-central-1`, the access key id whatever it likes.
pub const SECRET_KEY: &str = "the-secret-key-of-the-tests";

/// A broker with more listeners. Its plain one is for the test itself.
pub struct SecureBroker {
    broker: Broker,
    jars: PathBuf,
    sasl: String,
    mutual: String,
    scram: String,
    expired: String,
    /// The authority that vouches for the broker, as PEM.
    pub ca: String,
    /// The certificate of a client that the broker knows, as PEM.
    pub certificate: String,
    /// Its key, as PEM.
    pub key: String,
}

impl fmt::Debug for SecureBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureBroker")
            .field("sasl", &self.sasl)
            .field("mutual", &self.mutual)
            .finish_non_exhaustive()
    }
}

impl SecureBroker {
    /// Returns the broker that all tests of this process share. `None` and panics as [`Broker::shared`].
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<SecureBroker> = OnceLock::new();
        let jars = server::jars_or_notice()?;
        Some(SHARED.get_or_init(|| Self::start(jars)))
    }

    fn start(jars: &Path) -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // What it signs has another name: OpenSSL takes two of one name for one.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        let authority = authority.expect("an authority");
        let sign = |until: Option<i32>| {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
            if let Some(year) = until {
                params.not_before = date_time_ymd(year - 1, 1, 1);
                params.not_after = date_time_ymd(year, 1, 1);
            }
            (params.signed_by(&key, &authority).expect("a certificate").pem(), key.serialize_pem())
        };
        let (ca, (certificate, key), own, old) = (authority.pem(), sign(None), sign(None), sign(Some(2020)));
        let ports = [free_port(), free_port(), free_port(), free_port()];
        let prepare = |home: &Path| {
            fs::write(home.join("ca.pem"), &ca)?;
            fs::write(home.join("broker.pem"), format!("{}{}", own.1, own.0))?;
            fs::write(home.join("expired.pem"), format!("{}{}", old.1, old.0))?;
            compile(jars, &home.join("classes"));
            Ok(more(home, ports))
        };
        let server = BrokerProcess::start_with(jars, &prepare).unwrap_or_else(|problem| panic!("{problem}"));
        let [sasl, mutual, scram, expired] = ports.map(server::address_of);
        let (broker, jars) = (Broker { server }, jars.to_owned());
        Self { broker, jars, sasl, mutual, scram, expired, ca, certificate, key }
    }

    /// Returns the same broker for clients that need not say who they are.
    pub fn open(&self) -> &Broker {
        &self.broker
    }

    /// Returns the address of the listener for SCRAM, PLAIN, and tokens of Amazon MSK, all over TLS.
    pub fn sasl(&self) -> &str {
        &self.sasl
    }

    /// Returns the address of the listener that wants a certificate.
    pub fn mutual(&self) -> &str {
        &self.mutual
    }

    /// Returns the address of the listener that takes SCRAM-SHA-512 alone, over TLS.
    pub fn scram(&self) -> &str {
        &self.scram
    }

    /// Returns the address of the listener whose certificate expired years ago.
    pub fn expired(&self) -> &str {
        &self.expired
    }

    /// Allows a user an operation on a topic, such as `Describe`; nobody else may do anything to it any more.
    pub fn allow(&self, user: &str, operation: &str, topic: &str) {
        self.allow_all(&[[user, operation, "TOPIC", topic]]);
    }

    /// Does that for users, operations, resources (`TOPIC`, `GROUP`, `CLUSTER`) and their names, all at once.
    pub fn allow_all(&self, rights: &[[&str; 4]]) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/Acls.java");
        let mut java = Command::new("timeout");
        java.args(["120", "java", "-cp"]).arg(self.jars.join("*")).arg(source);
        java.arg(self.open().bootstrap_servers()).args(rights.as_flattened());
        let output = java.output().expect("`java`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Returns the tokens that were taken so far, by a hash.
    pub fn tokens(&self) -> BTreeSet<String> {
        let log = self.broker.server.log_text();
        let taken = log.lines().filter_map(|line| line.split_once("MSK token taken: "));
        taken.map(|(_, hash)| hash.to_owned()).collect()
    }
}

/// Compiles what takes the tokens.
fn compile(jars: &Path, classes: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/MskTokens.java");
    let mut javac = Command::new("javac");
    javac.arg("-cp").arg(jars.join("*")).arg("-d").arg(classes).arg(source);
    let output = javac.output().expect("`javac`, which comes with the JDK");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn more(home: &Path, [sasl, mutual, scram, expired]: [u16; 4]) -> More {
    let modules = "org.apache.kafka.common.security";
    let home = home.display();
    let properties = format!(
        "\
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER
listener.name.sasl.scram-sha-256.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.sasl.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
listener.name.sasl.oauthbearer.sasl.jaas.config={modules}.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl.oauthbearer.sasl.server.callback.handler.class=MskTokens
listener.name.sasl.oauthbearer.sasl.login.callback.handler.class=MskTokens
# A connection whose token has expired is cut off unless it has shown another.
listener.name.sasl.oauthbearer.connections.max.reauth.ms=3600000
listener.name.mutual.ssl.client.auth=required
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.expired.ssl.keystore.location={home}/expired.pem
# Whoever needs no name may do anything, and so may anybody to a topic of which no rule speaks.
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
ssl.keystore.type=PEM
ssl.keystore.location={home}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={home}/ca.pem
"
    );
    let add =
        |mechanism| ["--add-scram".to_owned(), format!("{mechanism}=[name={USER},password={PASSWORD}]")];
    More {
        unresolved: None,
        elsewhere: Vec::new(),
        properties,
        listeners: vec![
            ("SASL", "SASL_SSL", sasl),
            ("MUTUAL", "SSL", mutual),
            ("SCRAM", "SASL_SSL", scram),
            ("EXPIRED", "SSL", expired),
        ],
        format: ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(add).concat(),
    }
}
