//! `sluice top`: the connectors of a running worker as a table that lives.

use std::io::{IsTerminal, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use reqwest::Method;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, pretty, print};
use crate::cli::remote::Remote;
use crate::cli::signals::Signals;
use crate::cli::top_table::{TopTable, draw, height};

/// How often the worker is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long the thread that waits for keys does so before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(200);
/// The columns of a frame that no terminal gives a width.
const COLUMNS: u16 = 160;

/// Shows the connectors of a running worker as a table that lives: state, rates, lag, latency, batches, learned rate,
/// retries, dead letters and the last error.
///
/// Up and Down choose a connector, whose errors are shown in full; q, Esc or Ctrl-C ends.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Print the table once, also without a terminal, as wide as COLUMNS says
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    remote: Remote,
    /// How it is printed with --once: JSON is all that the worker tells
    #[arg(long, short, value_enum, requires = "once", default_value_t = Output::Text)]
    output: Output,
}

/// What a key asks for.
enum Wish {
    Up,
    Down,
    End,
    Redraw,
}

impl Command for TopArgs {
    const NAME: &'static str = "top";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        if self.once {
            return self.print_once(context).await;
        }
        if !stdout().is_terminal() {
            let text = "standard output is no terminal: `sluice top --once` prints the table once";
            return Err(Exit::Running(text.to_owned()));
        }
        // What cannot be reached is said on the screen as it is.
        let first = self.state(context).await?;
        let mut terminal = ratatui::try_init().map_err(|error| no_terminal(&error))?;
        let ended = self.live(context, &mut terminal, first).await;
        ratatui::restore();
        ended
    }
}

impl TopArgs {
    async fn state(&self, context: &Context) -> Result<Value, Exit> {
        Ok(self.remote.ask(context, Method::GET, "/live").await?.body)
    }

    async fn print_once(&self, context: &Context) -> Result<(), Exit> {
        let state = self.state(context).await?;
        if self.output == Output::Json {
            return print(pretty(&state));
        }
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let mut table = TopTable::new(state);
        table.choose(None);
        let area = Rect::new(0, 0, columns.unwrap_or(COLUMNS).clamp(40, 1000), height(&table));
        let mut buffer = Buffer::empty(area);
        draw(&mut table, area, &mut buffer);
        lines(&buffer).into_iter().try_for_each(print)
    }

    async fn live(
        &self,
        context: &Context,
        terminal: &mut ratatui::DefaultTerminal,
        first: Value,
    ) -> Result<(), Exit> {
        let mut signals = Signals::listen()?;
        let wanted = Arc::new(AtomicBool::new(true));
        let mut wishes = wishes(Arc::clone(&wanted));
        let mut table = TopTable::new(first);
        let mut tick = tokio::time::interval(EVERY);
        loop {
            let drawn = terminal.draw(|frame| draw(&mut table, frame.area(), frame.buffer_mut()));
            drawn.map_err(|error| no_terminal(&error))?;
            tokio::select! {
                _ = signals.next() => break,
                wish = wishes.recv() => match wish {
                    Some(Wish::Up) => table.go(-1),
                    Some(Wish::Down) => table.go(1),
                    Some(Wish::Redraw) => {}
                    Some(Wish::End) | None => break,
                },
                _ = tick.tick() => match self.state(context).await {
                    Ok(state) => table.renew(state),
                    Err(Exit::Environment(text) | Exit::Running(text)) => table.lose(text),
                    Err(other) => return Err(other),
                },
            }
        }
        wanted.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Reads keys in a thread of its own, for as long as somebody wants them.
fn wishes(wanted: Arc<AtomicBool>) -> mpsc::Receiver<Wish> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while wanted.load(Ordering::Relaxed) {
            // Without a terminal there are no keys; signals end it.
            if !event::poll(LOOK).unwrap_or(false) {
                continue;
            }
            let wish = match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => wish(key),
                Ok(Event::Resize(..)) => Some(Wish::Redraw),
                _ => None,
            };
            if wish.is_some_and(|wish| sender.blocking_send(wish).is_err()) {
                return;
            }
        }
    });
    receiver
}

fn wish(key: KeyEvent) -> Option<Wish> {
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::End),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::End),
        KeyCode::Up | KeyCode::Char('k') => Some(Wish::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Wish::Down),
        _ => None,
    }
}

fn no_terminal(error: &std::io::Error) -> Exit {
    Exit::Environment(format!("cannot draw on this terminal: {error}; `sluice top --once` needs none"))
}

/// Returns what a frame shows, line by line, without colours.
fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned()
    };
    buffer.content.chunks(width).map(line).collect()
}
