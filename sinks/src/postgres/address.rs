//! Where a database is, as a URL or as `host=... user=...`, and what its `sslmode` asks for. Pure.

use sluice_connector_api::{HostFault, Secret, check_host};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// An address that was read.
#[derive(Debug)]
pub(super) struct DatabaseAddress {
    pub(super) config: Config,
    /// The server's certificate may be for any host: `sslmode=verify-ca`.
    pub(super) takes_any_host: bool,
}

/// Parameters of libpq that name files, and what stands for them here.
const FILES: [(&str, &str); 4] = [
    ("sslrootcert", "write the file into `tls.ca_file`"),
    ("sslcert", "write the file into `tls.cert_file`"),
    ("sslkey", "write the file into `tls.key_file`"),
    ("passfile", "write `password`, such as `${file:/run/secrets/password}`"),
];

impl DatabaseAddress {
    /// Reads an address. The words of an error never hold it: it may have a password.
    pub(super) fn parse(address: &Secret) -> Result<Self, String> {
        if let Some(why) = prefixed(address.reveal()) {
            return Err(why);
        }
        let (mut written, mut takes_any_host) = (String::new(), false);
        for part in parts(address.reveal()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = name.trim_start_matches(['?', '&']).trim();
            if let Some((_, way_out)) = FILES.iter().find(|(file, _)| *file == name) {
                return Err(format!("`{name}` has no place in the address; {way_out}"));
            }
            match (name, value.trim().trim_matches('\'')) {
                // Both are done by whoever makes the client's end of TLS; to the protocol they are one.
                ("sslmode", mode @ ("verify-ca" | "verify-full")) => {
                    takes_any_host = mode == "verify-ca";
                    written.push_str(&part.replacen(mode, "require", 1));
                }
                ("sslmode", "allow") => {
                    return Err("`sslmode=allow` is not known; write `prefer`, or `require` for TLS always"
                        .to_owned());
                }
                _ => written.push_str(part),
            }
        }
        let config: Config = written.parse().map_err(|error| {
            let why = sluice_wire::causes(&error);
            format!(
                "is not the address of a database ({why}), such as `postgres://user@host:5432/database?sslmode=verify-full`"
            )
        })?;
        check_hosts(&config)?;
        Ok(Self { config, takes_any_host })
    }
}

/// Names what stands before an address that would be one without it.
fn prefixed(address: &str) -> Option<String> {
    if address.trim().is_empty() {
        return Some("is empty; write one such as `postgres://user@host:5432/database`".to_owned());
    }
    if address.trim_start().starts_with("jdbc:") {
        return Some(
            "is an address for Java; write it without `jdbc:`, and user and password before the host"
                .to_owned(),
        );
    }
    address.starts_with(['$', '%']).then(|| "is no address; a reference is written `${env:NAME}`".to_owned())
}

/// Looks at the hosts of an address: what is no host was part of something else, such as the password.
fn check_hosts(config: &Config) -> Result<(), String> {
    if config.get_ports().contains(&0) {
        return Err("has no port from 1 to 65535".to_owned());
    }
    for host in config.get_hosts() {
        // That of a Unix socket is a folder.
        let Host::Tcp(host) = host else { continue };
        if host.contains('@') {
            return Err("has an `@` in the user or the password, which ends with the first one; write it `%40`, or write \
                        `password` beside `url`"
                .to_owned());
        }
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        check_host(&bracketed).map_err(|fault| match fault {
            HostFault::Reference => fault.to_string(),
            fault => format!("{fault}; write one such as `postgres://user@host:5432/database`"),
        })?;
    }
    Ok(())
}

