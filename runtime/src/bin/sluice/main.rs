//! The binary `sluice`: the composition root. It puts the registry together, reads the command line, and picks a
//! host. Only here do the engine and the plug-ins meet.

mod ask;
mod brokers;
mod check;
#[cfg(target_os = "linux")]
mod code_pages;
mod command_line;
mod demo;
mod dlq;
mod exit;
mod kb;
mod knowledge_base;
mod lambda;
mod logging;
mod offsets;
mod plugins;
mod preview;
mod produce;
mod query;
mod replay;
mod run;
mod schema;
mod topics;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sluice_connector_api::Registry;

use crate::command_line::{Command, CommandLine};
use crate::exit::Exit;

/// Records are allocated on one thread and freed on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command_line = CommandLine::parse_from(lambda::arguments());
    match start(command_line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}

fn start(command_line: CommandLine) -> Result<(), Exit> {
    let settings = command_line.global.settings(&command_line.command)?;
    logging::start(&settings);
    let mut builder = match command_line.command {
        // A function has a fraction of a processor, and starts while somebody waits.
        Command::Lambda(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Exit::Environment(format!("cannot start the async runtime: {error}")))?;
    let result = runtime.block_on(dispatch(command_line.command, &settings));
    // A blocked write must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn dispatch(
    command: Command,
    settings: &sluice_runtime::config::worker::WorkerSettings,
) -> Result<(), Exit> {
    match command {
        Command::Run(args) => run::run(settings, args.stop_with_input).await,
        Command::Check(args) => check::run(args, settings).await,
        Command::Lambda(args) => lambda::run(&args, settings).await,
        Command::Preview(args) => preview::run(&args),
        Command::Demo(args) => demo::run(args).await,
        Command::Dlq(args) => dlq::run(args).await,
        Command::Offsets(args) => offsets::run(args).await,
        Command::Topics(args) => topics::run(args).await,
        Command::Produce(args) => produce::run(args).await,
        Command::Kb(args) => kb::run(args).await,
        Command::Query(args) => query::run(args).await,
        Command::Plugins(args) => plugins::run(&args),
        Command::Schema(args) => schema::run(&args),
    }
}

/// Every plug-in that this program has.
fn registry() -> Registry {
    sluice_sinks::register(sluice_transforms::register(Registry::new()))
}
