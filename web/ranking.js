// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The ranking: passages, best first, their tokens shaded by what each adds to the score. Text goes into text nodes only.
"use strict";

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export const digits = (value) => (Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(4));

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

function values_of(explanation, chosen) {
  if (chosen === null) return explanation.tokens.map((token) => token.weight);
  const head = (explanation.heads || []).find((one) => one.head === chosen);
  return head ? head.weights : explanation.tokens.map(() => 0);
}

function shaded_text(pieces, size) {
  return pieces.map((piece) => {
    const token = element("span", { className: "t", title: digits(piece.value) }, piece.text);
    // The square root spreads what would be lost beside a single strong token.
    const shade = 0.75 * Math.sqrt(Math.abs(piece.value) / size);
    if (shade > 0.01) token.style.backgroundColor = `rgb(var(--${piece.value > 0 ? "for" : "against"}) / ${shade.toFixed(3)})`;
    return token;
  });
}

// What a reader of the score must know of the passage; "" mostly.
function caution(result) {
  if (result.empty) return "nothing to read in it";
  if (result.window) return `read in ${result.window.count} windows; the score is that of number ${result.window.number + 1}` + (result.truncated ? ", and its end was not read" : "");
  return result.truncated ? "cut: its end was not read" : "";
}

function item(result, place, document_, width, text) {
  const moved = result.index - place;
  const move = moved === 0 ? "was here" : moved > 0 ? "up " + moved : "down " + -moved;
  const fill = element("i");
  fill.style.width = width + "%";
  const warned = caution(result);
  return element(
    "li",
    {},
    element("div", { className: "head" },
      element("span", { className: "rank" }, String(place + 1)),
      element("span", { className: "title" }, document_.title || document_.id || "Passage " + (result.index + 1), " ", element("span", { className: "move" }, move)),
      element("span", { className: "score" }, digits(result.relevance_score)),
      element("span", { className: "bar", "aria-hidden": "true" }, fill)),
    ...(warned ? [element("p", { className: "caution small" }, warned)] : []),
    text);
}

// Fills the list; gives the size of the darkest shade and whether any token speaks against its passage.
export function show_ranking({ query, documents, chosen }, list) {
  const results = query.results;
  const every = new Map(results.filter((result) => result.explanation)
    .map((result) => [result, pieces_of(result.explanation, values_of(result.explanation, chosen))]));
  let largest = 0;
  let smallest = 0;
  for (const pieces of every.values()) {
    for (const piece of pieces) {
      largest = Math.max(largest, piece.value);
      smallest = Math.min(smallest, piece.value);
    }
  }
  const size = Math.max(largest, -smallest) || 1;
  const high = results[0].relevance_score;
  const low = Math.min(0, results[results.length - 1].relevance_score);
  list.replaceChildren(...results.map((result, place) => {
    const width = high > low ? (100 * (result.relevance_score - low)) / (high - low) : 100;
    const text = element("p", { className: "text", dir: "auto" });
    text.append(...(every.has(result) ? shaded_text(every.get(result), size) : [documents[result.index].text]));
    return item(result, place, documents[result.index], width, text);
  }));
  return { size, against: smallest < 0 };
}
