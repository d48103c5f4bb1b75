//! What `sluice top` shows: a row for each connector, and below them what is wrong with the one that is chosen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row, StatefulWidget, Table, TableState, Widget, Wrap};
use serde_json::Value;

use crate::shown::on_one_line;

/// The lines for what is wrong with the connector that is chosen.
const DETAIL: u16 = 6;
/// The columns of the table: their names, and the least that they need.
const COLUMNS: [(&str, u16); 11] = [
    ("CONNECTOR", 16),
    ("STATE", 9),
    ("REC/S", 8),
    ("LAG", 9),
    ("E2E p95", 8),
    ("PUT p95", 8),
    ("BATCH", 10),
    ("CALLS/S", 11),
    ("RETRIES", 7),
    ("DLQ", 6),
    ("LAST ERROR", 20),
];

/// What the worker told last.
#[derive(Debug)]
pub(super) struct TopTable {
    state: Value,
    /// Why the worker could not be asked, if so.
    lost: Option<String>,
    chosen: TableState,
}

impl TopTable {
    pub(super) fn new(state: Value) -> Self {
        let mut table = Self { state, lost: None, chosen: TableState::default() };
        table.choose(Some(0));
        table
    }

    /// Takes what the worker tells now.
    pub(super) fn renew(&mut self, state: Value) {
        self.state = state;
        self.lost = None;
        self.go(0);
    }

    /// Takes note that the worker cannot be asked; what it told last stays.
    pub(super) fn lose(&mut self, why: String) {
        self.lost = Some(why);
    }

    /// Chooses a connector by its place, or none.
    pub(super) fn choose(&mut self, place: Option<usize>) {
        self.chosen.select(place);
    }

    /// Chooses another connector, so many rows further down.
    pub(super) fn go(&mut self, rows: isize) {
        let last = self.connectors().len().saturating_sub(1);
        let place = self.chosen.selected().map(|place| place.saturating_add_signed(rows).min(last));
        self.chosen.select(place);
    }

