// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The page: asks /v1/headwise/rerank and shows what comes back. Text from passages goes into text nodes only.
"use strict";

const $ = (id) => document.getElementById(id);
const OWN = "*own*";
const HEADS_SHOWN = 32; // heads whose tokens come along, each for itself
let card = null; // the model, from /v1/models
let shown = null; // the answer on the screen
let chosen = null; // the head that shades, null: their sum

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  if ($("key").value) headers.Authorization = "Bearer " + $("key").value;
  const response = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  if (response.status === 401) {
    $("key-label").hidden = false;
    $("key").focus();
  }
  if (!response.ok) {
    const wrong = await response.json().catch(() => ({}));
    const wait = response.headers.get("Retry-After");
    throw new Error((wrong.message || "the server answered " + response.status) + (wait ? ` (in ${wait} s)` : ""));
  }
  return response;
}

// One passage a line, or one JSON object a line.
function read_passages(text) {
  const documents = [];
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    let value = null;
    if (line.trim().startsWith("{")) {
      try {
        value = JSON.parse(line);
      } catch {
        value = null;
      }
    }
    const known = value && typeof value.text === "string";
    documents.push(known ? { text: value.text, title: value.title || "", id: value.id ?? value._id ?? null } : { text: line.trim() });
  }
  return documents;
}

const in_corpus = () => Boolean(card && card.corpus_documents && $("source").value);

async function rank(event) {
  if (event) event.preventDefault();
  const searching = in_corpus();
  const documents = searching ? [] : read_passages($("passages").value);
  const query = $("query").value.trim();
  if (!query) return say("A question is needed.", true);
  if (!searching && !documents.length) return say("A question and at least one passage are needed.", true);
  const body = { query, explain: { passages: 50, per_head: documents.length <= 50 ? HEADS_SHOWN : 0 }, timings: true, score_scale: $("scale").value };
  if (searching) Object.assign(body, { depth: Number($("depth").value) || 40, top_n: 20 });
  else body.documents = documents;
  const heads = $("heads").value === OWN ? $("own-heads").value.trim() : $("heads").value;
  if (heads) body.heads = heads;
  if ($("adapter").value) body.adapter = $("adapter").value;
  if ($("encoding").value) body.encoding = $("encoding").value;
  const button = document.querySelector("button[type=submit]");
  button.disabled = true;
  say(searching ? "Searching " + card.corpus_documents.toLocaleString("en") + " documents …" : "Reading " + documents.length + " passages …");
  const start = performance.now();
  try {
    if (!card) await load_card();
    const answer = await (await ask(searching ? "/v1/headwise/search" : "/v1/headwise/rerank", body)).json();
    const results = answer.queries[0].results;
    if (searching) for (const result of results) documents[result.index] = { ...result.document, id: result.id };
    if (!results.length) {
      $("answer").hidden = true;
      return say("No document has a word of the question.");
    }
    shown = { query: answer.queries[0], scale: answer.score_scale, documents, queue: answer.timings.queue_seconds, whole: (performance.now() - start) / 1000 };
    chosen = null;
    show();
    say("");
  } catch (problem) {
    say(problem.message, true);
  } finally {
    button.disabled = false;
  }
}

// Offsets are bytes of the passage as UTF-8; a character may be spread over several tokens.
function pieces_of(explanation, values) {
  const bytes = new TextEncoder().encode(explanation.text);
  const pieces = [];
  explanation.tokens.forEach((token, place) => {
    const inside = token.begin >= bytes.length || (bytes[token.begin] & 0xc0) === 0x80;
    if (pieces.length && inside) {
      pieces[pieces.length - 1].end = token.end;
      pieces[pieces.length - 1].value += values[place];
    } else {
      pieces.push({ begin: token.begin, end: token.end, value: values[place] });
    }
  });
  const decoder = new TextDecoder();
  for (const piece of pieces) piece.text = decoder.decode(bytes.subarray(piece.begin, piece.end));
  return pieces;
}

function values_of(explanation) {
  if (chosen === null) return explanation.tokens.map((token) => token.weight);
  const head = (explanation.heads || []).find((one) => one.head === chosen);
  return head ? head.weights : explanation.tokens.map(() => 0);
}