/// Takes an address apart into its parameters, each with the character before it; put together they are the address again.
fn parts(address: &str) -> Vec<&str> {
    let is_url = address.contains("://");
    // A password, which ends with the first `@`, may have any of these characters.
    let host = if is_url { address.find('@').unwrap_or(0) } else { 0 };
    let (mut parts, mut from, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (place, character) in address.char_indices() {
        let is_end = match character {
            _ if is_escaped => {
                is_escaped = false;
                false
            }
            '\\' if !is_url => {
                is_escaped = true;
                false
            }
            '\'' if !is_url => {
                is_quoted = !is_quoted;
                false
            }
            '?' | '&' if is_url => place > host,
            ' ' if !is_url => !is_quoted,
            _ => false,
        };
        if is_end {
            parts.extend(address.get(from..place));
            from = place;
        }
    }
    parts.extend(address.get(from..));
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::*;

    fn read(address: &str) -> Result<DatabaseAddress, String> {
        DatabaseAddress::parse(&Secret::new(address))
    }

    #[test]
    fn each_mode_of_tls_is_read_in_both_forms() {
        for (mode, ssl_mode, takes_any_host) in [
            ("disable", SslMode::Disable, false),
            ("prefer", SslMode::Prefer, false),
            ("require", SslMode::Require, false),
            ("verify-ca", SslMode::Require, true),
            ("verify-full", SslMode::Require, false),
        ] {
            for address in [
                format!("postgres://u@h/d?application_name=x&sslmode={mode}&connect_timeout=3"),
                format!("host=h user=u password='a b\\' sslmode=disable' sslmode={mode} dbname=d"),
                format!("host=h sslmode='{mode}'"),
            ] {
                let read = read(&address).unwrap();
                assert_eq!(
                    (read.config.get_ssl_mode(), read.takes_any_host),
                    (ssl_mode, takes_any_host),
                    "{address}"
                );
            }
        }
    }

    #[test]
    fn hosts_are_names_addresses_and_folders() {
        for address in [
            "postgres://u@a,b:5433/d",
            "postgres://u@[::1]:5432/d",
            "postgres://u@%2Fvar%2Frun%2Fpostgresql/d",
            "host=/var/run/postgresql user=u",
            "host=::1 user=u",
            "postgresql://u@h",
        ] {
            assert!(read(address).is_ok(), "{address}: {:?}", read(address));
        }
    }

    #[test]
    fn a_password_that_looks_like_a_parameter_stays_one() {
        let read = read("postgres://u:a?x&sslmode=verify-ca@h/d?sslmode=require").unwrap();
        assert_eq!(read.config.get_password(), Some("a?x&sslmode=verify-ca".as_bytes()));
        assert!(!read.takes_any_host);
    }

    #[test]
    fn what_has_another_place_is_named_with_it_and_no_error_shows_the_password() {
        for (address, said) in [
            ("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/ca.pem", "`tls.ca_file`"),
            ("host=h password=hunter2 sslkey=/key.pem", "`tls.key_file`"),
            ("postgres://u:hunter2@h/d?sslmode=allow", "`prefer`"),
            ("postgres://u:hunter2@h/d?sslmode=always", "sslmode"),
            ("mysql://u:hunter2@h/d", "is not the address of a database"),
            ("", "is empty"),
            ("jdbc:postgresql://h/d?user=u&password=hunter2", "without `jdbc:`"),
            ("$DATABASE_URL", "`${env:NAME}`"),
            ("postgres://u:hunter2@$HOST/d", "`${env:NAME}`"),
            ("postgres://u:hun@ter2@h/d", "write it `%40`"),
            ("postgres://u:hunter2@h:0/d", "from 1 to 65535"),
            ("postgres://u:hunter2@h:99999/d", "is not the address of a database"),
            ("postgres://u:hunter2@a b/d", "has a space in it"),
            ("postgres://u:hunter2@a;b/d", "has a `;` in it"),
            ("host='a b' password=hunter2", "has a space in it"),
        ] {
            let error = read(address).unwrap_err();
            assert!(error.contains(said) && !error.contains("hunter2"), "{address}: {error}");
        }
    }
}
