//! The addresses in `bootstrap_servers`: what librdkafka would not take for the brokers that are meant.

use sluice_connector_api::{HostFault, check_host};

/// Checks addresses, comma-separated: each is a host, or a host and a port. An error quotes none that holds a password.
pub fn check_servers(bootstrap_servers: &str) -> Result<(), String> {
    let mut servers =
        bootstrap_servers.split(',').map(str::trim).filter(|server| !server.is_empty()).peekable();
    if servers.peek().is_none() {
        return Err("is empty; name at least one broker, such as localhost:9092".to_owned());
    }
    // A reference that nobody was asked for is not known yet.
    servers.filter(|server| !server.contains("${")).try_for_each(check_server)
}

fn check_server(server: &str) -> Result<(), String> {
    if let Some((scheme, address)) = server.split_once("://") {
        return Err(with_scheme(scheme, address));
    }
    if server.contains('@') {
        return Err("holds `@`; name hosts and ports only, and say who the client is under `auth`".to_owned());
    }
    check_host(server).map_err(|fault| match fault {
        HostFault::Separator(separator) => {
            format!("`{server}` holds `{separator}`; separate brokers with commas")
        }
        HostFault::Reference | HostFault::NoBrackets => format!("`{server}` {fault}"),
        fault => format!("`{server}` {fault}; write a host and its port, such as localhost:9092"),
    })
}

/// Other clients take a scheme for the way to encrypt and to authenticate, which have keys of their own here.
fn with_scheme(scheme: &str, address: &str) -> String {
    let address = address.split(['/', '?', '#']).next().unwrap_or_default();
    let address = address.rsplit('@').next().unwrap_or_default();
    let also = match scheme.to_ascii_lowercase().as_str() {
        "ssl" | "kafka+ssl" | "kafkas" => ", and `tls: {}` beside it",
        "sasl_ssl" => ", and beside it who the client is under `auth`, which encrypts, too",
        "sasl_plaintext" => ", and beside it who the client is under `auth`, with `tls: { enabled: false }`",
        "http" | "https" => "; brokers speak Kafka's own protocol, and no HTTP",
        _ => "",
    };
    format!("begins with the scheme `{scheme}://`, which no broker has; write `{address}`{also}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(servers: &str) -> String {
        check_servers(servers).err().unwrap_or_default()
    }

    #[test]
    fn a_host_with_or_without_a_port_is_an_address() {
        for servers in [
            "localhost",
            "a:9092, b.example.com:19092,",
            "[::1]:9092,[fe80::1]",
            "10.0.0.1:65535",
            "${secret:brokers}",
            "b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com:9098",
        ] {
            assert_eq!(check_servers(servers), Ok(()), "{servers}");
        }
    }

    #[test]
    fn a_scheme_is_refused_with_the_cure() {
        for (servers, cure) in [
            ("kafka://localhost:9092", "write `localhost:9092`"),
            (
                "a:1,SASL_SSL://b.example.com:9094",
                "write `b.example.com:9094`, and beside it who the client is under `auth`",
            ),
            ("PLAINTEXT://b:9092", "write `b:9092`"),
            ("ssl://b:9093", "`tls: {}`"),
            ("http://localhost:8082/topics", "write `localhost:8082`; brokers speak Kafka's own protocol"),
            ("SASL_PLAINTEXT://b:9092", "`tls: { enabled: false }`"),
        ] {
            assert!(reason(servers).contains(cure), "{servers}: {}", reason(servers));
        }
        assert!(!reason("kafka://me:hunter2@b:9092").contains("hunter2"));
        assert!(!reason("me:hunter2@b:9092").contains("hunter2"));
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_address() {
        for (servers, way_out) in [
            ("", "name at least one broker"),
            (" , ", "name at least one broker"),
            ("a:9092;b:9092", "separate brokers with commas"),
            ("a:9092 b:9092", "separate brokers with commas"),
            ("localhost:kafka", "from 1 to 65535"),
            ("localhost:0", "from 1 to 65535"),
            ("localhost:70000", "from 1 to 65535"),
            ("localhost:", "from 1 to 65535"),
            (":9092", "names no host"),
            ("::1", "in brackets"),
            ("[::1", "lacks a `]`"),
            ("localhost:9092/", "no port from 1 to 65535"),
            ("localhost/x", "has a `/` where the host is"),
            ("{{brokers}}", "has a `{` where the host is"),
            ("$KAFKA:9092", "a reference is written `${env:NAME}`"),
        ] {
            assert!(reason(servers).contains(way_out), "{servers}: {}", reason(servers));
        }
    }
}
