//! TLS, with an authority of the test's own.

use std::path::PathBuf;

use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, FindingKind, Registry, Sink};
use sluice_plugin_testing::batch_failure;
use sluice_tests::authority::Authority;
use sluice_tests::postgres::Postgres;
use tempfile::TempDir;

use crate::support::row;

/// Files of certificates.
struct Files(TempDir);

impl Files {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Builds a sink for the table `t`, by user, host and `sslmode`.
fn sink(server: &Postgres, [user, host, mode]: [&str; 3], tls: &Value) -> Box<dyn Sink> {
    let url = format!("postgres://{user}@{host}:{}/postgres?sslmode={mode}", server.port());
    let settings = json!({ "url": url, "table": "t", "mode": "upsert", "key": "record_key", "tls": tls });
    sluice_sinks::register(Registry::new()).sink("postgres").unwrap().build(settings).unwrap()
}

/// Puts a record; returns how it went, and how its connection is made.
async fn put(server: &Postgres, place: [&str; 3], tls: &Value) -> Result<String, String> {
    let sink = sink(server, place, tls);
    match sink.put(&[row(1, json!({ "id": 1 }), json!({ "v": 1 }))]).await {
        Ok(()) => {
            let seen = server.sql(
                "select s.ssl, coalesce(s.client_dn, '') from pg_stat_ssl s join pg_stat_activity a using (pid) \
                 where a.application_name = 'sluice' order by a.backend_start desc limit 1",
            );
            Ok(seen[0].join(" ").trim().to_owned())
        }
        failed => {
            let failure = batch_failure(failed);
            let kind = failure.kind();
            let found = sink.check().await.remove(0);
            assert_ne!(found.kind, FindingKind::Good, "a check sees the same");
            assert!(kind != FailureKind::Rejected, "no record is at fault: {failure}");
            Err(failure.to_string())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_of_tls_does_what_it_says() {
    let authority = Authority::new("authority");
    let Some(server) = Postgres::start_with_tls(&authority) else { return };
    server
        .sql("create table t (id int primary key, v int); create role guest login; grant all on t to guest");
    let files = Files(tempfile::tempdir().unwrap());
    let trusted = json!({ "ca_file": files.write("ca.pem", &authority.pem()) });
    let other = json!({ "ca_file": files.write("other.pem", &Authority::new("other").pem()) });
    let namesake = json!({ "ca_file": files.write("namesake.pem", &Authority::new("authority").pem()) });
    let nothing = json!({});
    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
        assert_eq!(put(&server, ["guest", "localhost", mode], &trusted).await, Ok("t".to_owned()), "{mode}");
        for stranger in [&nothing, &other, &namesake] {
            let refused = put(&server, ["guest", "localhost", mode], stranger).await.unwrap_err();
            assert!(
                refused.contains("invalid peer certificate") && refused.contains("`tls.ca_file`"),
                "{mode}: {refused}"
            );
        }
    }
    // The certificate is for `localhost`, and for no address.
    for mode in ["prefer", "require", "verify-full"] {
        let refused = put(&server, ["guest", "127.0.0.1", mode], &trusted).await.unwrap_err();
        assert!(refused.contains("sslmode=verify-ca") && refused.contains("127.0.0.1"), "{mode}: {refused}");
    }
    assert_eq!(put(&server, ["guest", "127.0.0.1", "verify-ca"], &trusted).await, Ok("t".to_owned()));
    let refused = put(&server, ["guest", "127.0.0.1", "disable"], &trusted).await.unwrap_err();
    assert!(refused.contains("28000") && refused.contains("no encryption"), "{refused}");
    assert_eq!(put(&server, ["postgres", "127.0.0.1", "disable"], &nothing).await, Ok("f".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_taken_where_that_is_allowed() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id int primary key, v int)");
    for mode in ["disable", "prefer"] {
        assert_eq!(
            put(&server, ["postgres", "127.0.0.1", mode], &json!({})).await,
            Ok("f".to_owned()),
            "{mode}"
        );
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let refused = put(&server, ["postgres", "127.0.0.1", mode], &json!({})).await.unwrap_err();
        assert!(refused.contains("server does not support TLS"), "{mode}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_our_own_says_who_we_are() {
    let authority = Authority::new("authority");
    let Some(server) = Postgres::start_with_tls(&authority) else { return };
    server.sql("create table t (id int primary key, v int); create role certified login; grant all on t to certified");
    let files = Files(tempfile::tempdir().unwrap());
    let ca = files.write("ca.pem", &authority.pem());
    let tls = |signed: (String, String)| {
        let number = std::fs::read_dir(files.0.path()).unwrap().count();
        let cert = files.write(&format!("{number}.pem"), &signed.0);
        let key = files.write(&format!("{number}.key"), &signed.1);
        json!({ "ca_file": ca, "cert_file": cert, "key_file": key })
    };
    let place = ["certified", "localhost", "verify-full"];
    let good = put(&server, place, &tls(authority.sign("certified", "client"))).await;
    assert_eq!(good, Ok("t /CN=certified".to_owned()));
    for (tls, said) in [
        (json!({ "ca_file": ca }), "valid client certificate"),
        (tls(authority.sign("somebody", "client")), "certificate authentication failed"),
        (tls(Authority::new("authority").sign("certified", "client")), ""),
    ] {
        let refused = put(&server, place, &tls).await.unwrap_err();
        assert!(refused.contains(said), "{said}: {refused}");
    }
}
