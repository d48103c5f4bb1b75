//! What producers write is taken apart.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use sluice_connector_api::{ConverterContext, Headers, SchemaMetadata, Side};
use uuid::Uuid;

use super::*;

const GUID: &[u8; 16] = b"0123456789abcdef";

fn read(framing: Framing, bytes: &[u8], headers: &Headers) -> Result<Framed, String> {
    let context = ConverterContext::new(Side::Value, "t", headers);
    framing.read(&Bytes::copy_from_slice(bytes), &context)
}

fn bare(framing: Framing, bytes: &[u8]) -> Result<(SchemaKey, Bytes), String> {
    read(framing, bytes, &Headers::new()).map(|framed| (framed.schema, framed.payload))
}

fn with_header(name: &str, value: &[u8]) -> Headers {
    let mut headers = Headers::new();
    headers.push(name, Some(Bytes::copy_from_slice(value)));
    headers
}

fn pack(payload: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(payload).unwrap();
    encoder.finish().unwrap()
}

const FOUR: Framing = Framing::Apicurio(ApicurioIds { kind: IdKind::Content, bytes: 4 });
const EIGHT: Framing = Framing::Apicurio(ApicurioIds { kind: IdKind::Global, bytes: 8 });

#[test]
fn confluents_ids_stand_before_the_payload() {
    let found = bare(Framing::Confluent, b"\0\0\0\x01\x02pay").unwrap();
    assert_eq!(found, (SchemaKey::Id(258), Bytes::from("pay")));
    let found = bare(Framing::Confluent, &[b"\x01", GUID.as_slice(), b"pay"].concat()).unwrap();
    assert_eq!(found, (SchemaKey::Guid(Uuid::from_bytes(*GUID)), Bytes::from("pay")));
}

#[test]
fn confluents_guids_stand_in_a_header_of_the_side() {
    let value = [b"\x01", GUID.as_slice(), b"\0"].concat();
    let framed = read(Framing::Confluent, b"pay", &with_header("__value_schema_id", &value)).unwrap();
    assert_eq!(framed.schema, SchemaKey::Guid(Uuid::from_bytes(*GUID)));
    assert_eq!(framed.payload, "pay");
    assert_eq!(framed.message, MessageName::Indexes(Bytes::from_static(b"\0")));
    let error = read(Framing::Confluent, b"pay", &with_header("__key_schema_id", &value)).unwrap_err();
    assert_eq!(error, "the value is not as Confluent's serializers write it: no zero byte stands before it");
    let error = read(Framing::Confluent, b"pay", &with_header("__value_schema_id", b"\x01")).unwrap_err();
    assert_eq!(error, "the header `__value_schema_id` holds no id of a schema");
}

#[test]
fn apicurios_ids_have_four_bytes_or_eight_or_stand_in_headers() {
    assert_eq!(bare(FOUR, b"\0\0\0\0\x07pay").unwrap(), (SchemaKey::ContentId(7), Bytes::from("pay")));
    let found = bare(EIGHT, b"\0\0\0\0\0\0\0\0\x07pay").unwrap();
    assert_eq!(found, (SchemaKey::GlobalId(7), Bytes::from("pay")));
    let id = 9_i64.to_be_bytes();
    let framed = read(FOUR, b"pay", &with_header("apicurio.value.globalId", &id)).unwrap();
    assert_eq!((framed.schema, framed.payload), (SchemaKey::GlobalId(9), Bytes::from("pay")));
    let mut headers = with_header("apicurio.value.contentId", &id);
    headers.push("apicurio.value.messageType", Some("a.B".into()));
    let framed = read(EIGHT, b"pay", &headers).unwrap();
    assert_eq!(framed.schema, SchemaKey::ContentId(9));
    assert_eq!(framed.message, MessageName::Named("a.B".to_owned()));
    assert!(read(FOUR, b"pay", &with_header("apicurio.value.globalId", b"7")).is_err());
}

#[test]
fn glues_records_may_be_packed() {
    let plain = [b"\x03\0", GUID.as_slice(), b"pay"].concat();
    let version = SchemaKey::GlueVersion(Uuid::from_bytes(*GUID));
    assert_eq!(bare(Framing::Glue, &plain).unwrap(), (version, Bytes::from("pay")));
    let packed = pack(b"pay");
    let zlib = [b"\x03\x05", GUID.as_slice(), &packed].concat();
    assert_eq!(bare(Framing::Glue, &zlib).unwrap(), (version, Bytes::from("pay")));
    let broken = [b"\x03\x05", GUID.as_slice(), b"pay"].concat();
    assert_eq!(bare(Framing::Glue, &broken), Err("its payload is not valid zlib".to_owned()));
    let other = [b"\x03\x07", GUID.as_slice(), b"pay"].concat();
    assert_eq!(
        bare(Framing::Glue, &other),
        Err("its compression is 0x07, and AWS Glue has 0x00 and 0x05".to_owned())
    );
}

#[test]
fn a_record_that_unpacks_without_end_is_refused() {
    let bomb = [b"\x03\x05", GUID.as_slice(), &pack(&vec![0; 8 << 20])].concat();
    let error = bare(Framing::Glue, &bomb).unwrap_err();
    assert!(error.starts_with("its payload unpacks to more than "), "{error}");
}

#[test]
fn single_objects_name_their_fingerprint() {
    let found = bare(Framing::SingleObject, b"\xc3\x01\x01\0\0\0\0\0\0\0pay").unwrap();
    assert_eq!(found, (SchemaKey::Fingerprint(1), Bytes::from("pay")));
    assert!(bare(Framing::SingleObject, b"\xc3\x01\x01").is_err());
}

#[test]
fn a_mapping_that_took_the_prefix_off_names_the_schema() {
    let headers = Headers::new();
    let read = |framing: Framing, id: &str| {
        let metadata = SchemaMetadata::new(Some("AVRO".to_owned()), Some(id.to_owned()));
        let context = ConverterContext::new(Side::Value, "t", &headers).with_schema(Some(&metadata));
        framing.read(&Bytes::from("pay"), &context).map(|framed| (framed.schema, framed.payload))
    };
    assert_eq!(read(Framing::Confluent, "258").unwrap(), (SchemaKey::Id(258), Bytes::from("pay")));
    let uuid = Uuid::from_bytes(*GUID);
    let found = read(Framing::Glue, &uuid.to_string()).unwrap();
    assert_eq!(found, (SchemaKey::GlueVersion(uuid), Bytes::from("pay")));
    assert!(
        read(Framing::Confluent, &uuid.to_string()).is_err_and(|error| error.contains("another registry"))
    );
    assert_eq!(read(Framing::None, "258").unwrap().0, SchemaKey::Files);
}

#[test]
fn what_nobody_framed_says_what_it_looks_like() {
    let error = |bytes: &[u8]| bare(Framing::Confluent, bytes).unwrap_err();
    assert!(error(b"{\"a\":1}").ends_with("it looks like JSON, for which there is `json`"));
    assert!(error(b"").ends_with("it is empty"));
    assert!(error(b"\0\0").ends_with("it is too short for the id of a schema"));
    assert!(error(&[b"\x03\0", GUID.as_slice(), b"pay"].concat()).contains("`registry: { glue: {} }`"));
    for framing in [Framing::Confluent, FOUR, EIGHT, Framing::Glue, Framing::SingleObject] {
        for length in 0..20 {
            let _no_panic = bare(framing, &vec![0; length]);
            let _no_panic = bare(framing, &vec![3; length]);
        }
    }
}
