// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/prompt_template.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "rerank/passage_text.h"

namespace headwise {
namespace {

using nlohmann::json;

constexpr char kTask[] =
    "Please find information that are relevant to the following query in the paragraphs above.";
const std::string kInstruction = std::string(kTask) + "\n\nQuery:";
constexpr std::string_view kTaskPlace = "{task}";
const std::string kInstructionSpaced = std::string(kTask) + " \n\nQuery:";

// The wording of ICR (Chen et al., ICLR 2025) and of the code that grew from it, quirks included: "(sic)"
// spelling, newlines left out after role headers, a space before "Here", separators with a space in front.
std::vector<PromptTemplate> shipped() {
  PromptTemplate usual;
  usual.name = "default";
  usual.lead = "Here are some paragraphs:\n\n";
  usual.marker = "[{n}] ";
  usual.separator = "\n\n";
  usual.instruction = kInstruction;
  usual.task = kTask;
  usual.query_prefix = " ";

  PromptTemplate blocks = usual;
  blocks.name = "blocks";
  blocks.marker.clear();

  // What the model is to do stands before the passages, so that it is no part of any row.
  PromptTemplate blocks_short = blocks;
  blocks_short.name = "blocks-short";
  blocks_short.lead =
      "Please find information that are relevant to the query after the following paragraphs.\n\n"
      "Here are some paragraphs:\n\n";
  blocks_short.instruction.clear();
  // A request's own stands behind the passages: what is kept of them would depend on it.
  blocks_short.task.clear();
  blocks_short.own_instruction = "{task}\n\n";
  blocks_short.query_prefix = "Query: ";

  PromptTemplate core = usual;  // CoRe (2510.02219)
  core.name = "core";
  core.marker = "[document {n}] ";
  core.marker_in_span = false;
  core.rows = QueryRows::kInstructionAndQuery;

  PromptTemplate icr_llama3 = usual;  // in_context_reranker.py
  icr_llama3.name = "icr-llama3";
  icr_llama3.opening = {{{true, "<|start_header_id|>"}, {false, "user"}, {true, "<|end_header_id|>"}}};
  icr_llama3.closing = {{{true, "<|eot_id|>"},
                         {true, "<|start_header_id|>"},
                         {false, "assistant"},
                         {true, "<|end_header_id|>"}}};
  icr_llama3.lead = " Here are some paragraphs: \n\n";
  icr_llama3.separator = " \n\n";
  icr_llama3.instruction = kInstructionSpaced;

  PromptTemplate icr_mistral = usual;
  icr_mistral.name = "icr-mistral";
  icr_mistral.opening = {{{false, "[INST]"}}};
  icr_mistral.closing = {{{false, "[/INST]"}}};
  icr_mistral.lead = " Here are some paragraphs:\n\n";

  PromptTemplate qrhead = usual;  // QRHead, attn_retriever.py
  qrhead.name = "qrhead-qwen2.5";
  qrhead.opening = {{{true, "<|im_start|>"}, {false, "user"}}};
  qrhead.closing = {{{true, "<|im_end|>"}, {false, "\n"}, {true, "<|im_start|>"}, {false, "assistant"}}};
  qrhead.lead = " Here are some paragraphs:\n\n";

  PromptTemplate selective = usual;  // Selective-ICR (2602.22591)
  selective.name = "selective-qwen3";
  selective.lead = "Here are some paragraphs: \n\n";
  selective.separator = " \n\n";
  selective.instruction = kInstructionSpaced;
  selective.rows = QueryRows::kQuery;

  return {usual, blocks, blocks_short, core, icr_llama3, icr_mistral, qrhead, selective};
}

constexpr std::pair<std::string_view, QueryRows> kRowNames[] = {
    {"all", QueryRows::kAll},
    {"instruction+query", QueryRows::kInstructionAndQuery},
    {"query", QueryRows::kQuery}};

tl::unexpected<Error> bad_template(const std::string& why) {
  return fail(ErrorCode::kInvalidInput,
              "prompt template: " + why + "; docs/formats.md#prompt-templates shows the fields");
}

Result<std::vector<ChatPiece>> parse_pieces(const json& value, const std::string& key) {
  std::vector<ChatPiece> pieces;
  if (!value.is_array())
    return bad_template("'" + key + "' should be a list of {\"special\"} or {\"text\"} objects");
  for (const json& item : value) {
    const bool special = item.is_object() && item.contains("special");
    const char* field = special ? "special" : "text";
    if (!item.is_object() || !item.contains(field) || !item[field].is_string()) {
      return bad_template("'" + key + "' should be a list of {\"special\"} or {\"text\"} objects");
    }
    pieces.push_back({special, item[field].get<std::string>()});
  }
  return pieces;
}

}  // namespace

Result<PromptTemplate> parse_prompt_template(std::string_view text) {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object()) return bad_template("expected a JSON object");
  PromptTemplate parsed;
  const std::pair<const char*, std::string*> texts[] = {{"name", &parsed.name},
                                                        {"lead", &parsed.lead},
                                                        {"marker", &parsed.marker},
                                                        {"separator", &parsed.separator},
                                                        {"instruction", &parsed.instruction},
                                                        {"task", &parsed.task},
                                                        {"own_instruction", &parsed.own_instruction},
                                                        {"query_prefix", &parsed.query_prefix}};
  for (const auto& [key, member] : value.items()) {
    bool known = false;
    for (const auto& [name, target] : texts) {
      if (key != name) continue;
      if (!member.is_string()) return bad_template("'" + key + "' should be a string");
      *target = member.get<std::string>();
      known = true;
    }
    if (key == "opening" || key == "closing") {
      auto pieces = parse_pieces(member, key);
      HW_RETURN_IF_ERROR(pieces);
      (key == "opening" ? parsed.opening : parsed.closing) = std::move(*pieces);
      known = true;
    }
    if (key == "marker_in_span") {
      if (!member.is_boolean()) return bad_template("'marker_in_span' should be true or false");
      parsed.marker_in_span = member.get<bool>();
      known = true;
    }
    if (key == "rows") {
      for (const auto& [name, rows] : kRowNames) {
        if (!member.is_string() || member.get<std::string>() != name) continue;
        parsed.rows = rows;
        known = true;
      }
      if (!known) return bad_template("'rows' should be all, instruction+query or query");
    }
    if (!known) return bad_template("unknown field '" + key + "'");
  }
  if (parsed.separator.empty() || parsed.lead.empty()) {
    return bad_template("'lead' and 'separator' must not be empty");
  }
  if (!value.contains("instruction")) {
    return bad_template("'instruction' must be there; it may be empty");
  }
  if (parsed.instruction.find(parsed.task) == std::string::npos) {
    return bad_template("'task' must be a part of 'instruction', the one that a request may replace");
  }
  if (value.contains("own_instruction")) {
    if (!parsed.task.empty()) return bad_template("'task' and 'own_instruction' do the same; leave one out");
    if (parsed.own_instruction.find(kTaskPlace) == std::string::npos) {
      return bad_template("'own_instruction' must have a place {task} for a request's own words");
    }
  }
  return parsed;
}

