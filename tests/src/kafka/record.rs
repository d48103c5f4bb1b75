//! What a test writes to a topic and reads from it.
#![allow(unsafe_code, reason = "rdkafka takes no name of a header that is not UTF-8; see the safety comment")]

use std::ptr::{from_ref, null};

use rdkafka::bindings as librdkafka;
use rdkafka::message::{BorrowedMessage, Headers, Message, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::types::{RDKafkaHeaders, RDKafkaRespErr};

/// A header's name, which need not be UTF-8, and value; `None` is a null value, which Kafka tells from an empty one.
type NamedValue = (Vec<u8>, Option<Vec<u8>>);

/// A record to write. A pair of key and value is one too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRecord {
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<NamedValue>,
}

impl NewRecord {
    /// Makes a record with a key and a value.
    pub fn new(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        Self { key: Some(key.as_ref().to_vec()), ..Self::unkeyed(value) }
    }

    /// Makes a record without a key.
    pub fn unkeyed(value: impl AsRef<[u8]>) -> Self {
        Self { value: Some(value.as_ref().to_vec()), ..Self::default() }
    }

    /// Makes a record without a value.
    pub fn tombstone(key: impl AsRef<[u8]>) -> Self {
        Self { key: Some(key.as_ref().to_vec()), ..Self::default() }
    }

    /// Sends it to this partition rather than to the one its key hashes to.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Gives it a time, in milliseconds since 1970, other than now.
    #[must_use]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.raw_header(name.as_bytes(), value)
    }

    /// Adds a header whose name may be any bytes, as some clients let it be.
    #[must_use]
    pub fn raw_header(mut self, name: &[u8], value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_vec(), Some(value.as_ref().to_vec())));
        self
    }

    /// Adds a header whose value is null.
    #[must_use]
    pub fn null_header(mut self, name: &str) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    pub(super) fn to_base<'a>(
        &'a self,
        topic: &'a str,
        opaque: Box<usize>,
    ) -> BaseRecord<'a, [u8], [u8], Box<usize>> {
        let base = BaseRecord::with_opaque_to(topic, opaque);
        BaseRecord {
            partition: self.partition,
            payload: self.value.as_deref(),
            key: self.key.as_deref(),
            timestamp: self.timestamp,
            headers: (!self.headers.is_empty()).then(|| to_native(&self.headers)),
            ..base
        }
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> From<(K, V)> for NewRecord {
    fn from((key, value): (K, V)) -> Self {
        Self::new(key, value)
    }
}

/// A record as a topic holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The partition that holds it.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value; a tombstone has none.
    pub value: Option<Vec<u8>>,
    /// Its headers in their order; a value may be null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl StoredRecord {
    /// Returns the key as text, empty if there is none.
    pub fn key_text(&self) -> String {
        text(self.key.as_deref())
    }

    /// Returns the value as text, empty if there is none.
    pub fn value_text(&self) -> String {
        text(self.value.as_deref())
    }

    /// Returns the last value of the header as text; `None` if it is missing or null.
    pub fn header_text(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().rfind(|(its_name, _)| its_name == name)?;
        value.as_deref().map(|value| text(Some(value)))
    }
}

impl From<&BorrowedMessage<'_>> for StoredRecord {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map(from_native).unwrap_or_default(),
        }
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

fn to_native(headers: &[NamedValue]) -> OwnedHeaders {
    let native = OwnedHeaders::new_with_capacity(headers.len());
    // rdkafka borrows librdkafka's own list by this name.
    let list = from_ref(native.as_borrowed()).cast::<RDKafkaHeaders>().cast_mut();
    for (name, value) in headers {
        let (start, length) = value.as_ref().map_or((null(), 0), |value| (value.as_ptr(), value.len()));
        // SAFETY: the list is alive and nobody else's, and name and value have so many bytes, which are copied.
        let added = unsafe {
            librdkafka::rd_kafka_header_add(
                list,
                name.as_ptr().cast(),
                name.len().cast_signed(),
                start.cast(),
                length.cast_signed(),
            )
        };
        assert_eq!(added, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR, "a header");
    }
    native
}

fn from_native(headers: &impl Headers) -> Vec<(String, Option<Vec<u8>>)> {
    headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
}
