//! The program `sluice`: the composition root. Only here do the command line and the plug-ins meet.

mod convert;
mod demo;
mod flow;
mod kb;
mod knowledge_base;
mod query;

use std::process::ExitCode;

use sluice_connector_api::Registry;
use sluice_runtime::cli::Program;

/// Records are allocated on one thread and freed on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let registry = sluice_registry::register(sluice_transforms::register(Registry::new()));
    let registry = sluice_secrets::register(sluice_sinks::register(registry));
    Program::new(registry)
        .version(env!("CARGO_PKG_VERSION"))
        .hint("Begin with `sluice demo`: an embedded broker, a local knowledge base and a connector, end to end.")
        .filter("jq")
        .command::<demo::DemoArgs>()
        .command::<convert::ConvertArgs>()
        .command::<query::QueryArgs>()
        .command::<kb::KbArgs>()
        .main()
}