    fn connectors(&self) -> &[Value] {
        self.state.get("connectors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Returns the lines that a frame with every connector needs.
pub(super) fn height(table: &TopTable) -> u16 {
    u16::try_from(table.connectors().len()).unwrap_or(u16::MAX).saturating_add(2)
}

/// Draws a frame.
pub(super) fn draw(table: &mut TopTable, area: Rect, buffer: &mut Buffer) {
    let detail = if table.chosen.selected().is_some() { DETAIL.min(area.height / 3) } else { 0 };
    let parts = [Constraint::Length(1), Constraint::Min(2), Constraint::Length(detail)];
    let [head, rows, below] = Layout::vertical(parts).areas(area);
    Line::from(title(table)).style(Style::new().add_modifier(Modifier::BOLD)).render(head, buffer);
    let drawn = Table::new(table.connectors().iter().map(row), widths())
        .header(
            Row::new(COLUMNS.map(|(name, _)| name)).style(Style::new().add_modifier(Modifier::UNDERLINED)),
        )
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut chosen = table.chosen;
    StatefulWidget::render(drawn, rows, buffer, &mut chosen);
    table.chosen = chosen;
    if let Some(connector) = table.chosen.selected().and_then(|place| table.connectors().get(place)) {
        Paragraph::new(details(connector)).wrap(Wrap { trim: false }).render(below, buffer);
    }
}

/// The last column takes what the others leave.
fn widths() -> Vec<Constraint> {
    let mut widths: Vec<_> = COLUMNS.iter().map(|(_, width)| Constraint::Length(*width)).collect();
    if let Some(first) = widths.first_mut() {
        *first = Constraint::Max(32);
    }
    if let Some(last) = widths.last_mut() {
        *last = Constraint::Min(20);
    }
    widths
}

fn title(table: &TopTable) -> String {
    let text = |name: &str| table.state.get(name).and_then(Value::as_str).unwrap_or_default();
    let count = table.connectors().len();
    let head = format!("sluice {} at {}: {count} connector(s)", text("version"), text("worker"));
    match &table.lost {
        Some(why) => format!("{head}; NOW LOST: {}", on_one_line(why)),
        None => head,
    }
}

fn row(connector: &Value) -> Row<'_> {
    let state = text_of(connector, "/state");
    let failed = at(connector, "/tasks").and_then(Value::as_array).into_iter().flatten();
    let failed = failed.filter(|task| text_of(task, "/state") == "failed").count();
    let shown = if failed > 0 && state != "failed" { format!("{failed} failed") } else { state.clone() };
    let colour = match state.as_str() {
        _ if failed > 0 => Color::Red,
        "running" => Color::Green,
        "failed" => Color::Red,
        _ => Color::Yellow,
    };
    let most =
        number(connector, "/batch_max_records").map(|most| format!("/{}", short(most))).unwrap_or_default();
    let batch = number(connector, "/recent/batch").map(|batch| format!("{}{most}", short(batch)));
    let limit = number(connector, "/calls_per_second_limit").map(short).unwrap_or_default();
    let calls = number(connector, "/calls_per_second").map(|rate| format!("{}/{limit}", short(rate)));
    let cells = [
        Cell::from(on_one_line(&text_of(connector, "/name")).into_owned()),
        Cell::from(shown).style(Style::new().fg(colour)),
        Cell::from(number(connector, "/recent/done_rate").map(short).unwrap_or_default()),
        Cell::from(number(connector, "/lag").map_or_else(|| "?".to_owned(), short)),
        Cell::from(seconds(connector, "/recent/latency/p95")),
        Cell::from(seconds(connector, "/recent/put/p95")),
        Cell::from(batch.unwrap_or_default()),
        Cell::from(calls.unwrap_or_default()),
        Cell::from(number(connector, "/recent/retries").map(short).unwrap_or_default()),
        Cell::from(number(connector, "/records/dead_lettered").map(short).unwrap_or_default()),
        Cell::from(wrongs(connector).into_iter().next().unwrap_or_default()),
    ];
    Row::new(cells)
}

/// Says what is wrong with a connector, the most telling first.
fn wrongs(connector: &Value) -> Vec<String> {
    let mut wrongs = Vec::new();
    for error in list(connector, "/config_errors") {
        wrongs.push(error.as_str().unwrap_or_default().to_owned());
    }
    for task in list(connector, "/tasks") {
        let id = number(task, "/id").map(short).unwrap_or_default();
        for field in ["/trace", "/failing"] {
            let text = text_of(task, field);
            if !text.is_empty() {
                wrongs.push(format!("task {id}: {text}"));
            }
        }
    }
    for error in list(connector, "/errors") {
        wrongs.push(format!(
            "{}x {}",
            number(error, "/count").map(short).unwrap_or_default(),
            text_of(error, "/text")
        ));
    }
    wrongs.iter().map(|text| on_one_line(text).into_owned()).collect()
}

fn details(connector: &Value) -> Text<'static> {
    let head = format!(
        "{}: {} in flight, {} of {} MiB, {} rebalance(s), {} restart(s)",
        on_one_line(&text_of(connector, "/name")),
        number(connector, "/in_flight").map(short).unwrap_or_default(),
        number(connector, "/buffered_bytes").map(mebibytes).unwrap_or_default(),
        number(connector, "/buffer_memory").map(mebibytes).unwrap_or_default(),
        number(connector, "/rebalances").map(short).unwrap_or_default(),
        number(connector, "/restarts").map(short).unwrap_or_default(),
    );
    let mut lines = vec![Line::from(head)];
    lines.extend(wrongs(connector).into_iter().map(Line::from));
    Text::from(lines)
}

fn at<'a>(of: &'a Value, path: &str) -> Option<&'a Value> {
    of.pointer(path).filter(|value| !value.is_null())
}

