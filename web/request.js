// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Requests to the server that sent this page: what is asked, what goes wrong in words, the same as a command line.
"use strict";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// The answer's text; `stop` is an AbortSignal. Throws Refused, an AbortError, or an Error that says what to look at.
export async function ask(path, { body = null, key = "", stop = null } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (key) headers.Authorization = "Bearer " + key;
  let response, text;
  try {
    response = await fetch(path, { headers, signal: stop, ...(body ? { method: "POST", body: JSON.stringify(body) } : {}) });
    text = await response.text();
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error(`The server at ${location.host} ${response ? "went away while it answered" : "does not answer"}. Is headwise serve still running?`);
  }
  if (response.ok) return text;
  let said = "";
  try {
    said = JSON.parse(text).message;
  } catch {
    // a proxy's page, most likely
  }
  const wait = response.headers.get("Retry-After");
  throw new Refused(response.status, (said || "The server answered " + response.status) + (wait ? ` (in ${wait} s)` : ""));
}

export async function ask_json(path, options) {
  const text = await ask(path, options);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`What came from ${location.host}${path} is no JSON: it was cut off, or something between here and the server changed it.`);
  }
}

const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

// A line for a shell. The key itself is left out: it would stay in the shell's history.
export function curl_of(path, body, with_key) {
  return `curl ${quoted(location.origin + path)}` + (with_key ? ' -H "Authorization: Bearer $HEADWISE_API_KEY"' : "") +
    ` -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;
}

// Pages that came by plain http from another machine have no clipboard of their own: there a selection is copied.
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const holder = document.createElement("textarea");
  holder.value = text;
  document.body.append(holder);
  holder.select();
  const done = document.execCommand("copy");
  holder.remove();
  if (!done) throw new Error("This browser lets no page copy.");
}
