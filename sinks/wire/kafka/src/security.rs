//! Which properties of librdkafka follow from `auth` and `tls`, and which are refused beside them.

use sluice_connector_api::{Secret, SettingsError};

use crate::msk_iam::{self, MskIam};
use crate::settings::{AuthSettings, MskIamAuth, PlainAuth, ScramMechanism, TlsAuth, TlsSettings};

/// Properties that are refused beside `auth` or `tls`: by name, or by a beginning that ends with a dot.
const SET_BY_KEYS: [(&str, &str); 7] = [
    ("security.protocol", "`auth` and `tls` set it"),
    ("sasl.", "use `auth`"),
    ("enable.sasl.oauthbearer.unsecure.jwt", "use `auth`"),
    ("ssl.ca.", "use `tls.ca`"),
    ("ssl.certificate.", "use `auth.tls.certificate`"),
    ("ssl.key.", "use `auth.tls.key`"),
    ("ssl.keystore.", "use `auth.tls`"),
];

/// The keys from which properties of librdkafka come, for what it says of one; the longer names first.
pub const SECURITY_KEYS: [(&str, &str); 6] = [
    ("tls.ca", "ssl.ca"),
    ("auth.tls.certificate", "ssl.certificate"),
    ("auth.tls.key_password", "ssl.key.password"),
    ("auth.tls.key", "ssl.key"),
    ("auth", "sasl"),
    ("auth", "SASL"),
];

/// What the keys `auth` and `tls` say together.
#[derive(Clone, Copy, Debug)]
pub struct Security<'a> {
    /// Who the client is.
    pub auth: &'a AuthSettings,
    /// How connections are encrypted.
    pub tls: Option<&'a TlsSettings>,
    /// Brokers to begin with, comma-separated.
    pub bootstrap_servers: &'a str,
}

