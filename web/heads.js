// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The picture of the model's heads: layers down, heads across, each shaded by its part of all scores. Heads whose tokens came
// along can be chosen, by pointer or by arrow keys.
"use strict";

const SPACE = "http://www.w3.org/2000/svg";
const LEFT = 22; // for the layers' numbers
const narrow = window.matchMedia("(max-width: 900px)");

// How much of all scores each head gives: sum over the passages of the size of its share.
export function head_sizes(query) {
  const sizes = new Map();
  query.heads.forEach((head, place) => {
    let sum = 0;
    for (const result of query.results) {
      if (result.explanation) sum += Math.abs(result.explanation.head_shares[place]);
    }
    sizes.set(head, sum);
  });
  return sizes;
}

// Wide and low where it stands above the ranking, narrow and high beside it.
function cell_size(card) {
  const heads = Math.max(card.heads_per_layer, 1);
  return narrow.matches
    ? [Math.max(9, Math.min(36, Math.floor(300 / heads))), Math.max(7, Math.min(14, Math.floor(230 / card.layers)))]
    : [Math.max(9, Math.min(20, Math.floor(290 / heads))), Math.max(9, Math.min(14, Math.floor(420 / card.layers)))];
}

function draw(name, properties, text = null) {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

function head_box(name, place, size, state) {
  const box = draw("rect", { x: place[0], y: place[1], width: size[0] - 1.5, height: size[1] - 1.5, rx: 2 });
  if (!state.sizes.has(name)) return box;
  box.classList.add("read");
  box.style.fill = `rgb(var(--head) / ${(0.06 + 0.9 * Math.sqrt(state.sizes.get(name) / state.largest)).toFixed(3)})`;
  const words = `head ${name}: ${((100 * state.sizes.get(name)) / state.whole).toFixed(1)} % of all scores`;
  box.append(draw("title", {}, words));
  if (state.with_tokens.has(name)) {
    for (const [key, value] of Object.entries({ tabindex: "0", role: "button", "aria-pressed": String(state.chosen === name), "aria-label": words, "data-head": name })) {
      box.setAttribute(key, value);
    }
  }
  if (state.chosen === name) box.classList.add("chosen");
  return box;
}

// Puts the picture and its words into the page.
export function show_heads({ card, query, chosen }, map, note, said) {
  const sizes = head_sizes(query);
  const whole = [...sizes.values()].reduce((a, b) => a + b, 0) || 1;
  const with_tokens = new Set(query.results.flatMap((result) => ((result.explanation || {}).heads || []).map((head) => head.head)));
  const state = { sizes, whole, largest: Math.max(...sizes.values()) || 1, with_tokens, chosen };
  const [cell, height] = cell_size(card);
  const full = [LEFT + card.heads_per_layer * cell + 2, card.layers * height + 16];
  const svg = draw("svg", { viewBox: `0 0 ${full[0]} ${full[1]}`, width: full[0], height: full[1], role: "group",
    "aria-label": "Layers from top to bottom, heads from left to right; the shade is a head's part of all scores" });
  for (let layer = 0; layer < card.layers; ++layer) {
    if (layer % 5 === 0 || layer === card.layers - 1) svg.append(draw("text", { x: LEFT - 4, y: layer * height + height - 1, "text-anchor": "end" }, layer));
    for (let head = 0; head < card.heads_per_layer; ++head) {
      svg.append(head_box(layer + "-" + head, [LEFT + head * cell, layer * height], [cell, height], state));
    }
  }
  for (let head = 0; head < card.heads_per_layer; head += Math.ceil(card.heads_per_layer / 9)) {
    svg.append(draw("text", { x: LEFT + head * cell + cell / 2, y: card.layers * height + 11, "text-anchor": "middle" }, head));
  }
  map.replaceChildren(svg);
  note.textContent = `${query.heads.length} of ${card.layers * card.heads_per_layer}; layers down, heads across. ` +
    (with_tokens.size ? "Choose one to see what it alone looks at." : "");
  said.textContent = chosen === null
    ? "Shaded: the sum over all heads read"
    : `Shaded: head ${chosen}, ${((100 * sizes.get(chosen)) / whole).toFixed(1)} % of all scores. Choose it again for the sum.`;
}

// The nearest head in the direction of an arrow key.
function neighbour(map, name, step) {
  const [layer, head] = name.split("-").map(Number);
  let best = null;
  let distance = Infinity;
  for (const other of map.querySelectorAll("rect[data-head]")) {
    const [l, h] = other.dataset.head.split("-").map(Number);
    const along = (l - layer) * step[0] + (h - head) * step[1];
    const across = Math.abs((l - layer) * step[1]) + Math.abs((h - head) * step[0]);
    if (along > 0 && along + 2 * across < distance) {
      distance = along + 2 * across;
      best = other;
    }
  }
  return best;
}

// `choose` gets a head's name, `redraw` is called when the picture's shape changes.
export function watch_heads(map, choose, redraw) {
  const pick = (box) => {
    if (!box || !box.dataset.head) return;
    const name = box.dataset.head;
    choose(name);
    const again = map.querySelector(`rect[data-head="${name}"]`);
    if (again) again.focus();
  };
  map.addEventListener("click", (event) => pick(event.target.closest("rect[data-head]")));
  map.addEventListener("keydown", (event) => {
    const box = event.target.closest("rect[data-head]");
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const press = event.key === "Enter" || event.key === " ";
    if (!box || event.ctrlKey || event.metaKey || !(step || press)) return;
    event.preventDefault();
    if (press) return pick(box);
    const other = neighbour(map, box.dataset.head, step);
    if (other) other.focus();
  });
  narrow.addEventListener("change", redraw);
}
