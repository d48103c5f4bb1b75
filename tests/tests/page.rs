//! The page at `/`: what it is made of, and how it is to look at and to use in a real browser.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::browser::{Browser, ENTER, Look};
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::listener::{ListenerAnswer, ask, send};
use sluice_tests::sluice::{Running, Sluice, root};
use sluice_tests::target::{CountingTarget, Manners};

const TOKEN: &str = "t0ken-of-the-page";
const LIGHT: Look = Look { width: 1100, height: 800, dark: false };
const DARK: Look = Look { dark: true, ..LIGHT };
const PHONE: Look = Look { width: 390, height: 844, dark: false };

/// A worker with a connector from a topic into a target.
struct Stage {
    kafka: Option<EmbeddedKafka>,
    servers: String,
    target: CountingTarget,
    folder: Folder,
    address: String,
}

/// Records that flow for as long as the value lives.
struct Flow {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stage {
    fn new() -> Self {
        let kafka = EmbeddedKafka::start().unwrap();
        kafka.create_topic("prices", 2).unwrap();
        let manners = Manners { faults: &[], pause: Duration::ZERO, names_poison: false };
        let target = CountingTarget::start(manners, 1);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = Folder::new();
        let servers = kafka.bootstrap_servers();
        let stage =
            Self { kafka: Some(kafka), servers, target, folder, address: format!("127.0.0.1:{port}") };
        stage.folder.write("prices.yaml", stage.text("prices"));
        stage
    }

    fn text(&self, group: &str) -> String {
        let sink = format!(
            "  http: {{ url: \"{}\", headers: {{ x-secret: hunter2-of-the-page }} }}\n",
            self.target.url()
        );
        let transforms = "  - insert_field: { static_field: seen, static_value: yes-it-was }\n";
        let text = ConnectorText::new("prices").transforms(transforms).sink(sink).text();
        text.replace("group: prices", &format!("group: {group}"))
    }

    fn sluice(&self) -> Sluice {
        Sluice::new(["run", "."])
            .current_dir(self.folder.path())
            .arg(format!("--listen={}", self.address))
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.servers)
    }

    fn spawn(&self) -> Running {
        let mut daemon = self.sluice().spawn();
        daemon.wait_for_log("partitions assigned");
        daemon
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn get(&self, path: &str, accept: &str) -> ListenerAnswer {
        ask(&self.address, "GET", path, accept)
    }

    /// Has some records flow each second, with markup in them.
    fn flow(&self) -> Flow {
        let (stop, servers) = (Arc::<AtomicBool>::default(), self.servers.clone());
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for n in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let record =
                    |n| format!("{{\"k\":\"k\",\"n\":{n},\"said\":\"<img src=x onerror=owned()>\"}}");
                let records = (n * 10..n * 10 + 10).map(|n| NewRecord::unkeyed(record(n)));
                kafka::produce(kafka::client_of(&servers), "prices", records);
                thread::sleep(Duration::from_millis(200));
            }
        });
        Flow { stop, thread: Some(thread) }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().ok();
    }
}

