// The page: all connectors, and one of them in full.

import { Detail } from "/page/detail.js";
import { Numbers, Plot, bytes, count, counted, make, percentiles, problems, say, span } from "/page/format.js";
import { ask, listen, pathOf, setToken } from "/page/worker.js";

const main = document.getElementById("main");
const said = document.getElementById("said");
const link = document.getElementById("link");
const histories = new Map();
let view = null;
let state = null;

let forgets = null;

// What was said stands for a while, and is gone.
export function tell(text) {
  said.textContent = text;
  clearTimeout(forgets);
  forgets = setTimeout(() => said.replaceChildren(), 15000);
}

// Buttons that change what a connector is meant to be. They are the same for the list and for one connector.
function actions(name) {
  let busy = false;
  const change = async (method, path, done) => {
    if (busy) return;
    busy = true;
    try {
      await ask(`/connectors/${pathOf(name)}/${path}`, { method });
      tell(`${name}: ${done}`);
    } catch (error) {
      tell(`${name}: ${error.message}`);
    }
    busy = false;
  };
  // One button for both, which stays where it is: who pauses by keyboard resumes with the next key.
  let wish = "pause";
  const state = make("button", { type: "button", onclick: () => change("PUT", wish, `${wish} asked for`) });
  const restart = make("button", { type: "button", onclick: () => change("POST", "restart?includeTasks=true", "restart asked for"), "aria-label": `Restart ${name}` }, "Restart");
  const element = make("div", { class: "actions" }, state, restart);
  const show = (connector) => {
    element.hidden = connector.tasks.length === 0;
    wish = connector.wanted === "running" ? "pause" : "resume";
    const label = wish === "pause" ? "Pause" : "Resume";
    say(state, label);
    state.setAttribute("aria-label", `${label} ${name}`);
  };
  return { element, show };
}

// How recent a failure is while which a connector that runs is said to retry, in milliseconds.
const JUST_NOW = 15000;

// A connector in one word, and whether that is good.
function seenAs(connector) {
  const failed = connector.tasks.filter((task) => task.state === "failed").length;
  if (failed > 0 && connector.state !== "failed") {
    return [`${connector.state}, ${failed} of ${connector.tasks.length} tasks failed`, "failed"];
  }
  if (connector.state !== "running") return [connector.state, connector.state];
  if (connector.tasks.some((task) => task.failing)) return ["running, puts fail", "failed"];
  const isRetrying = connector.in_flight > 0 && connector.errors.some((error) => state.at - error.last < JUST_NOW);
  return isRetrying ? ["running, retrying", "retrying"] : ["running", "running"];
}

function stateOf(element, connector) {
  const [text, kind] = seenAs(connector);
  say(element, text);
  element.className = `state ${kind}`;
  return kind;
}

function showProblems(list, texts) {
  const now = texts.join("\n\n");
  if (list.dataset.texts === now) return;
  list.dataset.texts = now;
  list.replaceChildren(...texts.map((text) => make("li", {}, text)));
}

const NUMBERS = ["Records per second", "Lag", "In flight", "End to end p50 / p95 / p99", "Records per put", "Put p50 / p95 / p99", "Memory", "Rebalances", "Calls per second"];

// From how many connectors on there is a box to find some of them.
const MANY = 9;

function setNumbers(numbers, connector) {
  const recent = connector.recent;
  const most = connector.batch_max_records;
  numbers.set("Records per second", `${count(recent.done_rate)} done, ${count(recent.read_rate)} read`);
  numbers.set("Lag", connector.lag == null ? "unknown yet" : counted(connector.lag, "record"));
  numbers.set("End to end p50 / p95 / p99", percentiles(recent.latency));
  numbers.set("Put p50 / p95 / p99", percentiles(recent.put));
  const fill = recent.batch == null || most == null ? null : recent.batch / most;
  numbers.set("Records per put", recent.batch == null ? "none lately" : `${count(recent.batch)} of ${most == null ? "any number" : count(most)}`, fill);
  numbers.set("In flight", counted(connector.in_flight, "record"));
  const used = connector.buffer_memory ? connector.buffered_bytes / connector.buffer_memory : null;
  numbers.set("Memory", `${bytes(connector.buffered_bytes)} of ${bytes(connector.buffer_memory)}`, used);
  numbers.set("Rebalances", count(connector.rebalances));
  const rate = connector.calls_per_second;
  const learned = rate == null ? null : rate / connector.calls_per_second_limit;
  numbers.set("Calls per second", rate == null ? "no limit" : `${count(rate)} learned, limit ${count(connector.calls_per_second_limit)}`, learned);
}

function pointsOf(connector, value) {
  const points = (histories.get(connector.name) || []).map((point) => [point.at, value(point)]);
  if (state) points.push([state.at, value({ rate: connector.recent.done_rate, lag: connector.lag })]);
  return points;
}

// All connectors in one line.
function summary(connectors) {
  if (connectors.length === 0) return "";
  const kinds = new Map();
  for (const connector of connectors) {
    const [, kind] = seenAs(connector);
    kinds.set(kind, (kinds.get(kind) || 0) + 1);
  }
  const states = [...kinds].map(([kind, number]) => `${number} ${kind}`);
  const done = connectors.reduce((sum, connector) => sum + connector.recent.done_rate, 0);
  const lag = connectors.reduce((sum, connector) => sum + (connector.lag ?? 0), 0);
  return [...states, `${count(done)} records per second`, `lag ${count(lag)}`].join(", ");
}