const digits = (value) => (Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(4));

function show() {
  $("answer").hidden = false;
  const results = shown.query.results;
  const explained = results.filter((result) => result.explanation);
  const every = explained.map((result) => pieces_of(result.explanation, values_of(result.explanation)));
  let largest = 0;
  let smallest = 0;
  for (const pieces of every) {
    for (const piece of pieces) {
      largest = Math.max(largest, piece.value);
      smallest = Math.min(smallest, piece.value);
    }
  }
  const size = Math.max(largest, -smallest) || 1;
  $("shade-low").textContent = smallest < 0 ? digits(-size) + " (against)" : "0";
  $("shade-high").textContent = digits(size) + " (for)";
  const high = results[0].relevance_score;
  const low = Math.min(0, results[results.length - 1].relevance_score);
  $("ranking").replaceChildren(
    ...results.map((result, place) => {
      const document_ = shown.documents[result.index];
      const moved = result.index - place;
      const move = moved === 0 ? "was here" : moved > 0 ? "up " + moved : "down " + -moved;
      const width = high > low ? (100 * (result.relevance_score - low)) / (high - low) : 100;
      const fill = element("i");
      fill.style.width = width + "%";
      const text = element("p", { className: "text", dir: "auto" });
      if (result.explanation) {
        for (const piece of every[explained.indexOf(result)]) {
          const token = element("span", { className: "t", title: digits(piece.value) }, piece.text);
          // The square root spreads what would be lost beside a single strong token.
          const shade = 0.75 * Math.sqrt(Math.abs(piece.value) / size);
          if (shade > 0.01) token.style.backgroundColor = `rgb(var(--${piece.value > 0 ? "for" : "against"}) / ${shade.toFixed(3)})`;
          text.append(token);
        }
      } else {
        text.textContent = document_.text;
      }
      return element(
        "li",
        {},
        element("div", { className: "head" },
          element("span", { className: "rank" }, String(place + 1)),
          element("span", { className: "title" }, document_.title || document_.id || "Passage " + (result.index + 1), " ", element("span", { className: "move" }, move)),
          element("span", { className: "score" }, digits(result.relevance_score)),
          element("span", { className: "bar", "aria-hidden": "true" }, fill)),
        text);
    }),
  );
  show_heads();
  show_timings();
}

// How much of all scores each head gives: sum over the passages of the size of its share.
function head_sizes() {
  const sizes = new Map();
  shown.query.heads.forEach((head, place) => {
    let sum = 0;
    for (const result of shown.query.results) {
      if (result.explanation) sum += Math.abs(result.explanation.head_shares[place]);
    }
    sizes.set(head, sum);
  });
  return sizes;
}