#[test]
fn the_page_is_for_browsers_and_all_others_get_what_kafka_connect_answers() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let page = stage.get("/", "text/html,application/xhtml+xml,*/*;q=0.8");
    assert!(page.status == 200 && page.body.starts_with("<!doctype html>"), "{}", page.head);
    for line in
        ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "vary: accept"]
    {
        assert!(page.head.contains(line), "{line} in {}", page.head);
    }
    let json = stage.get("/", "*/*");
    assert!(json.body.contains("kafka_cluster_id") && json.head.contains("vary: accept"), "{}", json.body);
    for (path, kind) in
        [("style.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
    {
        let asset = stage.get(&format!("/page/{path}"), "*/*");
        assert!(
            asset.status == 200 && asset.head.contains(&format!("content-type: {kind}")),
            "{}",
            asset.head
        );
    }
    daemon.terminate().expect_code(0);
}

#[test]
fn what_connectors_are_up_to_is_told_with_their_file_and_without_its_secrets() {
    let stage = Stage::new();
    stage.folder.write("broken.yaml", "source: {}\nsink: { htpp: {} }\n");
    let mut daemon = stage.spawn();
    let flow = stage.flow();
    let live = || -> Value { serde_json::from_str(&stage.get("/live", "application/json").body).unwrap() };
    daemon.wait_until("records per second", |_| {
        let live = live();
        let prices = &live["connectors"][1];
        (prices["recent"]["done_rate"].as_f64().unwrap() > 0.0 && prices["recent"]["put"].is_object())
            .then_some(())
    });
    let state = live();
    let (broken, prices) = (&state["connectors"][0], &state["connectors"][1]);
    assert_eq!((&broken["name"], &broken["state"]), (&"broken".into(), &"failed".into()));
    assert!(broken["config_errors"][0].as_str().unwrap().contains("broken.yaml:"), "{broken}");
    assert_eq!((&prices["state"], &prices["batch_max_records"]), (&"running".into(), &1.into()), "{prices}");
    assert!(prices["buffer_memory"].as_u64().unwrap() > 0 && prices["lag"].is_u64(), "{prices}");

    let one: Value = serde_json::from_str(&stage.get("/live/prices", "*/*").body).unwrap();
    assert_eq!(one["partitions"].as_array().unwrap().len(), 2);
    let file = one["file"].as_str().unwrap();
    assert!(file.contains("topics:\n") && file.contains("x-secret: \"[redacted]\""), "{file}");
    assert!(!one.to_string().contains("hunter2"), "{one}");
    assert!(!one["history"].as_array().unwrap().is_empty());
    assert_eq!(stage.get("/live/none", "*/*").status, 404);
    assert_eq!(stage.get("/live/prices/dead-letters", "*/*").status, 404, "it has no such topic");

    stage.target.set_down(true);
    daemon.wait_until("the reason", |_| {
        live()["connectors"][1]["errors"][0]["text"]
            .as_str()
            .map(|text| assert!(text.contains("503"), "{text}"))
    });
    drop(flow);
    stage.target.set_down(false);
    daemon.terminate().expect_code(0);
}

#[test]
fn with_a_token_the_page_is_there_and_tells_nothing_without_it() {
    let stage = Stage::new();
    let mut daemon = stage.sluice().env("SLUICE_REST_TOKEN", TOKEN).spawn();
    daemon.wait_for_log("serving");
    assert!(stage.get("/", "text/html").body.starts_with("<!doctype html>"));
    for path in ["/", "/live", "/live/prices", "/connectors/prices/tap", "/live/prices/dead-letters"] {
        assert_eq!(stage.get(path, "*/*").status, 401, "{path}");
    }
    let token = format!("Bearer {TOKEN}");
    let answer = send(&stage.address, "GET", "/live", &[("Authorization", &token)], "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    daemon.terminate().expect_code(0);
}

#[test]
fn top_prints_a_frame_without_a_terminal() {
    let stage = Stage::new();
    stage.folder.write("broken.yaml", "source: {}\nsink: { htpp: {} }\n");
    let daemon = stage.spawn();
    let url = format!("--url={}", stage.url());
    let frame = Sluice::new(["top", "--once", &url]).env("COLUMNS", "200").output().expect_code(0);
    let lines = frame.lines();
    assert!(
        lines[0].contains(&format!("at {}: 2 connector(s)", stage.address))
            && lines[1].starts_with("CONNECTOR"),
        "{frame}"
    );
    assert!(lines[2].starts_with("broken") && lines[2].contains("broken.yaml:"), "{frame}");
    assert!(lines[3].starts_with("prices") && lines[3].contains("running"), "{frame}");
    let json = Sluice::new(["top", "--once", "--output=json", &url]).output().expect_code(0);
    assert!(serde_json::from_str::<Value>(&json.stdout).unwrap()["connectors"].is_array());
    let no_terminal = Sluice::new(["top", &url]).output().expect_code(1);
    assert!(no_terminal.stderr.contains("--once"), "{no_terminal}");
    daemon.terminate().expect_code(0);
    let gone = Sluice::new(["top", "--once", &url]).output().expect_code(3);
    assert!(gone.stderr.contains("cannot reach a worker"), "{gone}");
}

/// Says what people who do not see, or do not point, could not use: what has no name, and colours too near each other.
const ACCESS: &str = r"
const wrong = [];
for (const at of document.querySelectorAll('button, input, a, [role=img], [role=region]')) {
  const name = at.getAttribute('aria-label') || at.innerText || (at.labels && at.labels[0]?.innerText);
  if (!name || !name.trim()) wrong.push('no name: ' + at.outerHTML.slice(0, 200));
}
const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
const ground = (at) => {
  for (; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
for (const at of document.querySelectorAll('body *')) {
  const own = [...at.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || !at.checkVisibility() || at.closest('noscript')) continue;
  const [one, other] = [light(parse(getComputedStyle(at).color)), light(ground(at))];
  const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (contrast < 4.5) wrong.push(contrast.toFixed(2) + ' to 1: ' + at.outerHTML.slice(0, 200));
}
if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the screen: ' + document.documentElement.scrollWidth);
if (!document.documentElement.lang) wrong.push('no language');
return wrong;
";

#[track_caller]
fn assert_usable(browser: &Browser, look: Look) {
    browser.set_look(look);
    let wrong = browser.run(ACCESS);
    assert_eq!(wrong, Value::Array(vec![]), "{look:?}");
}

/// Keeps a picture for the documentation, where `SLUICE_PICTURES=1` asks for that.
fn keep(browser: &Browser, name: &str, look: Look) {
    browser.set_look(look);
    let picture = browser.picture();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 5_000);
    if std::env::var_os("SLUICE_PICTURES").is_some() {
        let folder = root().join("docs/pictures");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }
}

#[test]
fn records_that_flow_are_seen_and_a_connector_is_paused_by_keyboard() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::new();
    stage.folder.write("broken.yaml", "source: {}\nsink: { htpp: {} }\n");
    let daemon = stage.spawn();
    let flow = stage.flow();
    browser.open(&stage.url());
    browser.wait_for("live", "document.body.innerText.includes('live')");
    browser.wait_for(
        "records per second",
        "/[1-9]\\d* done/.test(document.querySelector('[aria-label=prices]')?.innerText)",
    );
    browser.wait_for(
        "latency",
        "/Put p50[^\\n]*\\n[\\d.]+\\s(ms|µs|s)/.test(document.querySelector('[aria-label=prices]').innerText)",
    );
    browser.wait_for(
        "a plot",
        "document.querySelector('[aria-label=prices] svg path').getAttribute('d').includes('L')",
    );
    browser.wait_for("its words", "document.querySelector('[aria-label=prices] svg').getAttribute('aria-label').includes('Lag over the last')");
    assert!(browser.text().contains("broken.yaml:"), "a problem with its file and line: {}", browser.text());
    browser.wait_for("all in one line", "document.body.innerText.includes('1 failed, 1 running, ')");
    for look in [LIGHT, DARK, PHONE] {
        assert_usable(&browser, look);
    }
    if std::env::var_os("SLUICE_PICTURES").is_some() {
        // A plot of some length.
        thread::sleep(Duration::from_mins(1));
    }
    keep(&browser, "page-light", LIGHT);
    keep(&browser, "page-dark", DARK);
    keep(&browser, "page-phone", PHONE);

    browser.set_look(LIGHT);
    browser.tab_to("Pause prices");
    browser.press(&ENTER.to_string());
    browser.wait_for("paused", "document.querySelector('[aria-label=prices] .state').innerText === 'paused'");
    let state: Value = serde_json::from_str(&stage.get("/connectors/prices/status", "*/*").body).unwrap();
    assert_eq!(state["connector"]["state"], "PAUSED");
    browser.wait_for("the focus stays", "document.activeElement.innerText === 'Resume'");
    browser.press(&ENTER.to_string());
    browser
        .wait_for("running", "document.querySelector('[aria-label=prices] .state').innerText === 'running'");

    browser.tab_to("prices");
    browser.wait_for(
        "the link",
        "document.activeElement.innerText === 'prices' || document.activeElement.tagName === 'BUTTON'",
    );
    browser.open(&format!("{}#/connectors/prices", stage.url()));
    browser.wait_for(
        "its partitions",
        "[...document.querySelectorAll('table')].some((one) => one.innerText.includes('prices\\t1'))",
    );
    browser.tab_to("Show records as they pass");
    browser.press(&ENTER.to_string());
    browser.wait_for("a record", "document.querySelector('.seen').innerText.includes('yes-it-was')");
    browser.wait_for("a request", "document.querySelector('.seen').innerText.includes('put of')");
    let text = browser.text();
    assert!(text.contains("<img src=x onerror=owned()>") && !text.contains("hunter2"), "{text}");
    assert_eq!(browser.run("return document.querySelectorAll('img').length"), 0, "data is text");
    for look in [LIGHT, DARK, PHONE] {
        assert_usable(&browser, look);
    }
    // The whole of it, from the top.
    browser.run(
        "scrollTo(0, 0); document.activeElement.blur(); document.getElementById('said').replaceChildren()",
    );
    keep(&browser, "page-connector", Look { height: 1500, ..DARK });
    let hosts =
        "return [...new Set(performance.getEntriesByType('resource').map((one) => new URL(one.name).host))]";
    assert_eq!(browser.run(hosts), Value::Array(vec![stage.address.clone().into()]), "no foreign host");
    drop(flow);
    daemon.terminate().expect_code(0);
}

#[test]
fn a_target_that_fails_and_a_broker_that_is_gone_are_seen_with_what_they_say() {
    let Some(browser) = Browser::start() else { return };
    let mut stage = Stage::new();
    stage.folder.write("orders.yaml", stage.text("another"));
    let daemon = stage.spawn();
    let flow = stage.flow();
    browser.set_look(LIGHT);
    browser.open(&stage.url());
    browser.wait_for("both", "document.body.innerText.includes('2 running, ')");
    let has_pictures = std::env::var_os("SLUICE_PICTURES").is_some();
    if has_pictures {
        thread::sleep(Duration::from_secs(50));
    }
    stage.target.set_down(true);
    if has_pictures {
        thread::sleep(Duration::from_secs(20));
    }
    browser.wait_for(
        "that it retries",
        "document.querySelector('[aria-label=prices] .state').innerText === 'running, retrying'",
    );
    browser.wait_for(
        "the error",
        "document.querySelector('[aria-label=prices] .problems').innerText.includes('503')",
    );
    keep(&browser, "page-failing", LIGHT);
    // Names are the file's: whoever may write there may write this.
    let evil = "<img src=x onerror=document.title='owned'>";
    stage.folder.write(&format!("{evil}.yaml"), stage.text("a-third"));
    browser.wait_for("its name", "document.body.innerText.includes('onerror')");
    stage.target.set_down(false);
    drop(flow);
    stage.kafka.take();
    browser.wait_for(
        "cannot read",
        "document.querySelector('[aria-label=prices] .state').innerText === 'failed'",
    );
    browser.wait_for(
        "why",
        "document.querySelector('[aria-label=prices] .problems').innerText.includes('cannot read')",
    );
    assert_eq!(browser.run("return document.title"), "Sluice");
    assert_eq!(browser.run("return document.querySelectorAll('img').length"), 0);
    let _ended = daemon.terminate();
    browser.wait_for("the worker is gone", "document.getElementById('link').innerText.includes('lost')");
    assert_usable(&browser, LIGHT);
}

#[test]
fn where_there_is_a_token_the_page_asks_for_it() {
    let Some(browser) = Browser::start() else { return };
    let stage = Stage::new();
    let mut daemon = stage.sluice().env("SLUICE_REST_TOKEN", TOKEN).spawn();
    daemon.wait_for_log("partitions assigned");
    browser.set_look(PHONE);
    browser.open(&stage.url());
    browser.wait_for("the question", "document.querySelector('input[type=password]')");
    assert_usable(&browser, PHONE);
    browser.press(&format!("wrong{ENTER}"));
    browser.wait_for("no", "document.body.innerText.includes('does not know that token')");
    browser.press(&format!("{TOKEN}{ENTER}"));
    browser.wait_for("the connectors", "document.querySelector('[aria-label=prices]')");
    browser.wait_for(
        "its state",
        "document.querySelector('[aria-label=prices] .state').innerText === 'running'",
    );
    daemon.terminate().expect_code(0);
}
