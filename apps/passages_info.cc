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
#include "passages_store.h"

namespace headwise {
namespace {

int64_t signed_count(uint64_t count) { return static_cast<int64_t>(count); }

std::string member_text(const Json& manifest, const char* name) {
  const auto found = manifest.find(name);
  if (found == manifest.end()) return "";
  return without_controls(found->is_string() ? found->get<std::string>() : json_text(*found, -1));
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

std::string table_of(const StoreInfo& info) {
  const Json& manifest = info.manifest;
  const auto prefix = manifest.find("prefix");
  const std::string layer = member_text(manifest, "layer");
  const uint64_t each = info.passages == 0 ? 0 : (info.bytes - info.dead_bytes) / info.passages;
  std::vector<TableRow> rows{
      {"model", member_text(manifest, "model")},
      {"template", member_text(manifest, "template") + ", " +
                       std::to_string(prefix != manifest.end() ? prefix->size() : 0) +
                       " tokens in front of a passage"},
      {"layers", "0-" + layer + ", of " + layer + " the keys"},
      {"type", type_text(manifest)},
      {"budget", budget_text(manifest)},
      {"format", member_text(manifest, "format")},
      {"passages", grouped_digits(signed_count(info.passages))},
      {"bytes", bytes_text(signed_count(info.bytes)) + " in " + grouped_digits(signed_count(info.segments)) +
                    " segments, " + bytes_text(signed_count(each)) + " a passage"},
      {"not needed",
       bytes_text(signed_count(info.dead_bytes)) + ", which `headwise passages compact` gives back"},
      {"index", bytes_text(signed_count(info.index_bytes))}};
  if (!info.read_only.empty()) rows.push_back({"read only", without_controls(info.read_only)});
  return aligned_table(rows, 2);
}

Status run_info(const StoreChoice& choice) {
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

}  // namespace

Action add_passages_info(CLI::App& verb, AppContext&) {
  auto choice = std::make_shared<StoreChoice>();
  add_store_choice(verb, *choice, "One JSON object instead of a table");
  return [choice] { return run_info(*choice); };
}

}  // namespace headwise
