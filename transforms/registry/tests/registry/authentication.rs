//! How requests to a registry authenticate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use sluice_wire_testing::{HttpServer, reply, status};
use tokio_rustls::TlsAcceptor;

use crate::support::{Sent, build, read, text, try_build};

const RECORD: &[u8] = b"\x02a";

fn settings(server: &HttpServer, others: Value) -> Value {
    let mut confluent = json!({ "urls": [server.url] });
    confluent.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    json!({ "registry": { "confluent": confluent } })
}

#[tokio::test]
async fn requests_authenticate_as_they_are_told() {
    for (auth, expected) in [
        (json!("none"), None),
        (json!({ "basic": { "username": "u", "password": "p" } }), Some("Basic dTpw")),
        (json!({ "bearer": { "token": "t" } }), Some("Bearer t")),
    ] {
        let server = HttpServer::start([reply(200, "", r#"{"schema":"\"string\""}"#)]).await;
        let cloud = json!({ "auth": auth, "logical_cluster": "lsrc-1", "identity_pool": "pool-1" });
        let converter = build("avro", settings(&server, cloud));
        assert_eq!(text(&*converter, &Sent::with_id(1, RECORD)).await, "\"a\"");
        let seen = &server.seen()[0];
        assert_eq!(seen.headers.get("authorization").map(String::as_str), expected);
        assert_eq!(seen.headers["target-sr-cluster"], "lsrc-1");
        assert_eq!(seen.headers["confluent-identity-pool-id"], "pool-1");
    }
}

#[tokio::test]
async fn a_token_of_oauth_2_is_fetched_and_an_outage_of_its_endpoint_is_waited_for() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let server = HttpServer::start_answering(move |request| match request.path.as_str() {
        "/token" if up.load(Ordering::SeqCst) => reply(200, "", r#"{"access_token":"abc"}"#),
        "/token" => status(503),
        _ => {
            assert_eq!(request.headers["authorization"], "Bearer abc");
            reply(200, "", r#"{"schema":"\"string\""}"#)
        }
    })
    .await;
    let oauth2 =
        json!({ "token_url": format!("{}/token", server.url), "client_id": "c", "client_secret": "s" });
    let converter = build("avro", settings(&server, json!({ "auth": { "oauth2": oauth2 } })));
    let sent = Sent::with_id(1, RECORD);
    assert!(read(&*converter, &sent).await.is_err_and(|failure| failure.starts_with("retriable: ")));
    is_up.store(true, Ordering::SeqCst);
    assert_eq!(text(&*converter, &sent).await, "\"a\"");
}

#[tokio::test]
async fn both_ends_show_their_certificates_where_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let certified = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let keep = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (server_pem, server_key) = certified("127.0.0.1");
    let (client_pem, client_key) = certified("client");
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(server_pem.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(server_key.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let answer = |_: &_| reply(200, "", r#"{"schema":"\"string\""}"#);
    let server = HttpServer::start_answering_with(answer, acceptor).await;
    let ca_file = keep("ca.pem", &ca.pem());
    let sent = Sent::with_id(1, RECORD);
    let whole = json!({ "tls": {
        "ca_file": ca_file, "cert_file": keep("c.pem", &client_pem), "key_file": keep("c.key", &client_key),
    } });
    assert_eq!(text(&*build("avro", settings(&server, whole)), &sent).await, "\"a\"");
    let without = json!({ "tls": { "ca_file": ca_file } });
    assert!(read(&*build("avro", settings(&server, without)), &sent).await.is_err());
}

#[tokio::test]
async fn a_secret_is_in_no_failure() {
    let server = HttpServer::start([reply(500, "", "no s3cret here"), reply(401, "", "s3cret")]).await;
    let auth = json!({ "auth": { "basic": { "username": "u", "password": "s3cret" } } });
    let converter = build("avro", settings(&server, auth));
    for _ in 0..2 {
        let failure = read(&*converter, &Sent::with_id(1, RECORD)).await.unwrap_err();
        assert!(!failure.contains("s3cret"), "{failure}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused_at_their_place() {
    let refused = |settings: Value| try_build("avro", settings).map(|_| ()).unwrap_err();
    let confluent = |others: Value| json!({ "registry": { "confluent": others } });
    let error = refused(confluent(json!({ "urls": ["localhost:8081"] })));
    assert!(error.starts_with("registry.confluent.urls.0: has no scheme"), "{error}");
    let error = refused(confluent(json!({ "urls": [] })));
    assert!(error.starts_with("registry.confluent.urls: name at least one"), "{error}");
    let error = refused(confluent(json!({ "urls": ["http://u:p@h"] })));
    assert!(error.starts_with("registry.confluent.urls.0: a URL holds no user"), "{error}");
    let error = refused(json!({}));
    assert!(error.contains("set `registry`"), "{error}");
    let both = json!({ "registry": { "glue": {} }, "schema_files": ["a.avsc"] });
    assert!(refused(both).starts_with("schema_files: "));
    let wrong = json!({ "registry": { "apicurio": { "urls": ["http://h"], "id_bytes": 5 } } });
    assert!(refused(wrong).contains("4 or 8 bytes"));
    let object = json!({ "registry": { "glue": {} }, "encoding": "single_object" });
    assert!(refused(object).starts_with("encoding: "));
}
