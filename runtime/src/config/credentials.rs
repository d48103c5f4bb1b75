//! What tells that a value is a secret, or holds one: the name of its key, where it stands, or the value itself. All that shows a
//! value of a file asks here: errors, the REST API, what is blanked in the log, and `sluice convert`.

/// What a key says that holds a secret, with hyphens for other marks.
const SECRET_WORDS: [&str; 17] = [
    "access-key",
    "account-key",
    "api-key",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "jaas",
    "key-pem",
    "pass-phrase",
    "passphrase",
    "passwd",
    "password",
    "private",
    "secret",
    "signature",
    "token",
];
/// Endings of keys that name something about a secret, and hold none.
const OPEN_ENDINGS: [&str; 14] = [
    "-class",
    "-endpoint",
    "-field",
    "-fields",
    "-file",
    "-id",
    "-location",
    "-path",
    "-property",
    "-provider",
    "-source",
    "-type",
    "-uri",
    "-url",
];
/// What has such an ending and is a secret all the same, as of a role of a store of secrets.
const SECRET_IDS: [&str; 1] = ["secret-id"];
/// What more names hold a secret where the value is a number: any other is a size or a time.
const WORDS_OF_NUMBERS: [&str; 2] = ["auth", "key"];
/// Parameters of an address that hold a secret.
const SECRET_PARAMETERS: [&str; 5] = ["sig", "key", "code", "auth", "pwd"];
/// What stands before a token in a header, and is none itself.
const SCHEMES: [&str; 6] = ["apikey", "basic", "bearer", "digest", "splunk", "token"];
/// Endings of the names of properties whose values are shown.
const OPEN_PROPERTIES: [&str; 8] =
    [".id", ".rack", ".location", ".mechanism", ".mechanisms", ".protocol", ".servers", ".strategy"];
/// Keys whose values are shown, also where they come from the environment.
const OPEN_KEYS: [&str; 11] = [
    "bootstrap_servers",
    "bucket",
    "endpoint_url",
    "group",
    "mechanism",
    "queue_url",
    "region",
    "service",
    "topic",
    "topics",
    "table",
];

/// What the value of a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// It names something, and stays readable.
    Open,
    /// It is an address, of which the host stays readable.
    Url,
    /// It may well be a credential.
    Credentials,
    /// Something else.
    Other,
}

impl About {
    /// Tells it by the keys that lead to the value.
    pub(super) fn from_path(path: &[String]) -> Self {
        let name = key_of(path);
        let is_within = |key: &str| path.iter().any(|segment| segment == key);
        if is_within("headers") {
            return Self::Credentials;
        }
        if is_within("properties") {
            return if names_open_property(name) { Self::Open } else { Self::Credentials };
        }
        if OPEN_KEYS.contains(&name) || name.ends_with("_id") {
            return Self::Open;
        }
        if ["url", "uri", "delete_path"].iter().any(|ending| name.ends_with(ending)) {
            return Self::Url;
        }
        if is_within("auth") { Self::Credentials } else { Self::Other }
    }
}

/// Returns the last key of a path that is no place in a list.
pub(super) fn key_of(path: &[String]) -> &str {
    let named = path.iter().rev().find(|segment| segment.parse::<usize>().is_err());
    named.map_or("", String::as_str)
}

/// Says whether the value of a property is shown by its name.
pub(super) fn names_open_property(name: &str) -> bool {
    OPEN_PROPERTIES.iter().any(|ending| name.ends_with(ending))
}

/// Says whether what stands under a key is a secret by its name: headers and properties hold anything.
pub fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace(['_', '.', ' '], "-");
    let is_open = OPEN_ENDINGS.iter().any(|ending| key.ends_with(ending));
    let is_open = is_open && !SECRET_IDS.iter().any(|ending| key.ends_with(ending));
    !is_open && SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Says whether a number under a key is a secret by that name.
pub(super) fn sounds_secret_of_number(key: &str) -> bool {
    let lower = key.to_lowercase();
    sounds_secret(key) || WORDS_OF_NUMBERS.iter().any(|word| lower.contains(word))
}

/// Says whether a word stands before a token in a header, such as `Bearer`.
pub(super) fn is_scheme(word: &str) -> bool {
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Says whether an address holds a password, or a secret among its parameters.
pub fn tells_in_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':') && !is_reference(user)) {
        return true;
    }
    let query = rest.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let tells = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let is_secret = sounds_secret(name) || SECRET_PARAMETERS.contains(&name);
        is_secret && !value.is_empty() && !is_reference(value)
    };
    query.split('&').any(tells)
}

/// Says whether a text that stands in the wrong place may hold a credential: an address with a password, also one that is
/// misspelled, or a name with a secret behind it, such as `password=...` or `Authorization: ...`.
pub(super) fn tells_credentials(text: &str) -> bool {
    let has_password = text.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    let names_one =
        text.split_once(['=', ':']).is_some_and(|(name, value)| sounds_secret(name) && !value.is_empty());
    tells_in_url(text) || has_password || names_one
}

/// Says whether the secret in a text is a reference: `${env:NAME}`, perhaps behind a user's name.
fn is_reference(text: &str) -> bool {
    let secret = text.split_once(":${").map_or(text, |(_, behind)| behind);
    text.contains("${") && text.ends_with('}') && !secret.contains(":-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_a_secret_but_not_what_is_about_one() {
        for name in [
            "sasl.password",
            "X-Api-Key",
            "ssl.key.pem",
            "aws_secret_access_key",
            "Proxy-Authorization",
            "vault.secret_id",
            "consumer.override.sasl.jaas.config",
        ] {
            assert!(sounds_secret(name), "{name}");
        }
        for name in [
            "oauth2.token.url",
            "oauth2.token.property",
            "http.authorization.type",
            "s3.credentials.provider.class",
            "basic.auth.credentials.source",
            "password_field",
            "key",
        ] {
            assert!(!sounds_secret(name), "{name}");
        }
        assert!(sounds_secret_of_number("x-auth") && !sounds_secret_of_number("session.timeout.ms"));
    }

    #[test]
    fn an_address_tells_a_password_and_a_secret_among_its_parameters() {
        for text in [
            "https://me:hunter2@h/",
            "jdbc:postgresql://h/d?user=u&password=hunter2",
            "https://h/x?api_key=hunter2",
            "https://h/x?key=hunter2",
        ] {
            assert!(tells_in_url(text), "{text}");
        }
        for text in ["https://me@h/", "https://me:${env:P}@h/", "https://h/?key=${env:K}", "https://h/?by=x"]
        {
            assert!(!tells_in_url(text), "{text}");
        }
        for text in ["htp//me:hunter2@h", "password=hunter2", "Authorization: Bearer hunter2"] {
            assert!(tells_credentials(text), "{text}");
        }
    }
}