class Card {
  constructor(name) {
    this.state = make("span", { class: "state" });
    this.sink = make("span", { class: "quiet" });
    this.numbers = new Numbers(NUMBERS);
    this.plot = new Plot("Lag", "record");
    this.problems = make("ul", { class: "problems", "aria-label": `What is wrong with ${name}` });
    this.actions = actions(name);
    const title = make("h2", {}, make("a", { href: `#/connectors/${pathOf(name)}` }, name));
    const head = make("div", { class: "head" }, title, this.state, this.sink);
    this.element = make("article", { class: "card", "aria-label": name }, head, this.numbers.element, this.plot.element, this.problems, this.actions.element);
  }

  show(connector) {
    this.element.dataset.state = stateOf(this.state, connector);
    const tasks = connector.tasks.length;
    say(this.sink, connector.sink ? `${connector.sink}, ${tasks} ${tasks === 1 ? "task" : "tasks"}` : "no valid version");
    this.numbers.element.hidden = tasks === 0;
    this.plot.element.hidden = tasks === 0;
    setNumbers(this.numbers, connector);
    this.plot.draw(pointsOf(connector, (point) => point.lag));
    const texts = problems(connector);
    const errors = connector.errors.filter((error) => state.at - error.last < 600000).map((error) => `${span((state.at - error.last) / 1000)} ago: ${error.text}`);
    showProblems(this.problems, texts.length ? texts : errors);
    this.actions.show(connector);
  }
}

class Overview {
  constructor() {
    this.cards = new Map();
    this.title = make("h1", {}, "Connectors");
    this.sum = make("p", { class: "quiet" });
    this.grid = make("div", { class: "cards" });
    this.none = make("p", {}, "There are no connectors: put a file into the worker's directory.");
    this.wanted = make("input", { type: "search", oninput: () => this.find() });
    this.finder = make("label", { class: "finder" }, "Find by name, sink or state", this.wanted);
    this.finder.hidden = true;
    main.replaceChildren(make("div", { class: "head" }, this.title, this.sum), this.finder, this.grid);
    document.title = "Sluice";
  }

  show() {
    const names = new Set(state.connectors.map((connector) => connector.name));
    for (const [name, card] of this.cards) {
      if (!names.has(name)) {
        card.element.remove();
        this.cards.delete(name);
      }
    }
    for (const connector of state.connectors) {
      let card = this.cards.get(connector.name);
      if (!card) {
        card = new Card(connector.name);
        this.cards.set(connector.name, card);
        const next = [...this.cards.keys()].filter((name) => name > connector.name).sort()[0];
        this.grid.insertBefore(card.element, next ? this.cards.get(next).element : null);
      }
      card.show(connector);
    }
    if (names.size === 0) this.grid.append(this.none);
    else this.none.remove();
    this.finder.hidden = names.size < MANY;
    this.find();
    say(this.sum, summary(state.connectors));
  }

  // Leaves those that hold every word that is looked for.
  find() {
    const words = this.finder.hidden ? [] : this.wanted.value.toLowerCase().split(/\s+/);
    for (const [name, card] of this.cards) {
      const text = `${name} ${card.sink.textContent} ${card.state.textContent}`.toLowerCase();
      card.element.hidden = !words.every((word) => text.includes(word));
    }
  }

  end() {}
}

const parts = { actions, stateOf, showProblems, setNumbers, pointsOf, NUMBERS, tell };

// The connector that the address names, if it is one that can be read.
function named() {
  try {
    return decodeURIComponent(/^#\/connectors\/(.+)$/.exec(location.hash)?.[1] ?? "");
  } catch {
    return "";
  }
}

function route() {
  if (location.hash === "#main") return;
  if (view) view.end();
  const name = named();
  view = name ? new Detail(main, name, parts) : new Overview();
  if (state) view.show(state);
  main.focus();
}

function askForToken(text) {
  if (view) view.end();
  view = null;
  const input = make("input", { type: "password", autocomplete: "current-password", id: "token", required: true });
  const submit = (event) => {
    event.preventDefault();
    setToken(input.value);
    start();
  };
  const label = make("label", {}, "Token of this worker (rest_token)", input);
  main.replaceChildren(make("h1", {}, "This worker needs a token"), text ? make("p", {}, text) : "", make("form", { onsubmit: submit }, label, make("button", { type: "submit" }, "Show the connectors")));
  input.focus();
}

function hear(name, data) {
  if (name === "history") {
    for (const [connector, points] of Object.entries(data)) histories.set(connector, points);
  }
  if (name === "state") {
    state = data;
    const up = span((data.at - data.started) / 1000);
    const memory = data.resident_bytes == null ? "" : `, ${bytes(data.resident_bytes)} of memory`;
    say(document.getElementById("worker"), `${data.version} at ${data.worker}, up ${up}${memory}`);
    say(link, "live");
    link.className = "";
  }
  if (view && state) view.show(state);
}

let attempts = 0;

async function start() {
  if (!view) route();
  for (;;) {
    try {
      await listen("/live", undefined, (name, data) => {
        attempts = 0;
        hear(name, data);
      });
    } catch (error) {
      if (error.status === 401) {
        const before = sessionStorage.getItem("sluice-token");
        say(link, "a token is needed");
        askForToken(before ? "The worker does not know that token." : "");
        return;
      }
      if (error.status) tell(error.message);
    }
    attempts += 1;
    say(link, "connection lost: the worker does not answer");
    link.className = "lost";
    await new Promise((done) => setTimeout(done, Math.min(10000, 500 * attempts)));
  }
}

addEventListener("hashchange", route);
start();
