//! The pages of the reference: one for each plug-in, and those of connector, process and metrics.

use serde_json::Value;
use sluice_connector_api::{Plugin, Registry};

use crate::config::schema::{connector_schema, plugin_schema};
use crate::config::worker::process_schema;
use crate::lambda::embedded_metrics;
use crate::observe::metrics_page;
use crate::reference::keys::keys_of;

/// What every page begins with.
const ORIGIN: &str = "<!-- Written by `sluice schema --markdown docs/reference`: change the doc comments of the settings instead. -->";
/// What stands over the keys of a page.
const SETTINGS: &str = "## Settings";

/// A page of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its place below the reference's folder, such as `sinks/http.md`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Makes the pages: one for each plug-in, one each for the connector file, the process settings and the
/// metrics, and the index `README.md`.
pub fn pages(registry: &Registry) -> Vec<Page> {
    let process = page("process.md", "Process settings", &process_schema());
    let metrics = Page {
        path: "metrics.md".to_owned(),
        text: format!("{}\n{}", metrics_page(), embedded_metrics::section()),
    };
    let files = vec![connector_page(), process, metrics];
    let groups = [
        ("Files and metrics", files),
        ("Sinks", registry.sinks().map(|plugin| plugin_page("sink", plugin)).collect()),
        ("Transforms", registry.transforms().map(|plugin| plugin_page("transform", plugin)).collect()),
        ("Predicates", registry.predicates().map(|plugin| plugin_page("predicate", plugin)).collect()),
        ("Converters", registry.converters().map(|plugin| plugin_page("converter", plugin)).collect()),
    ];
    let index = index(&groups);
    let pages = std::iter::once(index).chain(groups.into_iter().flat_map(|(_, pages)| pages));
    pages.map(|page| Page { text: format!("{ORIGIN}\n\n{}", page.text), ..page }).collect()
}

/// Makes the page of a plug-in; `kind` is `sink`, `transform`, `predicate` or `converter`.
pub fn plugin_page<T: ?Sized>(kind: &str, plugin: &Plugin<T>) -> Page {
    let name = plugin.name();
    page(format!("{kind}s/{name}.md"), &format!("`{name}`, a {kind}"), &plugin_schema(plugin))
}

fn page(path: impl Into<String>, title: &str, schema: &Value) -> Page {
    let keys = keys_of(schema);
    let settings = if keys.is_empty() { keys } else { format!("\n{SETTINGS}\n{keys}") };
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    Page { path: path.into(), text: format!("# {title}\n\n{description}\n{settings}") }
}

fn connector_page() -> Page {
    let page = page("connector.md", "The connector file", &connector_schema(&Registry::new()));
    let more =
        "Sinks, transforms, predicates and converters have pages of their own: see the [index](README.md).";
    Page { text: page.text.replacen(SETTINGS, &format!("{more}\n\n{SETTINGS}"), 1), ..page }
}

fn index(groups: &[(&str, Vec<Page>)]) -> Page {
    let intro = "Every key of a [connector file](connector.md) and of the [process settings](process.md).";
    let group = |(title, pages): &(&str, Vec<Page>)| {
        let entries: Vec<String> = pages.iter().map(entry).collect();
        format!("\n## {title}\n\n{}", entries.concat())
    };
    let groups: Vec<String> = groups.iter().map(group).collect();
    Page { path: "README.md".to_owned(), text: format!("# Reference\n\n{intro}\n{}", groups.concat()) }
}

/// A page's line in the index: its title and its first paragraph.
fn entry(page: &Page) -> String {
    let mut paragraphs = page.text.split("\n\n");
    let title = paragraphs.next().unwrap_or_default().trim_start_matches("# ");
    let summary = paragraphs.next().unwrap_or_default().trim_end().replace('\n', " ");
    format!("- [{title}]({}): {summary}\n", page.path)
}
