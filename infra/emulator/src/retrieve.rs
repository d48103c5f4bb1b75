//! Retrieval: full text by BM25 over whole documents.
//!
//! The one place that ranks. What passes a filter is `filter.rs`'s.

use bm25::{DefaultTokenizer, Embedder, EmbedderBuilder, Scorer};
use serde_json::{Map, Value, json};

use crate::{DataSource, DataSourceType, StoredDocument};

/// The length of a document, in words, that counts as average. Fixed, so that a score depends on
/// what is stored and not on the order in which it came.
const AVERAGE_WORDS: f32 = 64.0;

/// The words of all documents, English, stemmed.
pub(crate) struct Index {
    embedder: Embedder<u32, DefaultTokenizer>,
    scorer: Scorer<String>,
}

/// An id and its score; the higher, the better the match.
pub(crate) struct Hit {
    pub(crate) id: String,
    pub(crate) score: f32,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { embedder: EmbedderBuilder::with_avgdl(AVERAGE_WORDS).build(), scorer: Scorer::new() }
    }

    pub(crate) fn upsert(&mut self, id: &str, text: &str) {
        let words = self.embedder.embed(text);
        self.scorer.upsert(&id.to_owned(), words);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.scorer.remove(&id.to_owned());
    }

    /// Returns all documents that share a word with `query`, best first, then by id.
    pub(crate) fn search(&self, query: &str) -> Vec<Hit> {
        let matches = self.scorer.matches(&self.embedder.embed(query));
        let hit = |found: bm25::ScoredDocument<String>| Hit { id: found.id, score: found.score };
        let mut hits: Vec<Hit> = matches.into_iter().map(hit).collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        hits
    }
}

/// Returns a document's metadata the way the service does, its own keys included.
pub(crate) fn metadata(document: &StoredDocument) -> Map<String, Value> {
    let mut metadata = document.attributes.clone();
    let own = [
        ("source-uri", document.id.clone()),
        // One chunk a document: nothing is split here.
        ("chunk-id", format!("{}#0", document.id)),
        ("data-source-id", document.data_source_id.clone()),
    ];
    metadata.extend(own.map(|(key, value)| (format!("x-amz-bedrock-kb-{key}"), value.into())));
    metadata
}

/// Writes a result the way the service does. Its scores lie between 0 and 1.
pub(crate) fn result(
    document: &StoredDocument,
    score: f32,
    metadata: &Map<String, Value>,
    data_source: &DataSource,
) -> Value {
    let location = match data_source.kind {
        DataSourceType::S3 => json!({ "type": "S3", "s3Location": { "uri": document.id } }),
        DataSourceType::Custom | DataSourceType::ManagedCustom => {
            json!({ "type": "CUSTOM", "customDocumentLocation": { "id": document.id } })
        }
    };
    json!({
        "content": { "type": "TEXT", "text": document.text },
        "location": location,
        "score": f64::from(score / (1.0 + score)),
        "metadata": metadata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(index: &Index, query: &str) -> Vec<String> {
        let hits = index.search(query).into_iter();
        hits.map(|hit| hit.id).collect()
    }

    fn prices() -> Index {
        let mut index = Index::new();
        index.upsert("c", "the price of AMZN is 180");
        index.upsert("a", "the price of OOOO is 44.5");
        index.upsert("b", "the price of AMZN is 180");
        index
    }

    #[test]
    fn ranks_the_rare_word_first_and_breaks_ties_by_id() {
        assert_eq!(ids(&prices(), "price of OOOO"), ["a", "b", "c"]);
        assert_eq!(ids(&prices(), "amzn"), ["b", "c"]);
    }

    #[test]
    fn finds_nothing_for_words_that_do_not_occur() {
        assert!(ids(&prices(), "weather").is_empty());
        assert!(ids(&prices(), "").is_empty());
    }

    #[test]
    fn forgets_what_was_overwritten_or_removed() {
        let mut index = prices();
        index.upsert("a", "the price of ZZZZ is 1");
        index.remove("b");
        assert!(ids(&index, "OOOO").is_empty());
        assert_eq!(ids(&index, "AMZN"), ["c"]);
    }
}
