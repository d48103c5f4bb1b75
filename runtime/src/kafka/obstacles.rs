//! What librdkafka says of an error, as an obstacle to reading: with what it is about, and the way out.

use rdkafka::types::RDKafkaErrorCode as Code;
use sluice_connector_api::TopicPartition;

use crate::kafka::words::without_times;
use crate::meter::reading::Obstacle;

/// What librdkafka writes before the name of a topic that it cannot subscribe to, and behind it.
const NOT_AVAILABLE: (&str, &str) = ("Subscribed topic not available: ", ": ");

/// How librdkafka names zstd where a batch cannot be unpacked.
const ZSTD: &str = "codec 0x4";

/// Why a static name is waited for. The name is not shown, as no value of a property is.
const NAME_HELD: &str = "the group has a member of this `group.instance.id` already: one that was killed is put out when its session \
    is over (45 s, unless the brokers' `group.consumer.session.timeout.ms` says otherwise), and then this one joins; where it \
    lives, give each process an id of its own";

/// Why a member is out whose static name another one has now.
const NAME_TAKEN: &str = "another client has joined the group by the same `group.instance.id`, which puts this one out: give each \
    process an id of its own (the tasks of one have theirs by themselves)";

/// What OpenSSL says of a certificate that is not taken, whatever the reason.
const UNTRUSTED: &str = "certificate verify failed";
/// What the reason may be.
const CERTIFICATE: &str = "the certificate of the broker has expired, is of another host than the address, or of an authority that is not \
    trusted here (`tls.ca`)";

/// An error as librdkafka tells it.
pub(super) struct Told<'a> {
    pub(super) code: Code,
    /// Its own words; empty where it has none.
    pub(super) reason: &'a str,
    /// The group of the consumer.
    pub(super) group: &'a str,
    /// The partition that it is about, and where reading stands in it.
    pub(super) place: Option<(TopicPartition, i64)>,
}

/// Says what an error keeps from being read. An error that is about all that is read, and that only sums up what others
/// say, is an obstacle without a way out.
pub(super) fn obstacle(told: &Told<'_>) -> Obstacle {
    if let Some((TopicPartition { topic, partition }, offset)) = &told.place {
        let offset = (*offset >= 0).then_some(*offset);
        let reason = of_partition(told, topic);
        return Obstacle { reason, topic: Some(topic.to_string()), partition: Some(*partition), offset };
    }
    if let Some(topic) = missing_topic(told.reason) {
        return missing(topic);
    }
    Obstacle { reason: of_source(told), ..Obstacle::default() }
}

/// Says whether an error only sums up what others say better.
pub(super) fn is_summary(code: Code) -> bool {
    code == Code::AllBrokersDown
}

/// Says that a pattern finds no topic.
pub(super) fn nothing_matches(pattern: &str) -> String {
    format!(
        "no topic matches `{pattern}`, or none may be seen; check the pattern, or allow Describe on the topics"
    )
}

/// Says that a topic is not there.
pub(super) fn missing(topic: &str) -> Obstacle {
    let reason = format!(
        "topic `{topic}` does not exist, or may not be seen; check the name, create it, or allow Describe on it"
    );
    Obstacle { reason, topic: Some(topic.to_owned()), ..Obstacle::default() }
}

fn missing_topic(reason: &str) -> Option<&str> {
    let (before, behind) = NOT_AVAILABLE;
    reason.strip_prefix(before)?.split(behind).next()
}

fn of_partition(told: &Told<'_>, topic: &str) -> String {
    let said = said(told);
    match told.code {
        // librdkafka unpacks it to three times as much as the time before, up to this bound.
        Code::BadCompression if said.contains(ZSTD) => format!(
            "a batch cannot be read: {said}; if it is whole, it unpacks to more than `receive.message.max.bytes`: raise that in \
             `source.kafka.properties`; else repair it at the brokers, or stop the connector and pass over it with \
             `sluice offsets reset`"
        ),
        Code::BadCompression | Code::InvalidMessage | Code::BadMessage => format!(
            "a batch cannot be read: {said}; repair it at the brokers, or stop the connector and pass over it with \
             `sluice offsets reset`"
        ),
        Code::TopicAuthorizationFailed => format!(
            "topic `{topic}` may not be read: {said}; give this client the right `Read` on it (an ACL, or a policy of the brokers)"
        ),
        Code::MessageSizeTooLarge => format!(
            "a batch is larger than may be fetched: {said}; raise `receive.message.max.bytes` and `fetch.max.bytes` in \
             `source.kafka.properties`"
        ),
        _ => said,
    }
}

