// One connector in full: its numbers, errors, partitions, dead letters and file, and its records as they pass.

import { Numbers, Plot, clock, count, counted, make, problems, say, span } from "/page/format.js";
import { ask, listen, pathOf } from "/page/worker.js";

const MORE = ["Read", "Delivered", "Superseded", "Filtered", "Skipped", "Dead-lettered", "Retries in the last minute", "Largest put", "Restarts"];
const SEEN = 40;

export class Detail {
  constructor(main, name, parts) {
    this.name = name;
    this.parts = parts;
    this.stop = new AbortController();
    this.tapping = null;
    this.asks = 0;
    document.title = `${name} · Sluice`;
    this.state = make("span", { class: "state" });
    this.sink = make("span", { class: "quiet" });
    this.actions = parts.actions(name);
    this.problems = make("ul", { class: "problems", "aria-label": `What is wrong with ${name}` });
    this.lag = new Plot("Lag", "record");
    this.rate = new Plot("Records done per second", "");
    this.numbers = new Numbers([...parts.NUMBERS, ...MORE]);
    this.errors = make("tbody");
    this.partitions = make("tbody");
    this.partitionCaption = make("caption", {}, "Partitions");
    this.file = make("pre", { tabindex: "0" });
    this.path = make("p", { class: "quiet" });
    this.gone = make("p", {}, "There is no connector of this name now.");
    this.gone.hidden = true;
    const head = make("div", { class: "head" }, make("h1", {}, name), this.state, this.sink);
    this.body = make(
      "div",
      {},
      this.actions.element,
      this.problems,
      make("section", { class: "panel plots", "aria-label": "The last hour" }, this.lag.element, this.rate.element),
      make("section", { class: "panel" }, make("h2", {}, "Now"), this.numbers.element),
      this.tapSection(),
      this.questionSection(),
      make("section", { class: "panel" }, make("h2", {}, "Last errors"), table("The last errors, each text once", ["Last", "Times", "What"], this.errors)),
      this.letterSection(),
      make("section", { class: "panel" }, make("h2", {}, "Partitions"), table(this.partitionCaption, ["Topic", "Partition", "Task", "Committed", "Lag"], this.partitions)),
      make("section", { class: "panel" }, make("h2", {}, "File"), this.path, this.file),
    );
    main.replaceChildren(make("p", {}, make("a", { href: "#/" }, "All connectors")), head, this.gone, this.body);
    this.keepAsking();
  }

  end() {
    this.stop.abort();
    this.tapping?.abort();
  }

  show(state) {
    const connector = state.connectors.find((connector) => connector.name === this.name);
    this.gone.hidden = connector != null;
    this.body.hidden = connector == null;
    if (!connector) return;
    this.parts.stateOf(this.state, connector);
    say(this.sink, connector.sink);
    this.actions.show(connector);
    this.parts.showProblems(this.problems, problems(connector));
    this.lag.draw(this.parts.pointsOf(connector, (point) => point.lag));
    this.rate.draw(this.parts.pointsOf(connector, (point) => point.rate));
    this.parts.setNumbers(this.numbers, connector);
    const records = connector.records;
    const more = [records.read, records.delivered, records.superseded, records.filtered, records.skipped, records.dead_lettered, connector.recent.retries, connector.largest_batch ?? 0, connector.restarts];
    MORE.forEach((name, index) => this.numbers.set(name, count(more[index])));
  }

  async keepAsking() {
    while (!this.stop.signal.aborted) {
      try {
        this.fill(await ask(`/live/${pathOf(this.name)}`, { signal: this.stop.signal }));
      } catch {
        // The list above says that the worker, or the connector, is not there.
      }
      await new Promise((done) => setTimeout(done, 2000));
    }
  }

  fill(connector) {
    const rows = connector.errors.map((error) => [clock(error.last), count(error.count), { wide: error.text }]);
    fillTable(this.errors, rows.length ? rows : [["", "", "none"]]);
    const partitions = connector.partitions.map(({ task, partition }) => [partition.topic, partition.partition, task, partition.committed ?? "none yet", partition.lag ?? "unknown"]);
    fillTable(this.partitions, partitions);
    const all = connector.partition_count;
    say(this.partitionCaption, all > partitions.length ? `The first ${count(partitions.length)} of ${count(all)} partitions` : `${counted(all, "partition")} of the group ${connector.group ?? ""}`);
    say(this.file, connector.file ?? "No version of the file was valid.");
    say(this.path, connector.path ? `${connector.path}, as it runs: secrets blanked, comments left out` : "");
    const topic = connector.dead_letter_topic;
    this.letters.hidden = !topic;
    this.questions.hidden = !connector.can_be_asked;
    say(this.letterHint, topic ? `In the topic ${topic}. To send them through this connector again: sluice dlq replay --connector ${connector.path} --through ${connector.path} PARTITION:OFFSET` : "");
  }

  tapSection() {
    this.seen = make("ol", { class: "seen", "aria-label": "Records and requests, the newest first" });
    this.missed = make("p", { class: "quiet" });
    this.tapButton = make("button", { type: "button", onclick: () => this.tap() }, "Show records as they pass");
    return make("section", { class: "panel" }, make("h2", {}, "Tap"), make("p", { class: "quiet" }, "Samples of what passes: after each step, and as requests. The connector does not wait for them."), this.tapButton, this.missed, this.seen);
  }

  async tap() {
    if (this.tapping) {
      this.tapping.abort();
      return;
    }
    this.tapping = new AbortController();
    let missed = 0;
    say(this.tapButton, "Stop");
    try {
      await listen(`/connectors/${pathOf(this.name)}/tap`, this.tapping.signal, (event, data) => {
        if (event === "missed") {
          missed += data.records;
          say(this.missed, `${counted(missed, "record")} passed unseen`);
        } else if (event !== "end") {
          this.seen.prepend(event === "put" ? put(data) : record(data));
          while (this.seen.children.length > SEEN) this.seen.lastChild.remove();
        }
      });
    } catch (error) {
      if (error.status) this.parts.tell(error.message);
    }
    this.tapping = null;
    say(this.tapButton, "Show records as they pass");
  }

