//! Tries properties on librdkafka before anything runs: each by itself, and all together on a client that reaches nothing.

use std::error::Error;

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaConfRes;

use crate::meant::{meant, of_java};

/// What stands in a value that is a reference still, since nobody was asked for it.
const REFERENCE: &str = "${";

/// Tries one property by itself. The reason quotes no value, which may be a secret in the wrong place.
pub fn try_property(name: &str, value: &str) -> Result<(), String> {
    if value.contains(REFERENCE) {
        return Ok(());
    }
    let mut config = ClientConfig::new();
    config.set(name, value);
    let native = config.create_native_config().map_err(|error| objection(name, &error))?;
    let read = native.get(name).unwrap_or_default();
    if is_misread(value.trim(), &read) {
        let in_millis = name.strip_suffix(".ms").is_some();
        let unit = if in_millis { " of milliseconds, such as 10000" } else { "" };
        return Err(format!("`{name}` takes a plain number{unit}"));
    }
    Ok(())
}

/// librdkafka takes the digits that a text begins with for the number, and passes over the rest: `10s` for 10. It reads
/// `010` as 8, too.
fn is_misread(written: &str, read: &str) -> bool {
    let digits = written.trim_start_matches(['+', '-']);
    let Ok(read_as) = read.parse::<f64>() else { return false };
    if written == read || !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    if let Some(hexadecimal) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return i64::from_str_radix(hexadecimal, 16).is_err();
    }
    // It writes fractions with six digits.
    written.parse::<f64>().map_or(true, |meant| (meant - read_as).abs() > meant.abs() * 1e-5)
}

fn objection(name: &str, error: &KafkaError) -> String {
    let KafkaError::ClientConfig(kind, said, ..) = error else {
        return format!("librdkafka does not take `{name}`: {error}");
    };
    if *kind == RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN {
        let way_out = match (of_java(name), meant(name)) {
            (Some(way_out), _) => format!("; it is one of the Java clients: {way_out}"),
            (None, Some(meant)) => format!("; did you mean `{meant}`?"),
            (None, None) => String::new(),
        };
        return format!("librdkafka has no property `{name}`{way_out}");
    }
    if let Some(way_out) = of_java(name) {
        return format!("librdkafka does not take `{name}`, a property of the Java clients: {way_out}");
    }
    if let Some((_, range)) = said.split_once(" is outside allowed range ") {
        return format!("`{name}` is out of librdkafka's range, {}", range.trim());
    }
    if let Some((_, why)) = said.split_once(" not supported in this build") {
        return format!("`{name}` is not supported by this build of librdkafka{}", why.trim_end());
    }
    format!("librdkafka does not take this value for `{name}`")
}

/// Makes a consumer and lets it go again. It knows no broker, so that nothing is reached.
pub fn try_consumer(config: &ClientConfig) -> Result<(), String> {
    let made: Result<BaseConsumer<Silent>, _> = apart(config).create_with_context(Silent);
    made.map(drop).map_err(|error| said(&error))
}

/// Does the same with a producer.
pub fn try_producer(config: &ClientConfig) -> Result<(), String> {
    let made: Result<BaseProducer<Silent>, _> = apart(config).create_with_context(Silent);
    made.map(drop).map_err(|error| said(&error))
}

/// Returns the configuration without brokers, without a group to close, and without what is not known yet.
fn apart(config: &ClientConfig) -> ClientConfig {
    let mut apart = config.clone();
    let names: Vec<String> = config.config_map().into_keys().map(str::to_owned).collect();
    for name in names {
        if config.get(&name).is_some_and(|value| value.contains(REFERENCE)) {
            apart.remove(&name);
            if name.starts_with("ssl.") || name.starts_with("sasl.") {
                apart.set("security.protocol", "plaintext");
            }
        }
    }
    apart.remove("bootstrap.servers");
    apart.remove("group.id");
    apart
}

fn said(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientCreation(said) => said.trim().to_owned(),
        other => other.to_string(),
    }
}

/// Finds the first of some names that a text speaks of.
pub fn named_in<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut found: Vec<(usize, &str)> =
        names.filter_map(|name| Some((place_of(name, text)?, name))).collect();
    found.sort_unstable();
    found.first().map(|(_, name)| *name)
}

/// Finds a name that stands for itself, and is no part of a longer one.
fn place_of(name: &str, text: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    text.match_indices(name).map(|(place, _)| place).find(|place| {
        let (before, rest) = text.split_at_checked(*place).unwrap_or_default();
        let behind = rest.strip_prefix(name).unwrap_or_default();
        let goes_on = behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            || behind.strip_prefix('.').is_some_and(|rest| rest.starts_with(is_part));
        !before.ends_with(is_part) && !goes_on
    })
}

/// Says nothing, and is nobody.
struct Silent;

impl ClientContext for Silent {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        Err("nobody is asked for a token in a trial".into())
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Silent {}

impl ProducerContext for Silent {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_whole_and_the_first_one_counts() {
        let text = "`max.poll.interval.ms`must be >= `session.timeout.ms`.";
        let find = |names: &[&'static str]| named_in(text, names.iter().copied());
        assert_eq!(find(&["session.timeout.ms", "max.poll.interval.ms"]), Some("max.poll.interval.ms"));
        assert_eq!(find(&["session.timeout.ms"]), Some("session.timeout.ms"));
        assert_eq!(find(&["poll.interval.ms", "session.timeout", "fetch.max.bytes"]), None);
        assert_eq!(
            named_in("set ssl.ca.location.", ["ssl.ca", "ssl.ca.location"].into_iter()),
            Some("ssl.ca.location")
        );
    }

    #[test]
    fn a_number_with_something_behind_it_is_refused_and_its_text_is_not_shown() {
        for value in ["10s", "10 000", "1_000", "1e3", "5,000", "4500.5", "010"] {
            let reason = try_property("session.timeout.ms", value).unwrap_err();
            assert!(reason.contains("a plain number of milliseconds") && !reason.contains(value), "{reason}");
        }
        for value in ["10000", " 10000", "0x2710", "+10000", "${secret:timeout}"] {
            assert_eq!(try_property("session.timeout.ms", value), Ok(()), "{value}");
        }
        // A text may begin with digits, and a word may stand for a number.
        for (name, value) in [
            ("client.id", "1st"),
            ("client.rack", "10s"),
            ("acks", "all"),
            ("log.queue", "True"),
            ("client.id", "010"),
            ("linger.ms", "0.123456789"),
        ] {
            assert_eq!(try_property(name, value), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_librdkafka_says_of_one_property_is_told_without_the_value() {
        let said = |name: &str, value: &str| try_property(name, value).unwrap_err();
        assert_eq!(
            said("sesion.timeout.ms", "1"),
            "librdkafka has no property `sesion.timeout.ms`; did you mean `session.timeout.ms`?"
        );
        assert_eq!(
            said("sasl.jaas.config", "x"),
            "librdkafka does not take `sasl.jaas.config`, a property of the Java clients: `auth` says who the connector is"
        );
        assert!(said("max.poll.records", "1").ends_with("and `buffer_memory` what is read"));
        assert_eq!(
            said("session.timeout.ms", "0"),
            "`session.timeout.ms` is out of librdkafka's range, 1..3600000"
        );
        assert_eq!(
            said("isolation.level", "hunter2"),
            "librdkafka does not take this value for `isolation.level`"
        );
    }
}