Result<PromptTemplate> find_prompt_template(const std::string& name) {
  std::string known;
  for (PromptTemplate& candidate : shipped()) {
    if (candidate.name == name) return std::move(candidate);
    known += (known.empty() ? "" : ", ") + candidate.name;
  }
  std::error_code ignored;
  if (!std::filesystem::exists(name, ignored)) {
    return fail(ErrorCode::kNotFound,
                "no prompt template '" + name + "', and no such file; those that ship: " + known);
  }
  auto text = read_text_file(name, size_t{1} << 20);
  HW_RETURN_IF_ERROR(text);
  auto parsed = parse_prompt_template(*text);
  if (!parsed) return fail(std::move(parsed.error()).with_context("reading '" + name + "'"));
  return parsed;
}

Result<std::string> instruction_with(const PromptTemplate& wording, std::string_view task) {
  if (task.empty()) return wording.instruction;
  if (is_white_space(task)) {
    return fail(ErrorCode::kUsage,
                "--instruction is blank; say what to look for, or leave it out for the template's own words");
  }
  const bool replaces = !wording.task.empty();
  std::string instruction = replaces ? wording.instruction : wording.own_instruction;
  if (instruction.empty()) {
    return fail(ErrorCode::kUsage,
                "template '" + wording.name +
                    "' has no place for --instruction behind the passages; take another "
                    "--template, or name one by \"task\" or \"own_instruction\" in its file");
  }
  const std::string_view place = replaces ? std::string_view(wording.task) : kTaskPlace;
  return instruction.replace(instruction.find(place), place.size(), task);
}

std::vector<std::string> prompt_template_names() {
  std::vector<std::string> names;
  for (const PromptTemplate& candidate : shipped()) names.push_back(candidate.name);
  return names;
}

}  // namespace headwise
