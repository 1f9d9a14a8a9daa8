// Asking the service: JSON, lists in parts, server-sent events, files to keep.
import { make } from "./elements.js";
import { askForKey, key } from "./key.js";

export class Problem extends Error {
  constructor({ status = 0, type = "", detail, issues = [] }) {
    super(detail);
    Object.assign(this, { status, type, detail, issues });
  }
}

export async function request(path, { method = "GET", body, signal } = {}) {
  for (;;) {
    const sent = key();
    const headers = sent ? { Authorization: `Bearer ${sent}` } : {};
    if (body !== undefined && !(body instanceof FormData)) headers["Content-Type"] = "application/json";
    const content = body === undefined || body instanceof FormData ? body : JSON.stringify(body);
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: content, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem({ detail: "The service does not answer. Is it running? Try again." });
    }
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    // Another request may have asked for a key meanwhile: then that one is tried first.
    const retry = answer.status === 401 && (key() !== sent || await askForKey(problem.detail));
    if (!retry) throw problem;
  }
}

async function problemOf(answer) {
  try {
    return new Problem({ status: answer.status, ...await answer.json() });
  } catch {
    return new Problem({ status: answer.status, detail: `The service answered ${answer.status} ${answer.statusText}.` });
  }
}

export async function get(path, options) {
  return (await request(path, options)).json();
}

export async function post(path, body, options) {
  return (await request(path, { method: "POST", body, ...options })).json();
}

// All items of a list, which comes in parts.
export async function everything(path, query = {}) {
  const items = [];
  for (;;) {
    const part = await get(`${path}?${new URLSearchParams({ ...query, limit: 200, offset: items.length })}`);
    items.push(...part.items);
    if (!part.items.length || items.length >= part.total) return items;
  }
}

const OVER = ["succeeded", "failed", "cancelled"];

export function isOver(job) {
  return OVER.includes(job.state);
}

// A job's states until it is over. EventSource cannot send a key, so the stream is read here.
export async function* follow(id, signal) {
  let job = null;
  while (!(job && isOver(job))) {
    try {
      const answer = await request(`/v1/jobs/${id}/events`, { signal });
      for await (const text of events(answer.body)) yield job = JSON.parse(text);
    } catch (error) {
      // Gone or cancelled; else the connection broke, or there are too many streams.
      if (error.name === "AbortError" || (error.status && error.status !== 429 && error.status < 500)) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 2000); });
      signal?.throwIfAborted();
      job = await get(`/v1/jobs/${id}`, { signal }).catch(() => job);
      if (job) yield job;
    }
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const data = part.split("\n").filter((line) => line.startsWith("data: "));
        if (data.length) yield data.map((line) => line.slice(6)).join("\n");
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// A link to a file of the API: with a key, a plain link could not send it.
export function download(label, path, filename) {
  const save = async (event) => {
    if (!key()) return;
    event.preventDefault();
    const address = URL.createObjectURL(await (await request(path)).blob());
    make("a", { href: address, download: filename }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  return make("a", { href: path, download: filename, onclick: save, class: "button" }, label);
}
