// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Shows openapi.json to people: each path with its fields, an example and its answers.
"use strict";

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// Text with `code` in it.
function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

function resolve(api, value) {
  while (value && value.$ref) value = value.$ref.split("/").slice(1).reduce((place, step) => place[step], api);
  return value || {};
}

function type_of(api, schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.filter((word) => word !== null).join(" | ");
  if (schema.anyOf) return schema.anyOf.map((one) => type_of(api, one)).filter((word) => word).join(" or ");
  if (schema.type === "array") return "list of " + type_of(api, schema.items);
  return [schema.type || "anything"].flat().filter((word) => word !== "null").join(" or ");
}

// The objects of a schema: itself, or each of those that it may be.
function objects(api, schema) {
  const name = schema.$ref ? schema.$ref.split("/").pop() : "";
  const meant = resolve(api, schema);
  if (meant.anyOf) return meant.anyOf.flatMap((one) => objects(api, one));
  return meant.properties ? [{ name, schema: meant }] : [];
}

function table(api, schema) {
  const needed = new Set(schema.required || []);
  return element("table", {}, ...Object.entries(schema.properties).map(([name, field]) =>
    element("tr", {},
      element("td", {}, element("code", {}, name), needed.has(name) ? " *" : ""),
      element("td", {}, type_of(api, field)),
      element("td", {}, ...prose(field.description || resolve(api, field).description || "")))));
}

function operation(api, path, method, does) {
  const box = element("details", {},
    element("summary", {}, element("span", { className: "method" }, method.toUpperCase()), " ", element("code", {}, path), " ", ...prose(does.summary)));
  if (does.description) box.append(element("p", {}, ...prose(does.description)));
  if (does.requestBody) {
    const content = does.requestBody.content["application/json"];
    for (const one of objects(api, content.schema)) {
      if (one.name) box.append(element("h2", {}, one.name));
      box.append(table(api, one.schema));
    }
    for (const example of Object.values(content.examples || {})) {
      box.append(element("pre", {}, `curl ${location.origin}${path} -d '${JSON.stringify(example.value).replaceAll("'", "'\\''")}'`));
    }
  }
  box.append(element("table", {}, ...Object.entries(does.responses).map(([status, response]) => {
    const meant = resolve(api, response);
    const content = Object.values(meant.content || {})[0];
    return element("tr", {}, element("td", {}, status), element("td", {}, content ? type_of(api, content.schema) : ""), element("td", {}, ...prose(meant.description)));
  })));
  return box;
}

async function load() {
  const api = await (await fetch("/openapi.json")).json();
  document.getElementById("about").append(...prose(api.info.description));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, does] of Object.entries(methods)) document.getElementById("paths").append(operation(api, path, method, does));
  }
  const schemas = element("details", {}, element("summary", {}, "Objects"));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    for (const one of objects(api, schema)) schemas.append(element("h2", {}, name), table(api, one.schema));
  }
  document.getElementById("paths").append(schemas);
}

load();