function show_heads() {
  const sizes = head_sizes();
  const whole = [...sizes.values()].reduce((a, b) => a + b, 0) || 1;
  const largest = Math.max(...sizes.values()) || 1;
  const with_tokens = new Set();
  for (const result of shown.query.results) {
    for (const head of (result.explanation || {}).heads || []) with_tokens.add(head.head);
  }
  const cell = Math.max(9, Math.min(20, Math.floor(290 / Math.max(card.heads_per_layer, 1))));
  const height = Math.max(9, Math.min(14, Math.floor(420 / card.layers)));
  const left = 22;
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const full = [left + card.heads_per_layer * cell + 2, card.layers * height + 16];
  svg.setAttribute("viewBox", `0 0 ${full[0]} ${full[1]}`);
  svg.setAttribute("width", full[0]);
  svg.setAttribute("height", full[1]);
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "Layers from top to bottom, heads from left to right; the shade is a head's part of all scores");
  const write = (x, y, text, anchor) => {
    const label = document.createElementNS(space, "text");
    label.setAttribute("x", x);
    label.setAttribute("y", y);
    label.setAttribute("text-anchor", anchor);
    label.textContent = text;
    svg.append(label);
  };
  for (let layer = 0; layer < card.layers; ++layer) {
    if (layer % 5 === 0 || layer === card.layers - 1) write(left - 4, layer * height + height - 2, layer, "end");
    for (let head = 0; head < card.heads_per_layer; ++head) {
      const name = layer + "-" + head;
      const box = document.createElementNS(space, "rect");
      box.setAttribute("x", left + head * cell);
      box.setAttribute("y", layer * height);
      box.setAttribute("width", cell - 1.5);
      box.setAttribute("height", height - 1.5);
      box.setAttribute("rx", 2);
      if (sizes.has(name)) {
        const part = sizes.get(name) / whole;
        box.classList.add("read");
        box.style.fill = `rgb(var(--for) / ${(0.06 + 0.9 * Math.sqrt(sizes.get(name) / largest)).toFixed(3)})`;
        const words = `head ${name}: ${(100 * part).toFixed(1)} % of all scores`;
        const title = document.createElementNS(space, "title");
        title.textContent = words;
        box.append(title);
        if (with_tokens.has(name)) {
          box.setAttribute("tabindex", "0");
          box.setAttribute("role", "button");
          box.setAttribute("aria-pressed", String(chosen === name));
          box.setAttribute("aria-label", words);
          box.dataset.head = name;
        }
        if (chosen === name) box.classList.add("chosen");
      }
      svg.append(box);
    }
  }
  for (let head = 0; head < card.heads_per_layer; head += Math.ceil(card.heads_per_layer / 9)) {
    write(left + head * cell + cell / 2, card.layers * height + 11, head, "middle");
  }
  $("head-map").replaceChildren(svg);
  $("heads-note").textContent = `${shown.query.heads.length} of ${card.layers * card.heads_per_layer}; layers down, heads across. ` +
    (with_tokens.size ? "Choose one to see what it alone looks at." : "");
  $("head-chosen").textContent = chosen === null
    ? "Shaded: the sum over all heads read"
    : `Shaded: head ${chosen}, ${((100 * sizes.get(chosen)) / whole).toFixed(1)} % of all scores. Choose it again for the sum.`;
}

function choose(box) {
  if (!box || !box.dataset.head) return;
  chosen = chosen === box.dataset.head ? null : box.dataset.head;
  const name = box.dataset.head;
  show();
  const again = document.querySelector(`#head-map rect[data-head="${name}"]`);
  if (again) again.focus();
}

// Arrow keys go to the next head in that direction.
function move(event) {
  const box = event.target.closest("rect[data-head]");
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!box) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    return choose(box);
  }
  if (!step) return;
  event.preventDefault();
  const [layer, head] = box.dataset.head.split("-").map(Number);
  let best = null;
  let distance = Infinity;
  for (const other of document.querySelectorAll("#head-map rect[data-head]")) {
    const [l, h] = other.dataset.head.split("-").map(Number);
    const along = (l - layer) * step[0] + (h - head) * step[1];
    const across = Math.abs((l - layer) * step[1]) + Math.abs((h - head) * step[0]);
    if (along > 0 && along + 2 * across < distance) {
      distance = along + 2 * across;
      best = other;
    }
  }
  if (best) best.focus();
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

async function load_card() {
  const model = (await (await ask("/v1/models")).json()).data[0];
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
  const table = await (await ask("/demo/questions.tsv")).text();
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
  $("passages").value = (await (await ask("/demo/" + file)).text()).trim();
  $("query").value = $("demo").selectedOptions[0].textContent;
  rank();
}

$("form").addEventListener("submit", rank);
$("demo").addEventListener("change", () => pick_demo().catch((problem) => say(problem.message, true)));
$("heads").addEventListener("change", () => {
  $("own-label").hidden = $("heads").value !== OWN;
  if ($("heads").value === OWN) $("own-heads").focus();
});
$("source").addEventListener("change", show_source);
$("key").addEventListener("change", () => load_card().catch((problem) => say(problem.message, true)));
$("head-map").addEventListener("click", (event) => choose(event.target.closest("rect[data-head]")));
$("head-map").addEventListener("keydown", move);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) rank(event);
});
load_demo().catch(() => {});
load_card().catch((problem) => say(problem.message, true));