fn of_source(told: &Told<'_>) -> String {
    let said = said(told);
    match told.code {
        // The broker that is named by its number was found by what another one advertises.
        Code::Resolve if !said.contains("/bootstrap") => format!(
            "{said}; it is the address that a broker advertises (`advertised.listeners`), and must be known here"
        ),
        Code::Resolve => format!("{said}; check `bootstrap_servers`"),
        Code::SSL if said.contains(UNTRUSTED) => format!("{said}; {CERTIFICATE}; check `auth` and `tls`"),
        Code::Authentication | Code::SSL | Code::SaslAuthenticationFailed => {
            format!("{said}; check `auth` and `tls`")
        }
        Code::TopicAuthorizationFailed => format!(
            "{said}; give this client the right `Describe` on each topic that it is to read, or take the topic out of \
             `source.kafka.topics`"
        ),
        Code::GroupAuthorizationFailed => may_not_join(told.group, &said),
        Code::UnreleasedInstanceId => NAME_HELD.to_owned(),
        Code::FencedInstanceId => format!("{said}; {NAME_TAKEN}"),
        Code::InconsistentGroupProtocol => format!(
            "{said}; other members of the group have another `partition.assignment.strategy`: set theirs in \
             `source.kafka.properties`, or take another `group`"
        ),
        Code::InvalidSessionTimeout => format!(
            "{said}; set `session.timeout.ms` in `source.kafka.properties` between the brokers' `group.min.session.timeout.ms` and \
             `group.max.session.timeout.ms`"
        ),
        Code::GroupMaxSizeReached => format!(
            "{said}; run fewer tasks or processes, or raise `group.max.size` (`group.consumer.max.size`) at the brokers"
        ),
        Code::UnsupportedAssignor => format!(
            "{said}; set `group.remote.assignor` in `source.kafka.properties` to one of the brokers', or leave it out"
        ),
        Code::UnsupportedVersion | Code::UnsupportedFeature => format!(
            "{said}; the brokers are older than what is asked of them: leave `group.protocol` out of `source.kafka.properties`"
        ),
        _ if other_protocol(&said).is_some() => {
            format!("{said}; {}", other_protocol(&said).unwrap_or_default())
        }
        _ if said.contains("receive.message.max.bytes") => {
            format!("{said}; set it in `source.kafka.properties`, above the size that is named")
        }
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::OperationTimedOut
        | Code::RequestTimedOut => {
            format!("{said}; check the address, the network, `auth` and `tls`")
        }
        _ => said,
    }
}

/// Says that a client has no right to a group: to join it, or to commit in it.
pub(super) fn may_not_join(group: &str, said: &str) -> String {
    format!(
        "the group `{group}` may not be used: {said}; give this client the right `Read` on the group (an ACL, or a policy of the \
         brokers), or set another `source.kafka.group`"
    )
}

/// Says what answers where no broker does: librdkafka takes its first four bytes for a size.
fn other_protocol(said: &str) -> Option<&'static str> {
    let size = said.split_once("Invalid response size ")?.1.split(' ').next()?.parse::<i32>().ok()?;
    match size.to_be_bytes() {
        [b'H', b'T', b'T', b'P'] => Some("that is HTTP, so that no broker listens there; check the address"),
        [0x15 | 0x16, 3, ..] => Some("that is TLS; set `tls`, or take the address of a listener without it"),
        [b'S', b'S', b'H', b'-'] => Some("that is SSH, so that no broker listens there; check the address"),
        _ => None,
    }
}

