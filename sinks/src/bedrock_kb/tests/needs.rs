//! Which forms settings need.

use super::*;

fn needs(changes: &Value) -> Vec<String> {
    let needs = sink_at("http://localhost", changes).needs();
    needs.iter().map(|need| format!("{} {} {}", need.why.path(), need.side, need.forms)).collect()
}

#[test]
fn a_document_is_text_unless_a_template_makes_it() {
    assert_eq!(needs(&json!({})), ["content value bytes or text"]);
    assert_eq!(needs(&json!({ "content": { "template": "{{name}}" } })), ["content.template value JSON"]);
    assert_eq!(needs(&json!({ "content": { "bytes": { "mime_type": "text/csv" } } })), [""; 0]);
}

#[test]
fn ids_and_attributes_that_read_fields_need_json() {
    let settings = json!({
        "content": { "template": "{{@record.value}}" },
        "document_id": { "template": "{{@record.key.id}}" },
        "metadata": { "attributes": { "city": { "string": "{{city}}" }, "tags": { "string_list": "{{tags}}" } } },
    });
    let expected = [
        "document_id.template key JSON",
        "metadata.attributes.city.string value JSON or a number",
        "metadata.attributes.tags.string_list value JSON or a number",
    ];
    assert_eq!(needs(&settings), expected);
}
