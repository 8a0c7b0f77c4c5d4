// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The page: asks /v1/headwise/rerank and shows what comes back.
"use strict";

import { show_heads, watch_heads } from "./heads.js";
import { BrokenLine, read_passages } from "./passages.js";
import { digits, element, show_ranking } from "./ranking.js";
import { Refused, ask, ask_json, copy, curl_of } from "./request.js";

const $ = (id) => document.getElementById(id);
const OWN = "*own*";
const HEADS_SHOWN = 32; // heads whose tokens come along, each for itself
// What may be compared with what (docs/server.md).
const SCORES = {
  raw: "Raw scores, of this ranking alone",
  relevance: "Relevance, 0 to 1: roughly the same in other rankings",
  softmax: "Shares of this ranking, together 1",
  minmax: "From 0, the lowest passage, to 1",
};
let card = null; // the model, from /v1/models
let shown = null; // the answer on the screen
let chosen = null; // the head that shades, null: their sum
let running = null; // what stops the request that is under way

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

const key = () => $("key").value;

function tell(problem) {
  if (problem instanceof Refused && problem.status === 401) {
    $("key-label").hidden = false;
    $("key").focus();
  }
  if (problem instanceof BrokenLine) {
    $("passages").focus();
    $("passages").setSelectionRange(problem.begin, problem.end);
  }
  say(problem.message, true);
}

const in_corpus = () => Boolean(card && card.corpus_documents && $("source").value);

// The path and body that the form asks for; throws what is wrong with it.
function asked_for() {
  const searching = in_corpus();
  const query = $("query").value.trim();
  if (!query) throw new Error("A question is needed.");
  const body = { query };
  if (searching) {
    Object.assign(body, { depth: Number($("depth").value) || 40, top_n: 20 });
  } else {
    body.documents = read_passages($("passages").value);
    if (!body.documents.length) throw new Error("A question and at least one passage are needed.");
  }
  const heads = $("heads").value === OWN ? $("own-heads").value.trim() : $("heads").value;
  if (heads) body.heads = heads;
  for (const name of ["adapter", "encoding"]) {
    if ($(name).value) body[name] = $(name).value;
  }
  const instruction = $("instruction").value.trim();
  if (instruction) body.instruction = instruction;
  if ($("scale").value) body.score_scale = $("scale").value;
  if ($("min-score").validity.badInput) throw new Error("What scores must be at least is no number.");
  if ($("min-score").value) body.min_score = Number($("min-score").value);
  return { path: searching ? "/v1/headwise/search" : "/v1/headwise/rerank", body };
}

const same_as = (asked) => {
  try {
    return JSON.stringify(asked_for()) === JSON.stringify(asked);
  } catch {
    return false;
  }
};

// A ranking of what the form no longer says is still there to be read, and says so.
function mark_stale() {
  const stale = shown !== null && !same_as(shown.asked);
  $("stale").hidden = !stale;
  $("answer").classList.toggle("stale", stale);
}

function busy(stop) {
  running = stop;
  $("rank").hidden = stop !== null;
  $("stop").hidden = stop === null;
}

function nothing_found(searching, body) {
  if (body.min_score === undefined) return "No document has a word of the question.";
  return `Nothing scores ${body.min_score} or more` + (searching ? ", or no document has a word of the question." : ".");
}

async function rank(event) {
  if (event) event.preventDefault();
  if (running) return;
  let asked;
  try {
    asked = asked_for();
  } catch (problem) {
    return tell(problem);
  }
  const searching = in_corpus();
  const documents = searching ? [] : asked.body.documents;
  const body = { ...asked.body, explain: { passages: 50, per_head: documents.length <= 50 ? HEADS_SHOWN : 0 }, timings: true };
  const had_focus = document.activeElement === $("rank");
  busy(new AbortController());
  if (had_focus) $("stop").focus();
  say(searching ? "Searching " + card.corpus_documents.toLocaleString("en") + " documents …" : "Reading " + documents.length + " passages …");
  const start = performance.now();
  try {
    if (!card) await load_card();
    const answer = await ask_json(asked.path, { body, key: key(), stop: running.signal });
    const query = answer.queries[0];
    if (searching) for (const result of query.results) documents[result.index] = { ...result.document, id: result.id };
    if (!query.results.length) {
      $("answer").hidden = true;
      shown = null;
      return say(nothing_found(searching, asked.body));
    }
    shown = { asked, query, documents, scale: answer.score_scale, queue: answer.timings.queue_seconds, whole: (performance.now() - start) / 1000 };
    chosen = null;
    show();
    say("");
    // On a phone the form fills the screen, and the answer would come below it unseen.
    if ($("answer").getBoundingClientRect().top > window.innerHeight) $("answer").scrollIntoView();
  } catch (problem) {
    if (problem.name === "AbortError") say("Stopped.");
    else tell(problem);
  } finally {
    const at_stop = document.activeElement === $("stop");
    busy(null);
    if (at_stop) $("rank").focus();
    mark_stale();
  }
}

