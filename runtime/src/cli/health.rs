//! `sluice health`: whether a worker lives, asked from beside it, as a container without a shell has to.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::print;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most of an answer that is read, in bytes.
const LARGEST: u64 = 64 * 1024;

/// Asks a worker on this machine whether it lives, at the address that `listen` names.
///
/// Exits with 0 where it does, with 1 where it says that it does not, and with 3 where nobody answers. For the health check of a
/// container: `HEALTHCHECK CMD ["/usr/local/bin/sluice", "health"]`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Ask whether every connector runs, not only whether the process does
    #[arg(long)]
    ready: bool,
}

impl Command for HealthArgs {
    const NAME: &'static str = "health";
    const ONE_THREAD: bool = true;

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let listen = &context.settings().listen;
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let asked = tokio::time::timeout(PATIENCE, ask(&reachable(listen), path)).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(nobody(listen, &error.to_string())),
            Err(_) => return Err(nobody(listen, &format!("no answer in {PATIENCE:?}"))),
        };
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.split(' ').nth(1) == Some("200") {
            return print(body.trim_end());
        }
        Err(Exit::Running(format!("the worker at {listen} is not well: {}", body.trim_end())))
    }
}

fn nobody(listen: &str, why: &str) -> Exit {
    Exit::Environment(format!("no worker answers at {listen} ({why}); is that its `listen`?"))
}

/// Returns where somebody on this machine finds a worker that listens there: all addresses are none to connect to.
fn reachable(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(SocketAddr::V4(address)) if address.ip().is_unspecified() => {
            format!("{}:{}", Ipv4Addr::LOCALHOST, address.port())
        }
        Ok(SocketAddr::V6(address)) if address.ip().is_unspecified() => {
            format!("[{}]:{}", Ipv6Addr::LOCALHOST, address.port())
        }
        _ => listen.to_owned(),
    }
}

/// Asks for a path and returns head and body of the answer.
async fn ask(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_at_the_one_of_this_machine() {
        assert_eq!(reachable("0.0.0.0:8083"), "127.0.0.1:8083");
        assert_eq!(reachable("[::]:8083"), "[::1]:8083");
        assert_eq!(reachable("10.0.0.7:8083"), "10.0.0.7:8083");
        assert_eq!(reachable("localhost:8083"), "localhost:8083");
    }
}
