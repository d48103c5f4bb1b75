//! Which properties of librdkafka follow from `auth` and `tls`, and which are refused beside them.

use sluice_connector_api::{Secret, SettingsError};

use crate::kafka::auth::msk_iam::{self, MskIam};
use crate::kafka::auth::settings::{
    AuthSettings, MskIamAuth, PlainAuth, ScramMechanism, TlsAuth, TlsSettings,
};

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
pub(in crate::kafka) const KEYS: [(&str, &str); 6] = [
    ("tls.ca", "ssl.ca"),
    ("auth.tls.certificate", "ssl.certificate"),
    ("auth.tls.key_password", "ssl.key.password"),
    ("auth.tls.key", "ssl.key"),
    ("auth", "sasl"),
    ("auth", "SASL"),
];

/// What the keys `auth` and `tls` say together.
#[derive(Clone, Copy)]
pub(in crate::kafka) struct Security<'a> {
    pub(in crate::kafka) auth: &'a AuthSettings,
    pub(in crate::kafka) tls: Option<&'a TlsSettings>,
    pub(in crate::kafka) bootstrap_servers: &'a str,
}

impl Security<'_> {
    /// Checks what a schema cannot; an error names the key below `source.kafka`.
    pub(in crate::kafka) fn problems(&self) -> Vec<SettingsError> {
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
    pub(in crate::kafka) fn refuses(&self, property: &str) -> Option<&'static str> {
        let is_set = |set: &str| property == set || (set.ends_with('.') && property.starts_with(set));
        let (_, reason) = SET_BY_KEYS.iter().find(|(set, _)| self.says_something() && is_set(set))?;
        Some(reason)
    }

    /// Returns the properties that follow, over which none of the user's is allowed.
    pub(in crate::kafka) fn properties(&self) -> Vec<(&'static str, &str)> {
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
    pub(super) fn msk_iam(&self) -> Option<MskIam> {
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

    fn says_something(&self) -> bool {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::string_slice, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use crate::kafka::settings::KafkaSettings;

    const MSK: &str = "b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com:9098";
    const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

    fn settings(servers: &str, more: &Value) -> KafkaSettings {
        let mut settings = json!({ "bootstrap_servers": servers, "topics": ["t"] });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(settings).unwrap()
    }

    /// Returns the properties about security, of the consumer and of all other clients alike.
    fn properties(more: &Value) -> BTreeMap<String, String> {
        let settings = settings(MSK, more);
        assert_eq!(settings.security().problems(), []);
        // The map itself hides what it takes for secrets.
        let about_security = |config: rdkafka::ClientConfig| -> BTreeMap<String, String> {
            let names = config.config_map().into_keys().map(str::to_owned).collect::<Vec<_>>();
            let kept = names.into_iter().filter(|name| ["sec", "sas", "ssl"].contains(&&name[..3]));
            kept.map(|name| (name.clone(), config.get(&name).unwrap().to_owned())).collect()
        };
        let (consumer, other) = (settings.client_config("c"), settings.access().config);
        let properties = about_security(consumer);
        assert_eq!(properties, about_security(other));
        properties
    }

    #[track_caller]
    fn assert_properties(more: &Value, expected: &[(&str, &str)]) {
        let mut expected: BTreeMap<_, _> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        expected.entry("ssl.ca.location".to_owned()).or_insert_with(|| "probe".to_owned());
        assert_eq!(properties(more), expected);
    }

    fn error(servers: &str, more: &Value) -> String {
        settings(servers, more).validate().unwrap_err().to_string()
    }

    #[test]
    fn each_way_to_authenticate_becomes_properties_of_librdkafka() {
        assert_properties(&json!({}), &[]);
        assert_properties(&json!({ "tls": {} }), &[("security.protocol", "ssl")]);
        assert_properties(
            &json!({ "auth": { "msk_iam": {} } }),
            &[("security.protocol", "sasl_ssl"), ("sasl.mechanism", "OAUTHBEARER")],
        );
        assert_properties(
            &json!({ "auth": { "scram": { "username": "u", "password": "p" } }, "tls": { "ca": PEM } }),
            &[
                ("security.protocol", "sasl_ssl"),
                ("sasl.mechanism", "SCRAM-SHA-512"),
                ("sasl.username", "u"),
                ("sasl.password", "p"),
                ("ssl.ca.pem", PEM),
            ],
        );
        assert_properties(
            &json!({ "auth": { "tls": { "certificate": PEM, "key": PEM, "key_password": "p" } } }),
            &[
                ("security.protocol", "ssl"),
                ("ssl.certificate.pem", PEM),
                ("ssl.key.pem", PEM),
                ("ssl.key.password", "p"),
            ],
        );
    }

    #[test]
    fn without_tls_only_what_is_said_to_be_meant_goes_unencrypted() {
        let off = json!({ "enabled": false });
        let plain = |unencrypted| {
            let plain = json!({ "username": "u", "password": "p", "unencrypted": unencrypted });
            json!({ "auth": { "plain": plain }, "tls": off })
        };
        assert!(error(MSK, &plain(false)).starts_with("auth.plain: the password would cross"));
        assert_properties(
            &plain(true),
            &[
                ("security.protocol", "sasl_plaintext"),
                ("sasl.mechanism", "PLAIN"),
                ("sasl.username", "u"),
                ("sasl.password", "p"),
            ],
        );
        let scram = json!({ "scram": { "username": "u", "password": "p", "mechanism": "sha_256" } });
        let scram = properties(&json!({ "auth": scram, "tls": off }));
        assert_eq!(scram.get("security.protocol").unwrap(), "sasl_plaintext");
        assert_eq!(scram.get("sasl.mechanism").unwrap(), "SCRAM-SHA-256");
        for auth in [json!({ "msk_iam": {} }), json!({ "tls": { "certificate": PEM, "key": PEM } })] {
            let refused = error(MSK, &json!({ "auth": auth, "tls": off }));
            assert!(refused.contains("remove `tls.enabled: false`"), "{refused}");
        }
    }

    #[test]
    fn a_property_beside_the_key_that_sets_it_is_refused_with_the_key() {
        let scram = json!({ "scram": { "username": "u", "password": "p" } });
        for (name, way_out) in [
            ("security.protocol", "`auth` and `tls` set it"),
            ("sasl.mechanisms", "use `auth`"),
            ("sasl.jaas.config", "use `auth`"),
            ("ssl.ca.location", "use `tls.ca`"),
            ("ssl.key.password", "use `auth.tls.key`"),
        ] {
            let both = json!({ "auth": scram, "properties": { name: "x" } });
            assert_eq!(error(MSK, &both), format!("properties.{name}: `{name}` cannot be set: {way_out}"));
        }
        settings(MSK, &json!({ "properties": { "security.protocol": "ssl" } })).validate().unwrap();
        let other = json!({ "ssl.endpoint.identification.algorithm": "none" });
        settings(MSK, &json!({ "auth": scram, "properties": other })).validate().unwrap();
    }

    #[test]
    fn iam_needs_a_region_a_port_and_a_lifetime_that_there_can_be() {
        let iam = |iam: Value| json!({ "auth": { "msk_iam": iam } });
        assert!(error("localhost:9098", &iam(json!({}))).starts_with("auth.msk_iam: needs `region`"));
        settings("localhost:9098", &iam(json!({ "region": "eu-west-1" }))).validate().unwrap();
        let port = error(&MSK.replace("9098", "9092"), &iam(json!({})));
        assert!(port.starts_with("bootstrap_servers: ") && port.contains("9098"), "{port}");
        for lifetime in ["16m", "14s"] {
            let refused = error(MSK, &iam(json!({ "token_lifetime": lifetime })));
            assert_eq!(refused, "auth.msk_iam.token_lifetime: is not from 15s to 15m");
        }
    }

    #[test]
    fn a_path_where_a_certificate_belongs_is_told_from_one() {
        let own = |certificate, key| json!({ "auth": { "tls": { "certificate": certificate, "key": key } } });
        assert!(error(MSK, &own("/etc/client.pem", PEM)).contains("auth.tls.certificate: is no PEM"));
        assert!(error(MSK, &own(PEM, "hunter2")).starts_with("auth.tls.key: is no PEM"));
        let refused = error(MSK, &json!({ "tls": { "ca": "/etc/ca.pem" } }));
        assert_eq!(refused, "tls.ca: is no PEM; to have it read from a file, write `${file:/path}`");
    }

    #[test]
    fn secrets_of_authentication_are_never_shown() {
        let secret = "hunter2";
        for auth in [
            json!({ "scram": { "username": "u", "password": secret } }),
            json!({ "plain": { "username": "u", "password": secret } }),
            json!({ "tls": { "certificate": secret, "key": secret, "key_password": secret } }),
        ] {
            let settings = settings(MSK, &json!({ "auth": auth, "tls": { "ca": secret } }));
            let shown = format!("{settings:?} {:?} {:?}", settings.access(), settings.validate());
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
