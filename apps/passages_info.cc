// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `passages info`: whose passages a store keeps, how many, and what they take.
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/digits.h"
#include "base/shown_text.h"
#include "common/output.h"
#include "common/terminal.h"
#include "passages/server_tier.h"
#include "passages_store.h"

namespace headwise {
namespace {

int64_t signed_count(uint64_t count) { return static_cast<int64_t>(count); }

std::string member_text(const Json& manifest, const char* name) {
  const auto found = manifest.find(name);
  if (found == manifest.end()) return "";
  return without_controls(found->is_string() ? found->get<std::string>() : found->dump());
}

// "int8", "fp32 of avx512"
std::string type_text(const Json& manifest) {
  const std::string type = member_text(manifest, "type"), isa = member_text(manifest, "instruction_set");
  return isa.empty() ? type : type + ", of the instruction set " + isa;
}

// "all tokens", or which of them each layer keeps.
std::string budget_text(const Json& manifest) {
  const auto shares = manifest.find("shares");
  if (shares == manifest.end() || !shares->is_array() || shares->empty()) return "all tokens in every layer";
  double sum = 0.0;
  std::string list;
  for (const Json& share : *shares) {
    const double value = share.is_number() ? share.get<double>() : 0.0;
    sum += value;
    list += (list.empty() ? "" : " ") + fixed_digits(value, 2);
  }
  return fixed_digits(sum / static_cast<double>(shares->size()), 3) + " of the tokens (" +
         member_text(manifest, "tokens") + "); by layer " + list;
}

using Rows = std::vector<TableRow>;

Rows rows_of(const Json& manifest) {
  const auto prefix = manifest.find("prefix");
  const std::string layer = member_text(manifest, "layer");
  return {{"model", member_text(manifest, "model")},
          {"template", member_text(manifest, "template") + ", " +
                           std::to_string(prefix != manifest.end() ? prefix->size() : 0) +
                           " tokens in front of a passage"},
          {"layers", "0-" + layer + ", of " + layer + " the keys"},
          {"type", type_text(manifest)},
          {"budget", budget_text(manifest)},
          {"format", member_text(manifest, "format")}};
}

std::string table_of(const StoreInfo& info) {
  const uint64_t each = info.passages == 0 ? 0 : (info.bytes - info.dead_bytes) / info.passages;
  Rows rows = rows_of(info.manifest);
  rows.push_back({"passages", grouped_digits(signed_count(info.passages))});
  rows.push_back({"bytes", bytes_text(signed_count(info.bytes)) + " in " +
                               grouped_digits(signed_count(info.segments)) + " segments, " +
                               bytes_text(signed_count(each)) + " a passage"});
  rows.push_back({"not needed", bytes_text(signed_count(info.dead_bytes)) +
                                    ", which `headwise passages compact` gives back"});
  rows.push_back({"index", bytes_text(signed_count(info.index_bytes))});
  if (!info.read_only.empty()) rows.push_back({"read only", without_controls(info.read_only)});
  return aligned_table(rows, 2);
}

Status folder_info(const StoreChoice& choice) {
  const auto store = open_folder(choice, "info");
  HW_RETURN_IF_ERROR(store);
  const auto info = (*store)->info();
  HW_RETURN_IF_ERROR(info);
  if (!choice.json) return write_stdout(table_of(*info));
  return write_stdout(json_text({{"manifest", info->manifest},
                                 {"passages", info->passages},
                                 {"bytes", info->bytes},
                                 {"dead_bytes", info->dead_bytes},
                                 {"index_bytes", info->index_bytes},
                                 {"segments", info->segments},
                                 {"read_only", info->read_only}}));
}

// A server may keep those of several engines. One record of each is what stands in front of its passages.
Status server_info(const StoreChoice& choice) {
  const auto address = parse_server_address(choice.keep);
  HW_RETURN_IF_ERROR(address);
  const auto contents = server_contents(*address);
  if (!contents) return fail(Error(contents.error()).with_context("asking '" + address->shown() + "'"));
  Json json{{"server", address->shown()}, {"contexts", Json::array()}};
  std::string text;
  for (const auto& [digest, of] : *contents) {
    const Json about = Json::parse(of.about, nullptr, false);
    const Json manifest = about.is_object() ? about : Json::object();
    json["contexts"].push_back({{"digest", digest}, {"manifest", manifest}, {"records", of.passages}});
    Rows rows = rows_of(manifest);
    rows.push_back({"records", grouped_digits(signed_count(of.passages))});
    text += (text.empty() ? "" : "\n") + aligned_table(rows, 2);
  }
  if (text.empty()) text = "'" + address->shown() + "' keeps no passages\n";
  return write_stdout(choice.json ? json_text(json) : text);
}

}  // namespace

Action add_passages_info(CLI::App& verb, AppContext&) {
  auto choice = std::make_shared<StoreChoice>();
  add_store_choice(verb, *choice, "One JSON object instead of a table");
  return [choice] { return is_server_address(choice->keep) ? server_info(*choice) : folder_info(*choice); };
}

}  // namespace headwise