fn list<'a>(of: &'a Value, path: &str) -> &'a [Value] {
    at(of, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text_of(of: &Value, path: &str) -> String {
    at(of, path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(of: &Value, path: &str) -> Option<f64> {
    at(of, path).and_then(Value::as_f64)
}

/// Writes a number in at most six characters or so: 12, 0.5, 1234, 12.3k, 4.5M.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e9 => format!("{:.1}G", value / 1e9),
        value if value >= 1e6 => format!("{:.1}M", value / 1e6),
        value if value >= 1e4 => format!("{:.1}k", value / 1e3),
        value if value < 10.0 && value.fract().abs() > 1e-9 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn mebibytes(bytes: f64) -> String {
    short(bytes / 1024.0 / 1024.0)
}

fn seconds(of: &Value, path: &str) -> String {
    match number(of, path) {
        None => String::new(),
        Some(value) if value < 1.0 => format!("{:.0} ms", value * 1000.0),
        Some(value) if value < 120.0 => format!("{value:.1} s"),
        Some(value) => format!("{:.0} min", value / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drawn(state: Value, height: u16) -> String {
        let mut table = TopTable::new(state);
        table.go(1);
        let area = Rect::new(0, 0, 180, height);
        let mut buffer = Buffer::empty(area);
        draw(&mut table, area, &mut buffer);
        buffer
            .content
            .chunks(180)
            .map(|line| line.iter().map(ratatui::buffer::Cell::symbol).collect::<String>() + "\n")
            .collect()
    }

    fn connector(name: &str, state: &str) -> Value {
        json!({
            "name": name, "state": state, "tasks": [{ "id": 0, "state": state, "trace": null, "failing": null }],
            "lag": 12_345, "recent": { "done_rate": 1234.5, "latency": { "p95": 0.25 }, "put": null, "batch": 83.2, "retries": 4 },
            "records": { "dead_lettered": 7 }, "batch_max_records": 500, "calls_per_second": 2.5, "calls_per_second_limit": 5.0,
            "errors": [{ "text": "the target answered 503\u{1b}[2J", "count": 3 }], "config_errors": [],
            "in_flight": 3, "buffered_bytes": 1_048_576, "buffer_memory": 67_108_864, "rebalances": 1, "restarts": 0,
        })
    }

    #[test]
    fn a_row_has_all_that_an_operator_looks_for_and_nothing_that_a_terminal_acts_upon() {
        let state = json!({ "version": "1.2.3", "worker": "here", "connectors": [connector("a", "running"), connector("b", "paused")] });
        let shown = drawn(state, 20);
        let row = shown.lines().find(|line| line.starts_with("a ")).unwrap();
        for part in [
            "running",
            "1234",
            "12.3k",
            "250 ms",
            "83/500",
            "2.5/5",
            "4",
            "7",
            "3x the target answered 503\\u001b[2J",
        ] {
            assert!(row.contains(part), "{part} in {row}");
        }
        assert!(shown.contains("b: 3 in flight, 1 of 64 MiB"), "{shown}");
        assert!(shown.contains("sluice 1.2.3 at here: 2 connector(s)"), "{shown}");
    }

    #[test]
    fn what_is_wrong_with_the_file_comes_first_and_a_lost_worker_is_said() {
        let mut broken = connector("broken", "failed");
        broken["config_errors"] = json!(["broken.yaml:3:1: unknown key"]);
        broken["tasks"] = json!([]);
        let mut table = TopTable::new(json!({ "connectors": [broken] }));
        table.lose("cannot reach it".to_owned());
        let area = Rect::new(0, 0, 160, 10);
        let mut buffer = Buffer::empty(area);
        draw(&mut table, area, &mut buffer);
        let shown: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert!(shown.contains("broken.yaml:3:1") && shown.contains("NOW LOST: cannot reach it"), "{shown}");
    }

    #[test]
    fn a_small_screen_and_no_connector_are_no_trouble() {
        for height in 0..5 {
            drawn(json!({}), height);
        }
        assert!(drawn(json!({ "connectors": [] }), 10).contains("0 connector(s)"));
    }
}