impl Security<'_> {
    /// Checks what a schema cannot; an error names the key below the plug-in's own.
    pub fn problems(&self) -> Vec<SettingsError> {
        let ca = self.tls.and_then(|tls| tls.ca.as_ref());
        let mut checks = vec![ca.map_or(Ok(()), |ca| check_pem("tls.ca", ca))];
        match self.auth {
            AuthSettings::None | AuthSettings::Scram(_) => {}
            AuthSettings::MskIam(iam) => checks.extend(self.check_msk_iam(iam)),
            AuthSettings::Plain(plain) => checks.push(self.validate_plain(plain)),
            AuthSettings::Tls(tls) => checks.extend([
                self.must_be_encrypted("auth.tls", "a certificate is shown over TLS only"),
                check_pem("auth.tls.certificate", &tls.certificate),
                check_pem("auth.tls.key", &tls.key),
            ]),
        }
        checks.into_iter().filter_map(Result::err).collect()
    }

    fn check_msk_iam(&self, iam: &MskIamAuth) -> [Result<(), SettingsError>; 4] {
        let lifetime = iam.token_lifetime.get();
        let is_long_enough = lifetime >= msk_iam::SHORTEST_LIFETIME && lifetime <= msk_iam::LONGEST_LIFETIME;
        let too_short_or_long = || SettingsError::at("auth.msk_iam.token_lifetime", "is not from 15s to 15m");
        let no_region = || {
            let reason = "needs `region`: no broker has a name of Amazon MSK, which would tell it";
            SettingsError::at("auth.msk_iam", reason)
        };
        [
            self.must_be_encrypted("auth.msk_iam", "Amazon MSK takes IAM over TLS only"),
            if is_long_enough { Ok(()) } else { Err(too_short_or_long()) },
            msk_iam::check_ports(self.bootstrap_servers)
                .map_err(|reason| SettingsError::at("bootstrap_servers", reason)),
            self.region(iam).map(drop).ok_or_else(no_region),
        ]
    }

    fn validate_plain(&self, plain: &PlainAuth) -> Result<(), SettingsError> {
        if self.is_encrypted() || plain.unencrypted {
            return Ok(());
        }
        let reason =
            "the password would cross the network as it is; enable `tls`, or say `unencrypted: true`";
        Err(SettingsError::at("auth.plain", reason))
    }

    fn must_be_encrypted(&self, key: &str, reason: &str) -> Result<(), SettingsError> {
        let refused = || SettingsError::at(key, format!("{reason}; remove `tls.enabled: false`"));
        if self.is_encrypted() { Ok(()) } else { Err(refused()) }
    }

    /// Says why a property cannot be set beside these keys.
    pub fn refuses(&self, property: &str) -> Option<&'static str> {
        let is_set = |set: &str| property == set || (set.ends_with('.') && property.starts_with(set));
        let (_, reason) = SET_BY_KEYS.iter().find(|(set, _)| self.says_something() && is_set(set))?;
        Some(reason)
    }

    /// Returns the properties that follow, over which none of the user's is allowed.
    pub fn properties(&self) -> Vec<(&'static str, &str)> {
        let mut properties = Vec::new();
        if self.says_something() {
            properties.push(("security.protocol", self.protocol()));
        }
        properties.extend(self.tls.and_then(|tls| tls.ca.as_ref()).map(|ca| ("ssl.ca.pem", ca.reveal())));
        match self.auth {
            AuthSettings::None => {}
            AuthSettings::MskIam(_) => properties.push(("sasl.mechanism", "OAUTHBEARER")),
            AuthSettings::Scram(scram) => properties.extend([
                ("sasl.mechanism", mechanism(scram.mechanism)),
                ("sasl.username", scram.username.as_str()),
                ("sasl.password", scram.password.reveal()),
            ]),
            AuthSettings::Plain(plain) => properties.extend([
                ("sasl.mechanism", "PLAIN"),
                ("sasl.username", plain.username.as_str()),
                ("sasl.password", plain.password.reveal()),
            ]),
            AuthSettings::Tls(tls) => properties.extend(certificate(tls)),
        }
        properties
    }

    /// Returns what signs tokens, where the brokers ask for one.
    pub(crate) fn msk_iam(&self) -> Option<MskIam> {
        match self.auth {
            AuthSettings::MskIam(iam) => {
                Some(MskIam::new(self.region(iam).unwrap_or_default(), iam.token_lifetime.get()))
            }
            _ => None,
        }
    }

    fn region<'a>(&'a self, iam: &'a MskIamAuth) -> Option<&'a str> {
        iam.region.as_deref().or_else(|| msk_iam::region_of(self.bootstrap_servers))
    }

    /// Says whether one of the keys is there.
    pub fn says_something(&self) -> bool {
        self.tls.is_some() || !matches!(self.auth, AuthSettings::None)
    }

    fn is_encrypted(&self) -> bool {
        self.tls.map_or(self.says_something(), |tls| tls.enabled)
    }

    fn protocol(&self) -> &'static str {
        let with_sasl = !matches!(self.auth, AuthSettings::None | AuthSettings::Tls(_));
        match (with_sasl, self.is_encrypted()) {
            (true, true) => "sasl_ssl",
            (true, false) => "sasl_plaintext",
            (false, true) => "ssl",
            (false, false) => "plaintext",
        }
    }
}

fn mechanism(mechanism: ScramMechanism) -> &'static str {
    match mechanism {
        ScramMechanism::Sha256 => "SCRAM-SHA-256",
        ScramMechanism::Sha512 => "SCRAM-SHA-512",
    }
}

fn certificate(tls: &TlsAuth) -> impl Iterator<Item = (&'static str, &str)> {
    let password = tls.key_password.as_ref().map(|password| ("ssl.key.password", password.reveal()));
    let own = [("ssl.certificate.pem", tls.certificate.reveal()), ("ssl.key.pem", tls.key.reveal())];
    own.into_iter().chain(password)
}

/// Catches a path where the text of a file belongs.
fn check_pem(key: &str, pem: &Secret) -> Result<(), SettingsError> {
    // What is a reference still is not known: nobody was asked for it.
    if pem.reveal().contains("-----BEGIN ") || pem.reveal().contains("${") {
        return Ok(());
    }
    Err(SettingsError::at(key, "is no PEM; to have it read from a file, write `${file:/path}`"))
}
