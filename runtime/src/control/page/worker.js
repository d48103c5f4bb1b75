// The worker behind the page: what it is asked, with the token where it needs one.

const KEY = "sluice-token";

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export function setToken(token) {
  sessionStorage.setItem(KEY, token);
}

function headers(accept) {
  const token = sessionStorage.getItem(KEY);
  // With this the worker asks for no password that the browser itself would ask its user for.
  const all = { Accept: accept, "Sluice-Page": "yes" };
  return token ? { ...all, Authorization: `Bearer ${token}` } : all;
}

async function refusal(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Refused(answer.status, body.message || `the worker answered ${answer.status}`);
}

export function pathOf(name) {
  return encodeURIComponent(name);
}

export async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...headers("application/json"), ...options.headers } });
  if (!answer.ok) throw await refusal(answer);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

// A worker says something every few seconds, later where it has hundreds of connectors. One that hangs, or a network that is
// gone, does not end a stream.
const SILENCE = 45000;

// Hands every event of a stream over, until it ends, is silent or is aborted. `fetch` sends the token, which EventSource cannot.
export async function listen(path, signal, hear) {
  const own = new AbortController();
  const abort = () => own.abort();
  signal?.addEventListener("abort", abort);
  let silence = setTimeout(abort, SILENCE);
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(abort, SILENCE);
  };
  try {
    await hearAll(path, own.signal, heard, hear);
  } finally {
    clearTimeout(silence);
    signal?.removeEventListener("abort", abort);
  }
}

async function hearAll(path, signal, heard, hear) {
  const answer = await fetch(path, { headers: headers("text/event-stream"), signal });
  if (!answer.ok) throw await refusal(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    rest += value;
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event);
      const data = /^data: (.*)$/m.exec(event);
      if (name && data) hear(name[1], JSON.parse(data[1]));
    }
  }
}
