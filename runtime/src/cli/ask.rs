//! A question on the terminal.

use std::io::{BufRead, IsTerminal, Write};

use crate::cli::exit::Exit;

/// Asks on the terminal before something that cannot be undone; `yes` answers in advance. Where nobody can be asked,
/// nothing is done.
pub fn ask(question: &str, yes: bool) -> Result<(), Exit> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Exit::Running(format!("{question} There is no terminal to answer on; say --yes")));
    }
    let mut stderr = std::io::stderr().lock();
    let mut answer = String::new();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let answered = asked.and_then(|()| stdin.lock().read_line(&mut answer));
    answered.map_err(|error| Exit::Running(format!("cannot ask: {error}")))?;
    let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if yes { Ok(()) } else { Err(Exit::Running("nothing was done".to_owned())) }
}
