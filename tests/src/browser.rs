//! A real browser without a window, driven as people drive one: Chromium, through the `WebDriver` protocol
//! (<https://www.w3.org/TR/webdriver2/>).

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server_process::{end, free_port, is_asked_for};

/// How long a start, and anything that a page does, may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// The longest life of the process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: &str = "600";
/// The Tab key, and Enter (section 17.4.2 of the protocol).
pub const TAB: char = '\u{e004}';
/// The Enter key.
pub const ENTER: char = '\u{e007}';

/// A browser with one page. It ends with its value.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    home: TempDir,
}

/// A size of the page, and the colours that its user prefers.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels.
    pub height: u32,
    /// Whether dark is preferred.
    pub dark: bool,
}

impl Browser {
    /// Starts a browser. It takes seconds and hundreds of MiB, so that it says that it did not run unless
    /// `SLUICE_REQUIRE_CHROMIUM=1` asks for it; then `chromedriver` and `chromium` have to be installed.
    pub fn start() -> Option<Self> {
        if !is_asked_for("SLUICE_REQUIRE_CHROMIUM", "a browser") {
            return None;
        }
        let home = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let log = File::create(home.path().join("log")).expect("a log");
        let driver = Command::new("timeout")
            .args(["--kill-after=1", LIFE_SECONDS, "chromedriver"])
            .arg(format!("--port={port}"))
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("`timeout` and `chromedriver`: install the packages chromium and chromium-driver");
        let mut browser = Self { driver, port, session: String::new(), home };
        browser.open_session();
        Some(browser)
    }

    fn open_session(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.ask("GET", "/status", &Value::Null).is_none_or(|answer| answer["ready"] != true) {
            assert!(Instant::now() < deadline, "chromedriver does not start: {}", self.log());
            thread::sleep(Duration::from_millis(100));
        }
        let profile = format!("--user-data-dir={}", self.home.path().join("profile").display());
        let options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", profile,
        ]});
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = self.ask("POST", "/session", &wanted).expect("an answer");
        let id = session["sessionId"].as_str();
        self.session = id.unwrap_or_else(|| panic!("no session: {session}; {}", self.log())).to_owned();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Opens an address.
    pub fn open(&self, url: &str) {
        self.command("POST", "url", &json!({ "url": url }));
    }

    /// Runs a script in the page, and returns what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("POST", "execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression of the page holds.
    #[track_caller]
    pub fn wait_for(&self, what: &str, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(&format!("return Boolean({expression})")) != true {
            let text = || self.run("return document.body.innerText");
            assert!(Instant::now() < deadline, "never: {what}; the page says:\n{}", text());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the text of the page.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().expect("a text").to_owned()
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let press = |key: char| {
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        };
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.command("POST", "actions", &actions);
    }

    /// Presses Tab until what has the focus has a name that holds this text.
    #[track_caller]
    pub fn tab_to(&self, name: &str) {
        let focus = "const at = document.activeElement; return (at.getAttribute('aria-label') || '') + ' ' + at.innerText";
        for _ in 0..100 {
            self.press(&TAB.to_string());
            if self.run(focus).as_str().is_some_and(|text| text.contains(name)) {
                return;
            }
        }
        panic!("no way by keyboard to {name}");
    }

    /// Gives the page a size, and its user a taste.
    pub fn set_look(&self, look: Look) {
        let size = json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// Takes a picture of what is seen, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        let picture = self.command("GET", "screenshot", &Value::Null);
        STANDARD.decode(picture.as_str().expect("a picture")).expect("base64")
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        self.command("POST", "goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    #[track_caller]
    fn command(&self, method: &str, name: &str, body: &Value) -> Value {
        let answer = self.ask(method, &format!("/session/{}/{name}", self.session), body);
        let answer = answer.unwrap_or_else(|| panic!("no answer to {name}: {}", self.log()));
        assert!(answer.get("error").is_none(), "{name} {body}: {answer}");
        answer
    }

    /// Sends a request by a connection of its own. Returns the `value` of the answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).ok()?;
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).ok()?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(number) = line.strip_prefix("content-length:") {
                length = number.trim().parse().ok()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut bytes = vec![0; length];
        answer.read_exact(&mut bytes).ok()?;
        let answer: Value = serde_json::from_slice(&bytes).ok()?;
        answer.get("value").cloned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session; without one it ends with the driver.
        self.ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
        end(&mut self.driver, Signal::TERM);
    }
}
