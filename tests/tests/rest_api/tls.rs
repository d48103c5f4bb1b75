//! The listener with TLS: certificates from files, certificates of clients, and what is open without one.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sluice_tests::listener::send;
use sluice_tests::sluice::{Exited, Running, Sluice};

use crate::stage::Stage;

/// An authority, whose certificates lie in the folder of a stage, where they are no connectors.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(stage: &Stage, name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let authority = Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap());
        fs::write(pem(stage, name), authority.0.pem()).unwrap();
        authority
    }

    /// Signs a certificate for this machine, and writes it and its key.
    fn sign(&self, stage: &Stage, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::write(pem(stage, name), certificate.pem()).unwrap();
        fs::write(pem(stage, &format!("{name}-key")), key.serialize_pem()).unwrap();
    }
}

fn pem(stage: &Stage, name: &str) -> PathBuf {
    stage.folder.path().join(format!("{name}.pem"))
}

fn flag(stage: &Stage, flag: &str, name: &str) -> String {
    format!("--{flag}={}", pem(stage, name).display())
}

fn secure(stage: &Stage, more: &[String]) -> Sluice {
    let mut sluice = stage.sluice().env("SLUICE_REST_TOKEN", "s3cret-token");
    sluice = sluice.arg(flag(stage, "tls-cert-file", "own")).arg(flag(stage, "tls-key-file", "own-key"));
    more.iter().fold(sluice, Sluice::arg)
}

fn started(sluice: Sluice) -> Running {
    let mut daemon = sluice.spawn();
    daemon.wait_for_log("on https://");
    daemon
}

/// Asks with the command line, which knows TLS.
fn connectors(stage: &Stage, more: &[String]) -> Exited {
    let command = Sluice::new(["connectors"])
        .arg(format!("--url=https://{}", stage.address))
        .env("SLUICE_REST_TOKEN", "s3cret-token");
    more.iter().fold(command, Sluice::arg).output()
}

fn health(stage: &Stage, more: &[String]) -> Exited {
    let mut command = Sluice::new(["health"]).arg(format!("--listen={}", stage.address));
    command = command.env("SLUICE_REST_TOKEN", "s3cret-token").arg(flag(stage, "tls-cert-file", "own"));
    more.iter().fold(command, Sluice::arg).output()
}

#[test]
fn the_listener_speaks_tls_with_certificates_that_may_change() {
    let stage = Stage::new();
    let authority = Authority::new(&stage, "ca");
    authority.sign(&stage, "own");
    let mut daemon = started(secure(&stage, &[]));
    let trusting = [flag(&stage, "ca-file", "ca")];
    let listed = connectors(&stage, &trusting).expect_code(0).stdout;
    assert!(listed.contains("prices"), "{listed}");
    let stranger = connectors(&stage, &[]).expect_code(3);
    assert!(stranger.stderr.contains("name that one with --ca-file"), "{stranger}");
    let asked = |url: String, more: &[String]| {
        let command = Sluice::new(["connectors", "--url", &url]).env("SLUICE_REST_TOKEN", "s3cret-token");
        more.iter().fold(command, Sluice::arg).output().expect_code(3).stderr
    };
    let plain = asked(format!("http://{}", stage.address), &[]);
    assert!(plain.ends_with("what listens there speaks TLS; write https:// in --url"), "{plain}");
    let secure = format!("https://{}", stage.address);
    let swapped = [flag(&stage, "cert-file", "own-key"), flag(&stage, "key-file", "own")];
    let swapped = asked(secure.clone(), &swapped);
    assert!(swapped.starts_with("error: `--key-file`: "), "{swapped}");
    assert!(swapped.ends_with(": there is no private key in it"), "{swapped}");
    let missing = asked(secure, &[flag(&stage, "ca-file", "none")]);
    assert!(missing.starts_with("error: `--ca-file`: "), "{missing}");
    health(&stage, &[]).expect_code(0);

    // A certificate that is renewed is shown to the next who comes, some seconds later.
    Authority::new(&stage, "ca").sign(&stage, "own");
    daemon.wait_until("the new certificate", |daemon| {
        connectors(&stage, &trusting);
        (!daemon.log_lines("certificates of the listener are read anew").is_empty()).then_some(())
    });
    connectors(&stage, &trusting).expect_code(0);
    daemon.terminate().expect_code(0);
}