  letterSection() {
    this.letterHint = make("p", { class: "quiet" });
    this.letterRows = make("tbody");
    this.letterPreview = make("pre", { class: "wrap", tabindex: "0", role: "status" });
    this.letterPreview.hidden = true;
    const button = make("button", { type: "button", onclick: () => this.showLetters() }, "Show the newest");
    this.letters = make("section", { class: "panel" }, make("h2", {}, "Dead letters"), this.letterHint, button, table("The newest dead letters", ["Letter", "Read at", "Stage", "Reason", ""], this.letterRows), this.letterPreview);
    this.letters.hidden = true;
    return this.letters;
  }

  async showLetters() {
    try {
      const { letters } = await ask(`/live/${pathOf(this.name)}/dead-letters`);
      const rows = letters.map((letter) => {
        const preview = make("button", { type: "button", onclick: () => this.previewLetter(letter.letter), "aria-label": `Preview the replay of ${letter.letter}` }, "Preview");
        return [letter.letter, letter.origin, letter.stage ?? "?", { wide: letter.reason ?? "?" }, preview];
      });
      fillTable(this.letterRows, rows.length ? rows : [["", "", "", "none", ""]]);
    } catch (error) {
      this.parts.tell(error.message);
    }
  }

  async previewLetter(place) {
    this.letterPreview.hidden = false;
    say(this.letterPreview, `${place}: asking`);
    try {
      const preview = await ask(`/live/${pathOf(this.name)}/dead-letters?preview=${pathOf(place)}`);
      const steps = preview.stages.map((stage) => `${stage.name}: ${stage.records.map((one) => JSON.stringify(one)).join(" ") || "dropped on purpose"}`);
      const requests = preview.requests.map((request) => `request: ${JSON.stringify(request, null, 2)}`);
      const wrong = [preview.rejected, preview.stopped].filter(Boolean).map((text) => `✗ ${text}`);
      say(this.letterPreview, [`If ${place} were sent through the connector now (nothing is sent):`, ...steps, ...requests, ...wrong].join("\n"));
    } catch (error) {
      say(this.letterPreview, error.message);
    }
  }

  questionSection() {
    const input = make("input", { type: "text", name: "question", required: true, maxlength: "1000" });
    this.answers = make("ol", { class: "seen", "aria-label": "What was found, the best first" });
    this.answered = make("p", { class: "quiet", role: "status" });
    const submit = async (event) => {
      event.preventDefault();
      say(this.answered, "asking");
      try {
        const asked = performance.now();
        const { found } = await ask(`/live/${pathOf(this.name)}/questions`, { method: "POST", body: JSON.stringify({ question: input.value }) });
        say(this.answered, `${found.length} found in ${span((performance.now() - asked) / 1000)}`);
        this.answers.replaceChildren(...found.map(passage));
      } catch (error) {
        say(this.answered, error.message);
      }
    };
    const form = make("form", { onsubmit: submit }, make("label", {}, "A question to what this connector has stored", input), make("button", { type: "submit" }, "Ask"));
    this.questions = make("section", { class: "panel" }, make("h2", {}, "Ask"), form, this.answered, this.answers);
    this.questions.hidden = true;
    return this.questions;
  }
}

function passage(found) {
  const about = [found.id, found.score == null ? null : `score ${found.score.toFixed(3)}`, found.age_seconds == null ? null : `${span(found.age_seconds)} old`];
  return make("li", {}, make("div", {}, found.text), make("div", { class: "quiet" }, about.filter(Boolean).join(", ")));
}

function record(data) {
  const lines = data.stages.map((stage) => {
    const records = stage.records.map((one) => JSON.stringify(one)).join(" ") || "dropped on purpose";
    return `${stage.step} ${stage.name}: ${records}`;
  });
  if (data.rejected) lines.push(`✗ ${data.rejected}`);
  return make("li", {}, make("strong", {}, `${data.topic}-${data.partition}-${data.offset}`), make("pre", {}, lines.join("\n")));
}

function put(data) {
  const head = `put of ${counted(data.records, "record")}, ${data.first} to ${data.last}: ${data.outcome} in ${span(data.took_us / 1e6)}`;
  const request = data.request == null ? data.no_request : JSON.stringify(data.request, null, 2);
  const part = data.request != null && data.request_records < data.records ? `the request for the first ${data.request_records}:\n` : "";
  return make("li", {}, make("strong", {}, head), data.reason ? make("div", {}, data.reason) : null, make("pre", {}, part + (request ?? "")));
}

function table(caption, columns, body) {
  const head = make("tr", {}, columns.map((name) => make("th", { scope: "col" }, name)));
  const title = typeof caption === "string" ? make("caption", {}, caption) : caption;
  return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": title.textContent || "Table" }, make("table", {}, title, make("thead", {}, head), body));
}

// Fills a table, and leaves it as it is where nothing has changed.
function fillTable(body, rows) {
  const texts = JSON.stringify(rows.map((row) => row.map((cell) => cell?.wide ?? (cell instanceof Node ? cell.textContent : cell))));
  if (body.dataset.texts === texts) return;
  body.dataset.texts = texts;
  const cells = (row) => row.map((cell) => (cell?.wide != null ? make("td", { class: "wide" }, cell.wide) : make("td", {}, cell instanceof Node ? cell : String(cell))));
  body.replaceChildren(...rows.map((row) => make("tr", {}, cells(row))));
}
