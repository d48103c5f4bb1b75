//! Documents of a real OpenSearch.

use std::collections::BTreeMap;

use serde_json::json;

use super::newest::arrivals_of;
use super::target::{Luck, Target};
use crate::matrix::judge::Sent;
use crate::opensearch::OpenSearch;
use crate::proxy::{FaultyProxy, ProxyRules};
use crate::target::Arrival;

/// An index, and the way to it.
pub(super) struct OpensearchTarget<'a> {
    node: &'a OpenSearch,
    proxy: FaultyProxy,
    index: String,
}

const BULK: ProxyRules = ProxyRules {
    stores: |piece| {
        piece.starts_with(b"POST /") && piece.windows(5).take(300).any(|window| window == b"_bulk")
    },
    is_refused: |_| true,
};

impl<'a> OpensearchTarget<'a> {
    /// Makes an index that takes no field which it does not know.
    pub(super) fn start(node: &'a OpenSearch, name: &str, luck: Luck) -> Self {
        let keyword = json!({ "type": "keyword" });
        let mapping = json!({ "mappings": { "dynamic": "strict", "properties": {
            "k": keyword, "n": { "type": "integer" }, "t": keyword,
        } } });
        node.call("PUT", &format!("/{name}"), Some(&mapping));
        let proxy = FaultyProxy::start(node.port(), BULK, luck.silent, luck.seed);
        Self { node, proxy, index: name.to_owned() }
    }
}

impl Target for OpensearchTarget<'_> {
    fn sink(&self) -> String {
        format!(
            "  opensearch:\n    urls: [\"http://127.0.0.1:{}\"]\n    index: {}\n    document_id: key\n    request_timeout: 3s\n",
            self.proxy.port(),
            self.index
        )
    }

    fn newest_wins(&self) -> bool {
        true
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.proxy)
    }

    fn arrivals(&self, sent: &[Sent]) -> Vec<Arrival> {
        self.node.call("POST", &format!("/{}/_refresh", self.index), None);
        let found = self.node.call("GET", &format!("/{}/_search?size=1000", self.index), None);
        let mut newest = BTreeMap::new();
        for hit in found["hits"]["hits"].as_array().expect("hits") {
            let (key, number) = (hit["_source"]["k"].as_str(), hit["_source"]["n"].as_u64());
            let number = usize::try_from(number.expect("a number")).expect("a number");
            newest.insert(key.expect("a key").to_owned(), number);
        }
        arrivals_of(&newest, sent)
    }
}
