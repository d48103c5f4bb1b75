//! The addresses in `bootstrap_servers`: what librdkafka would not take for the brokers that are meant.

/// Checks addresses, comma-separated: each is a host, or a host and a port. An error quotes none that holds a password.
pub(super) fn check_servers(bootstrap_servers: &str) -> Result<(), String> {
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
    if let Some(separator) = server.chars().find(|c| c.is_whitespace() || matches!(c, ';' | '|')) {
        return Err(format!("`{server}` holds `{separator}`; separate brokers with commas"));
    }
    let address =
        |reason: &str| format!("`{server}` {reason}; write a host and its port, such as localhost:9092");
    if server.contains(['/', '?', '#', '{', '}', '<', '>', '"', '\'']) {
        return Err(address("is not the address of a broker"));
    }
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(|| address("lacks a `]`"))?;
            match (rest, rest.strip_prefix(':')) {
                ("", _) => (host, None),
                (_, Some(port)) => (host, Some(port)),
                (_, None) => return Err(address("has more behind its `]` than a port")),
            }
        }
        None if server.matches(':').count() > 1 => {
            return Err(format!(
                "`{server}` has more than one `:`; write an IPv6 address in brackets, such as [::1]:9092"
            ));
        }
        None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(address("names no host"));
    }
    if host.contains(['$', '%']) && !server.starts_with('[') {
        return Err(format!("`{server}` is no host; a reference is written `${{env:NAME}}`"));
    }
    if host.contains(['(', ')', '*', '=', '\\', '`']) {
        return Err(address("is not the address of a broker"));
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(()),
        Some(Ok(0) | Err(_)) => Err(address("has no port from 1 to 65535 behind its `:`")),
    }
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
            ("localhost:9092/", "not the address of a broker"),
            ("{{brokers}}", "not the address of a broker"),
        ] {
            assert!(reason(servers).contains(way_out), "{servers}: {}", reason(servers));
        }
    }
}