function show() {
  $("answer").hidden = false;
  $("scores-note").textContent = SCORES[shown.scale] || "";
  const { size, against } = show_ranking({ ...shown, chosen }, $("ranking"));
  $("shade-low").textContent = against ? digits(-size) + " (against)" : "0";
  $("shade-high").textContent = digits(size) + " (for)";
  draw_heads();
  show_timings();
  mark_stale();
}

function draw_heads() {
  if (shown) show_heads({ card, query: shown.query, chosen }, $("head-map"), $("heads-note"), $("head-chosen"));
}

function choose(name) {
  chosen = chosen === name ? null : name;
  show();
}

function show_timings() {
  const times = shown.query.timings;
  const rows = [
    ["waiting for the engine", shown.queue],
    ["tokens of the texts", times.tokenize_seconds],
    ["through the model", times.prefill_seconds],
    ["reading the heads", times.read_seconds],
    ["seen from here", shown.whole],
  ].map(([name, seconds]) => [name, seconds >= 1 ? seconds.toFixed(2) + " s" : (1000 * seconds).toFixed(seconds < 0.01 ? 2 : 0) + " ms"]);
  const counts = shown.query.statistics;
  rows.push(["tokens", counts.prompt_tokens], ["run, not kept from before", counts.tokens_run], ["passages kept from before", counts.passages_kept], ["layers run", counts.layers_run], ["passages cut short", counts.truncated_passages]);
  $("timings").replaceChildren(...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}

async function copy_curl() {
  try {
    const { path, body } = asked_for();
    await copy(curl_of(path, body, Boolean(key())));
    say("Copied: this question and these passages, as a command for a shell.");
  } catch (problem) {
    tell(problem);
  }
}

async function load_card() {
  const model = (await ask_json("/v1/models", { key: key() })).data[0];
  card = model;
  $("model").textContent = `${model.id}: ${model.layers} layers of ${model.heads_per_layer} heads`;
  const names = { default: "as the server reads: " + model.heads, all: "all heads" };
  $("heads").replaceChildren(
    ...model.head_sets.map((set) => element("option", { value: set === "default" ? "" : set }, names[set] || set)),
    element("option", { value: OWN }, "layers or heads of your own"));
  $("source").options[0].textContent = `the corpus: ${model.corpus_documents.toLocaleString("en")} documents`;
  show_source();
  $("adapter-label").hidden = model.adapters.length < 2;
  $("adapter").replaceChildren(...model.adapters.map((name) => element("option", { value: name }, name)));
}

function show_source() {
  $("source-row").hidden = !card || !card.corpus_documents;
  $("depth-label").hidden = !in_corpus();
  $("passages-label").hidden = in_corpus();
  $("passages").required = !in_corpus();
}

async function load_demo() {
  const table = await ask("/demo/questions.tsv", { key: key() });
  for (const line of table.trim().split("\n").slice(1)) {
    const [file, question] = line.split("\t");
    $("demo").append(element("option", { value: file }, question));
  }
}

async function pick_demo() {
  const file = $("demo").value;
  if (!file) return;
  $("source").value = "";
  show_source();
  $("passages").value = (await ask("/demo/" + file, { key: key() })).trim();
  $("query").value = $("demo").selectedOptions[0].textContent;
  rank();
}

$("form").addEventListener("submit", rank);
$("demo").addEventListener("change", () => pick_demo().catch(tell));
$("heads").addEventListener("change", () => {
  $("own-label").hidden = $("heads").value !== OWN;
  if ($("heads").value === OWN) $("own-heads").focus();
});
$("source").addEventListener("change", show_source);
$("key").addEventListener("change", () => load_card().then(() => say("")).catch(tell));
$("stop").addEventListener("click", () => running && running.abort());
$("curl").addEventListener("click", copy_curl);
for (const kind of ["input", "change"]) $("form").addEventListener(kind, mark_stale);
watch_heads($("head-map"), choose, draw_heads);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) rank(event);
  if (event.key === "Escape" && running) running.abort();
});
load_demo().catch(() => {});
load_card().catch(tell);
