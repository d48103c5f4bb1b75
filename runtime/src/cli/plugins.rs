//! `sluice plugins`: what this program can do.

use crate::reference::{Page, plugin_page};
use clap::Args;
use sluice_connector_api::{Plugin, Registry};

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::print;

/// Lists the sinks, transforms and predicates that this program has, or shows the settings of one.
#[derive(Debug, Args)]
pub(crate) struct PluginsArgs {
    /// Show the settings of the plug-in of this name
    name: Option<String>,
}

impl Command for PluginsArgs {
    const NAME: &'static str = "plugins";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        show(context.registry(), self.name.as_deref())
    }
}

fn show(registry: &Registry, name: Option<&str>) -> Result<(), Exit> {
    let sinks = list("sink", registry.sinks());
    let transforms = list("transform", registry.transforms());
    let predicates = list("predicate", registry.predicates());
    let all: Vec<Listed> = sinks.into_iter().chain(transforms).chain(predicates).collect();
    let Some(name) = name else {
        return all.iter().try_for_each(|listed| {
            print(format!("{:<10} {:<20} {}", listed.kind, listed.name, listed.summary))
        });
    };
    if let Some(listed) = all.iter().find(|listed| listed.name == name) {
        return print(listed.page.text.trim_end());
    }
    let known: Vec<_> = all.iter().map(|listed| listed.name).collect();
    Err(Exit::Running(format!("no plug-in is named `{name}`; there are: {}", known.join(", "))))
}

struct Listed {
    kind: &'static str,
    name: &'static str,
    summary: String,
    page: Page,
}

fn list<'a, T: ?Sized + 'a>(kind: &'static str, plugins: impl Iterator<Item = &'a Plugin<T>>) -> Vec<Listed> {
    let listed = |plugin: &Plugin<T>| Listed {
        kind,
        name: plugin.name(),
        summary: plugin.summary(),
        page: plugin_page(kind, plugin),
    };
    plugins.map(listed).collect()
}
