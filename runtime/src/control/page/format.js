// Elements, numbers and plots. Every text comes into the page as text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

// Makes an element with attributes and children; a child that is no node is text.
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, String(value));
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// Changes a text only where it is another: a screen reader reads what changes, and a selection stays.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function count(value) {
  if (value == null) return "unknown";
  if (value < 10 && !Number.isInteger(value)) return value.toFixed(1);
  return Math.round(value).toLocaleString("en");
}

export function bytes(value) {
  if (value == null) return "unknown";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit + 1 < units.length) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)}\u00a0${units[unit]}`;
}

export function span(seconds) {
  if (seconds == null) return "none yet";
  if (seconds < 0.001) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function clock(millis) {
  return millis == null ? "" : new Date(millis).toLocaleTimeString("en-GB");
}

// A line breaks behind a slash, and not within a time.
export function percentiles(of) {
  if (!of) return "none in the last minute";
  return [of.p50, of.p95, of.p99].map((one) => span(one).replace(" ", "\u00a0")).join("\u00a0/ ");
}

export function counted(value, unit) {
  return `${count(value)} ${unit}${value === 1 ? "" : "s"}`;
}

// A plot over time that says what it shows to those who do not see it.
export class Plot {
  constructor(title, unit) {
    this.title = title;
    this.words = (value) => (unit ? counted(value, unit) : count(value));
    this.area = document.createElementNS(SVG, "path");
    this.area.setAttribute("class", "area");
    this.path = document.createElementNS(SVG, "path");
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("class", "plot");
    this.svg.setAttribute("viewBox", "0 0 600 100");
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.svg.append(this.area, this.path);
    this.left = make("span");
    this.right = make("span");
    this.element = make("figure", {}, this.svg, make("figcaption", {}, this.left, this.right));
  }

  // Points are [millis, value]; those without a value are gaps.
  draw(points) {
    const known = points.filter(([, value]) => value != null);
    const most = Math.max(0, ...known.map(([, value]) => value));
    const top = Math.max(1, most);
    const last = points.length ? points[points.length - 1][0] : 0;
    const first = points.length ? points[0][0] : 0;
    const width = Math.max(60000, last - first);
    let path = "";
    let area = "";
    let begun = null;
    let x = 0;
    // A gap ends the line, and what is filled below it.
    const close = () => {
      if (begun != null) area += `L${x.toFixed(1)} 100L${begun.toFixed(1)} 100Z`;
      begun = null;
    };
    for (const [at, value] of points) {
      if (value == null) {
        close();
        continue;
      }
      x = 600 - ((last - at) / width) * 600;
      const step = `${begun == null ? "M" : "L"}${x.toFixed(1)} ${(98 - (value / top) * 92).toFixed(1)}`;
      path += step;
      area += step;
      begun ??= x;
    }
    close();
    this.path.setAttribute("d", path);
    this.area.setAttribute("d", area);
    const now = known.length ? known[known.length - 1][1] : null;
    say(this.left, `${this.title}, last ${span(width / 1000)}`);
    say(this.right, known.length ? `now ${count(now)}, at most ${this.words(most)}` : "nothing yet");
    const label = `${this.title} over the last ${span(width / 1000)}: now ${this.words(now)}, at most ${this.words(most)}`;
    this.svg.setAttribute("aria-label", label);
  }
}

// What takes the place of two numbers.
const WIDE = / p50 |^Calls/;

// A list of terms with numbers, whose texts and bars are changed in place.
export class Numbers {
  constructor(names) {
    this.fields = new Map(names.map((name) => [name, make("dd")]));
    const pairs = [...this.fields].map(([name, value]) => make("div", { class: WIDE.test(name) && "wide" }, make("dt", {}, name), value));
    this.element = make("dl", {}, pairs);
  }

  // With a share from 0 to 1 there is a bar below the text, which says nothing more.
  set(name, text, share) {
    const field = this.fields.get(name);
    if (!field.firstChild) field.append(make("span"));
    say(field.firstChild, text);
    let bar = field.querySelector(".bar");
    if (share == null) {
      bar?.remove();
      return;
    }
    if (!bar) {
      bar = make("div", { class: "bar", "aria-hidden": "true" }, make("div"));
      field.append(bar);
    }
    bar.firstChild.style.width = `${Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10}%`;
  }
}

// What is wrong with a connector, the most telling first, each text once.
export function problems(connector) {
  const all = [...connector.config_errors];
  for (const task of connector.tasks) {
    if (task.trace) all.push(`task ${task.id}: ${task.trace}`);
    if (task.failing) all.push(`task ${task.id}: puts fail: ${task.failing}`);
  }
  return [...new Set(all)];
}
