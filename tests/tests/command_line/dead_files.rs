//! `sluice check` on files in which every record would be rejected.

use sluice_tests::connector::Folder;
use sluice_tests::sluice::Sluice;

const KAFKA: &str = "source:\n  kafka: { bootstrap_servers: \"localhost:9092\", topics: [t] }\n";
const KNOWLEDGE_BASE: &str = "knowledge_base_id: ABCDEFGHIJ, data_source_id: KLMNOPQRST";

/// Checks a file `c.yaml`, and returns what is said of it.
fn refused(rest: &str) -> Vec<String> {
    let folder = Folder::with("c.yaml", format!("{KAFKA}{rest}"));
    let checked = Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(2);
    checked.lines().into_iter().map(str::to_owned).collect()
}

fn starts(lines: &[String], starts: &[&str]) {
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn json_without_content_is_no_document() {
    let lines = refused(&format!("  value: json\nsink:\n  bedrock_kb: {{ {KNOWLEDGE_BASE} }}\n"));
    starts(
        &lines,
        &[
            "c.yaml:5:15: `sink.bedrock_kb.content`: takes the value, which has to be text, but the value is JSON here",
        ],
    );
}

#[test]
fn what_a_template_took_away_is_missed_by_transform_and_metadata() {
    let lines = refused(&format!(
        "  value: json\ntransforms:\n  - template: {{ text: \"{{{{name}}}} lives in {{{{city}}}}.\" }}\n  \
         - timestamp: {{ field: created, from: unix_millis, to: rfc3339 }}\nsink:\n  bedrock_kb:\n    {{ {KNOWLEDGE_BASE},\n    \
         metadata: {{ attributes: {{ city: {{ string: \"{{{{city}}}}\" }} }} }},\n    \
         document_id: {{ template: \"{{{{name}}}}\" }} }}\n"
    ));
    starts(
        &lines,
        &[
            "c.yaml:6:25: `transforms.1.timestamp.field`: reads the field `created` of the value, but the value is text",
            "c.yaml:10:47: `sink.bedrock_kb.metadata.attributes.city.string`: reads the field `city` of the value",
            "c.yaml:11:30: `sink.bedrock_kb.document_id.template`: reads the field `name` of the value",
        ],
    );
}

#[test]
fn a_field_of_a_text_and_one_of_a_key_that_stays_bytes_are_refused() {
    let lines = refused(
        "  value: string\nsink:\n  http: { url: \"https://h/{{id}}\", headers: { x-a: \"{{@record.key.id}}\" } }\n",
    );
    starts(
        &lines,
        &[
            "c.yaml:5:16: `sink.http.url`: reads the field `id` of the value, but the value is text here",
            "c.yaml:5:52: `sink.http.headers.x-a`: reads the field `id` of the key, but the key is bytes here",
        ],
    );
}
