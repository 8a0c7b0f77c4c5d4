// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Passages as people paste them: one a line, JSONL, or one JSON array. What is meant as JSON and is none is refused with its
// line, rather than ranked as if its braces were text.
"use strict";

// The names of src/formats/record_names.cc, first the one that wins; in capitals they count too, after all of these.
const NAMES = {
  id: ["_id", "id", "pid", "passage_id", "docid", "doc_id", "document_id", "docno", "idx"],
  title: ["title"],
  text: ["text", "contents", "content", "page_content", "paragraph_text", "passage", "segment", "body"],
};

export class BrokenLine extends Error {
  constructor(line, begin, end, message) {
    super(`Line ${line} of the passages ${message}`);
    Object.assign(this, { begin, end });
  }
}

function member(value, names) {
  const given = Object.keys(value).filter((key) => value[key] !== null);
  const found = names.find((name) => given.includes(name)) ??
    names.map((name) => given.find((key) => key.toLowerCase() === name)).find((key) => key !== undefined);
  return found === undefined ? undefined : value[found];
}

// What is wrong with it, or the document.
function document_of(value) {
  if (typeof value === "string") return { text: value };
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "is no object with a text";
  const [id, title, known] = [NAMES.id, NAMES.title, NAMES.text].map((names) => member(value, names));
  const named = Object.keys(value).some((key) => NAMES.text.includes(key.toLowerCase()));
  const text = known ?? (named || title !== undefined ? "" : undefined); // null: an empty passage
  if (text === undefined) return `has no "text" (it has ${Object.keys(value).join(", ") || "nothing"})`;
  if (typeof text !== "string") return "has a text that is no string";
  if (title !== undefined && typeof title !== "string") return "has a title that is no string";
  return { text, title: title ?? "", id: id === undefined ? null : String(id) };
}

function from_array(text) {
  let values;
  try {
    values = JSON.parse(text);
  } catch {
    return null; // passages may begin with a bracket
  }
  if (!Array.isArray(values)) return null;
  return values.map((value, place) => {
    const made = document_of(value);
    if (typeof made === "string") throw new BrokenLine(place + 1, 0, text.length, made);
    return made;
  });
}

// {text, title, id} of each passage; throws BrokenLine, which says where in the text.
export function read_passages(text) {
  const whole = text.trim().startsWith("[") ? from_array(text) : null;
  if (whole) return whole;
  const documents = [];
  let begin = 0;
  text.split("\n").forEach((line, place) => {
    const end = begin + line.length;
    const said = line.trim();
    if (/^\{\s*("|\})/.test(said)) {
      let value;
      try {
        value = JSON.parse(said);
      } catch (problem) {
        throw new BrokenLine(place + 1, begin, end, `begins like a JSON object and is none: ${problem.message}`);
      }
      const made = document_of(value);
      if (typeof made === "string") throw new BrokenLine(place + 1, begin, end, made);
      documents.push(made);
    } else if (said) {
      documents.push({ text: said });
    }
    begin = end + 1;
  });
  return documents;
}
