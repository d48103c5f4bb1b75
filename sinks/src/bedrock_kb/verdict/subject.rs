//! What a refusal speaks of: the set-up, that is the knowledge base or the data source, or a document. Pure.
//!
//! Bedrock answers both with the same code, and the engine must not take one for the other: a wrong data source refuses every
//! record, and one bad document among thirty costs only itself. So a refusal is about the set-up only where it names that
//! and names neither a document nor a part of one; in doubt it is about the data, and the engine narrows it down.

/// The set-up, in letters alone and without blanks.
const SET_UP: [&str; 6] =
    ["knowledgebase", "datasource", "vectorstore", "vectorindex", "embeddingmodel", "storageconfiguration"];

/// Where a field of the request is that belongs to the set-up.
const SET_UP_FIELDS: [&str; 2] = ["knowledgebaseid", "datasourceid"];

/// Words for one document.
const A_DOCUMENT: [&str; 9] = [
    "the document ",
    "this document",
    "a document ",
    "one document",
    "each document",
    "document with",
    "document id",
    "documents[",
    "documents.",
];

/// Words for what is in a document, and for what may be wrong with that.
const A_PART: [&str; 18] = [
    "metadata",
    "attribute",
    "content",
    "text",
    "mime",
    "character",
    "byte",
    "token",
    "size",
    "length",
    "limit",
    "exceed",
    "large",
    "duplicate",
    "uri",
    "blank",
    "empty",
    "inline",
];

/// Says whether a refusal speaks of the set-up. `fields` are the names of the request's fields that it lists, and `ids` the
/// documents of the call.
pub(crate) fn is_set_up(words: &str, fields: &[String], ids: &[&str]) -> bool {
    let names_only_set_up = !fields.is_empty() && fields.iter().all(|field| is_set_up_field(field));
    if names_only_set_up {
        return true;
    }
    let names_a_document = fields.iter().any(|field| field.trim_start_matches('/').starts_with("document"));
    if names_a_document || ids.iter().any(|id| is_named(id, words)) {
        return false;
    }
    let words = without_operations(words).to_lowercase();
    if A_DOCUMENT.iter().any(|phrase| words.contains(phrase)) {
        return false;
    }
    // A metadata source is no data source.
    let letters = letters(&words.replace("metadata", "meta"));
    if SET_UP_FIELDS.iter().any(|field| letters.contains(field)) {
        return true;
    }
    SET_UP.iter().any(|name| letters.contains(name)) && !A_PART.iter().any(|part| words.contains(part))
}

fn is_set_up_field(field: &str) -> bool {
    SET_UP_FIELDS.contains(&letters(&field.to_lowercase()).as_str())
}

/// Says whether the words hold an id as a word of its own. A very short one may be anything.
fn is_named(id: &str, words: &str) -> bool {
    const SHORTEST: usize = 4;
    let is_end =
        |char: Option<char>| char.is_none_or(|char| !char.is_alphanumeric() && char != '-' && char != '_');
    id.len() >= SHORTEST
        && words.match_indices(id).any(|(at, _)| {
            let (before, rest) = words.split_at_checked(at).unwrap_or_default();
            let after = rest.strip_prefix(id).unwrap_or_default();
            is_end(before.chars().next_back()) && is_end(after.chars().next())
        })
}

/// Drops the names of operations, such as `IngestKnowledgeBaseDocuments`, which every answer may have.
fn without_operations(words: &str) -> String {
    let mut kept = Vec::new();
    for word in words.split_whitespace() {
        if !word.contains("KnowledgeBaseDocument") {
            kept.push(word);
        }
    }
    kept.join(" ")
}

fn letters(text: &str) -> String {
    text.chars().filter(|char| char.is_alphabetic()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaks_of_set_up(words: &str) -> bool {
        is_set_up(words, &[], &["prices-0-1", "OOOO"])
    }

    #[test]
    fn words_about_the_knowledge_base_or_the_data_source_are_about_the_set_up() {
        for words in [
            "The data source has another type.",
            "Data source DS12345678 takes documents of type S3, not CUSTOM.",
            "Data source type WEB is not supported for this operation.",
            "IngestKnowledgeBaseDocuments is only supported for CUSTOM and S3 data sources",
            "Documents cannot be ingested into a data source that is being deleted.",
            "Knowledge base KB12345678 is not in the ACTIVE state",
            "The knowledgeBase is in status DELETING",
            "Bedrock was unable to assume the given role of the knowledge base",
            "The embedding model of this knowledge-base cannot be invoked",
            "The vector store cannot be reached",
            "1 validation error detected: Value 'x' at 'dataSourceId' failed to satisfy constraint: Member must have length 10",
            "Invalid knowledgeBaseId: its length must be 10",
        ] {
            assert!(speaks_of_set_up(words), "{words}");
        }
        let fields = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(is_set_up("The request is invalid", &fields(&["dataSourceId"]), &[]));
        assert!(is_set_up("The request is invalid", &fields(&["/knowledgeBaseId", "data_source_id"]), &[]));
    }

    #[test]
    fn words_about_a_document_are_about_the_data() {
        for words in [
            "",
            "blank",
            "The request is invalid.",
            "You provided duplicate documents in the request.",
            "The document cannot be stored in this knowledge base.",
            "A document of data source DS12345678 is not readable",
            "The metadata attribute price is not allowed by the knowledge base",
            "The metadata source is wrong",
            "The content type application/x is not supported by the data source",
            "The text exceeds what the embedding model of the knowledge base takes",
            "OOOO is not a valid identifier in data source DS12345678",
            "prices-0-1: rejected by the knowledge base",
            "1 validation error detected: Value at 'documents.1.member.content.custom' failed to satisfy constraint",
            "IngestKnowledgeBaseDocuments refused the request",
        ] {
            assert!(!speaks_of_set_up(words), "{words}");
        }
        let fields = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for names in [
            &["documents[1].content"] as &[_],
            &["/documents/1/content", "dataSourceId"],
            &["documentIdentifiers"],
        ] {
            assert!(!is_set_up("The data source has another type", &fields(names), &[]), "{names:?}");
        }
    }

    #[test]
    fn an_id_counts_as_a_word_of_its_own_alone() {
        assert!(is_named("OOOO", "document OOOO: bad"));
        assert!(!is_named("OOOO", "OOOOX") && !is_named("OOOO", "a-OOOO") && !is_named("a", "a data source"));
    }
}