/// Returns its words without how long it took and how often it happened, so that one reason is one text.
fn said(told: &Told<'_>) -> String {
    let reason = without_times(told.reason);
    if reason.is_empty() { told.code.to_string() } else { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: Code, reason: &str) -> Obstacle {
        obstacle(&Told { code, reason, group: "g", place: None })
    }

    fn at(code: Code, reason: &str) -> Obstacle {
        obstacle(&Told { code, reason, group: "g", place: Some((TopicPartition::new("t", 3), 40)) })
    }

    #[test]
    fn a_missing_topic_is_named() {
        let obstacle = of(
            Code::UnknownTopicOrPartition,
            "Subscribed topic not available: orders: Broker: Unknown topic or partition",
        );
        assert_eq!((obstacle.topic.as_deref(), obstacle.partition), (Some("orders"), None));
        assert!(obstacle.reason.contains("topic `orders` does not exist"), "{}", obstacle.reason);
    }

    #[test]
    fn an_advertised_address_is_told_from_a_bootstrap_address() {
        let said = |name: &str| {
            format!(
                "{name}: Failed to resolve 'b1:9092': Name or service not known (after 3ms in state CONNECT)"
            )
        };
        let advertised = of(Code::Resolve, &said("b1:9092/1")).reason;
        assert!(
            advertised.contains("advertised.listeners") && !advertised.contains("after 3ms"),
            "{advertised}"
        );
        let bootstrap = of(Code::Resolve, &said("b1:9092/bootstrap")).reason;
        assert!(bootstrap.ends_with("check `bootstrap_servers`"), "{bootstrap}");
    }

    #[test]
    fn an_error_of_a_partition_says_where_and_the_way_out() {
        let reason =
            "Decompression (codec 0x1) of message at 40 of 90 bytes failed: Local: Invalid compressed data";
        let obstacle = at(Code::BadCompression, reason);
        assert_eq!(
            (obstacle.topic.as_deref(), obstacle.partition, obstacle.offset),
            (Some("t"), Some(3), Some(40))
        );
        assert!(obstacle.reason.contains("sluice offsets reset"), "{}", obstacle.reason);
        assert!(!obstacle.reason.contains("receive.message.max.bytes"), "{}", obstacle.reason);
    }

    #[test]
    fn a_batch_of_zstd_may_be_whole_and_too_large_to_be_unpacked() {
        let reason =
            "Decompression (codec 0x4) of message at 40 of 90 bytes failed: Local: Invalid compressed data";
        let obstacle = at(Code::BadCompression, reason);
        for way_out in ["raise that in `source.kafka.properties`", "sluice offsets reset"] {
            assert!(obstacle.reason.contains(way_out), "{}", obstacle.reason);
        }
    }

    #[test]
    fn what_is_no_broker_is_told_by_its_first_bytes() {
        let said = |size: i32| {
            let reason = format!(
                "h:1: Receive failed: Invalid response size {size} (0..9): increase receive.message.max.bytes"
            );
            of(Code::BrokerTransportFailure, &reason).reason
        };
        for (bytes, way_out) in [(*b"HTTP", "HTTP"), ([0x15, 3, 3, 0], "set `tls`"), (*b"SSH-", "SSH")] {
            let reason = said(i32::from_be_bytes(bytes));
            assert!(reason.contains(way_out) && !reason.contains("above the size"), "{reason}");
        }
        assert!(said(900_146).contains("above the size that is named"));
    }

    #[test]
    fn a_right_that_is_missing_is_named_with_what_it_is_missing_on() {
        let read = at(
            Code::TopicAuthorizationFailed,
            "Fetch from broker 1 failed: Broker: Topic authorization failed",
        );
        assert_eq!((read.topic.as_deref(), read.partition), (Some("t"), Some(3)));
        assert!(read.reason.starts_with("topic `t` may not be read: Fetch from broker 1"), "{}", read.reason);
        let reason = "Subscribed topic not available: t: Broker: Topic authorization failed";
        let seen = of(Code::TopicAuthorizationFailed, reason);
        assert!(
            seen.topic.as_deref() == Some("t") && seen.reason.contains("allow Describe"),
            "{}",
            seen.reason
        );
        let join = of(Code::GroupAuthorizationFailed, "JoinGroup failed: Broker: Group authorization failed");
        assert!(
            join.reason.contains("`g` may not be used") && join.reason.contains("`Read`"),
            "{}",
            join.reason
        );
    }

    #[test]
    fn a_static_name_that_another_member_took_is_told_with_the_way_out() {
        for code in [Code::FencedInstanceId, Code::UnreleasedInstanceId] {
            let reason = of(code, "").reason;
            assert!(
                reason.contains("`group.instance.id`") && reason.contains("an id of its own"),
                "{reason}"
            );
        }
    }

    #[test]
    fn what_the_brokers_do_not_take_of_a_member_is_told_with_the_property() {
        for (code, property) in [
            (Code::InvalidSessionTimeout, "`session.timeout.ms`"),
            (Code::GroupMaxSizeReached, "`group.max.size`"),
            (Code::UnsupportedAssignor, "`group.remote.assignor`"),
            (Code::UnsupportedVersion, "`group.protocol`"),
        ] {
            let reason = of(code, "JoinGroup failed: Broker: No").reason;
            assert!(
                reason.starts_with("JoinGroup failed: Broker: No; ") && reason.contains(property),
                "{reason}"
            );
        }
    }

    #[test]
    fn an_error_without_words_is_named_by_its_code() {
        assert!(of(Code::CoordinatorNotAvailable, "").reason.contains("oordinator"));
    }
}