#[test]
fn a_certificate_of_a_client_is_asked_for_beside_the_token_and_metrics_are_open_unless_told() {
    let stage = Stage::new();
    let authority = Authority::new(&stage, "ca");
    authority.sign(&stage, "own");
    authority.sign(&stage, "mine");
    Authority::new(&stage, "other-ca").sign(&stage, "other");
    let asking = [flag(&stage, "tls-client-ca-file", "ca")];
    let daemon = started(secure(&stage, &asking));
    let shown = |name: &str| {
        let key = format!("{name}-key");
        [flag(&stage, "ca-file", "ca"), flag(&stage, "cert-file", name), flag(&stage, "key-file", &key)]
    };
    connectors(&stage, &shown("mine")).expect_code(0);
    let without = connectors(&stage, &[flag(&stage, "ca-file", "ca")]).expect_code(1);
    assert!(without.stderr.contains("certificate"), "{without}");
    connectors(&stage, &shown("other")).expect_code(3);
    health(&stage, &[]).expect_code(0);
    daemon.terminate().expect_code(0);

    let closed = [asking[0].clone(), "--open-metrics=false".to_owned()];
    let daemon = started(secure(&stage, &closed));
    health(&stage, &closed).expect_code(1);
    connectors(&stage, &shown("mine")).expect_code(0);
    daemon.terminate().expect_code(0);
}

#[test]
fn metrics_and_health_are_for_those_with_the_token_where_they_are_not_open() {
    let stage = Stage::new();
    let mut daemon =
        stage.sluice().env("SLUICE_REST_TOKEN", "s3cret-token").arg("--open-metrics=false").spawn();
    daemon.wait_for_log("serving");
    let url = format!("https://{}", stage.address);
    let spoken = Sluice::new(["connectors", "--url", &url]).output().expect_code(3);
    assert!(
        spoken.stderr.ends_with("what listens there does not speak TLS; write http:// in --url"),
        "{spoken}"
    );
    let token = [("Authorization", "Bearer s3cret-token")];
    for path in ["/metrics", "/healthz", "/readyz", "/status"] {
        assert_eq!(stage.ask("GET", path, "").status, 401, "{path}");
        assert_ne!(send(&stage.address, "GET", path, &token, "").status, 401, "{path}");
    }
    daemon.terminate().expect_code(0);
}

#[test]
fn files_that_are_not_valid_are_named_before_a_record_is_read() {
    let stage = Stage::new();
    Authority::new(&stage, "ca").sign(&stage, "own");
    Authority::new(&stage, "ca").sign(&stage, "other");
    let refused = |flags: &[String]| {
        let command = flags.iter().fold(stage.sluice(), Sluice::arg);
        command.output().expect_code(2).stderr
    };
    let cert = flag(&stage, "tls-cert-file", "own");
    assert!(refused(std::slice::from_ref(&cert)).contains("`tls_cert_file` needs its `tls_key_file`"));
    let key = flag(&stage, "tls-key-file", "other-key");
    assert!(refused(&[cert.clone(), key]).contains("do not fit together"));
    let missing = refused(&[cert, flag(&stage, "tls-key-file", "none")]);
    assert!(missing.contains("`tls_key_file`") && missing.contains("none.pem"), "{missing}");
    let open = Sluice::new(["run".as_ref(), stage.folder.path()])
        .arg("--listen=0.0.0.0:0")
        .arg("--open-metrics=false")
        .env("KAFKA_BOOTSTRAP_SERVERS", &stage.servers)
        .output()
        .expect_code(2);
    assert!(open.stderr.contains("rest_token"), "{open}");
}
