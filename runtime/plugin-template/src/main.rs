//! Every command of Sluice, with a sink of your own.

mod folder;

use sluice_connector_api::Registry;

fn main() -> std::process::ExitCode {
    let registry = sluice_transforms::register(Registry::new());
    sluice_runtime::cli::main(registry.with_sink::<folder::FolderSettings>())
}
