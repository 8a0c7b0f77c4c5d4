// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How measures are written: ours (ndcg@10), trec_eval's (ndcg_cut.10, ndcg_cut_10, P_10), the literature's
// (mrr@10).
#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/check.h"
#include "eval/measures.h"
#include "formats/text_lines.h"
#include "headwise/evaluation.h"

namespace headwise {
namespace {

struct Alias {
  std::string_view name;
  std::string_view means;
};
constexpr std::array<Alias, 9> kAliases{{
    {"ndcg_cut", "ndcg"},
    {"map_cut", "map"},
    {"ap", "map"},
    {"mrr", "recip_rank"},
    {"rr", "recip_rank"},
    {"mrr_cut", "recip_rank"},
    {"precision", "p"},
    {"r", "recall"},
    {"hit", "success"},
}};

std::string shown_name(const MeasureRow& row) {
  return std::string(row.name) + (row.needs_cut ? "@k" : "[@k]");
}

tl::unexpected<Error> unknown(std::string_view name) {
  std::string known;
  for (const MeasureRow& row : measure_table()) known += (known.empty() ? "" : ", ") + shown_name(row);
  return fail(ErrorCode::kUsage, "unknown measure " + in_quotes(name) + ": known are " + known +
                                     " with a number for k, for instance ndcg@10,map,p@10");
}

Result<Measure> parse_measure(std::string_view name) {
  const size_t digits = name.find_last_not_of("0123456789");
  std::string_view base = name;
  std::string_view number;
  if (digits != std::string_view::npos && digits + 1 < name.size() &&
      std::string_view("@._").find(name[digits]) != std::string_view::npos) {
    base = name.substr(0, digits);
    number = name.substr(digits + 1);
  }
  std::string key = lower_ascii(base);
  for (const Alias& alias : kAliases) {
    if (alias.name == key) key = alias.means;
  }
  std::span<const MeasureRow> table = measure_table();
  auto row =
      std::find_if(table.begin(), table.end(), [&](const MeasureRow& item) { return item.name == key; });
  if (row == table.end()) return unknown(name);
  Measure measure{key, static_cast<size_t>(row - table.begin()), 0};
  if (number.empty()) {
    if (!row->needs_cut) return measure;
    return fail(ErrorCode::kUsage,
                "measure " + in_quotes(name) + " needs the number of ranks it reads, as in " + key + "@10");
  }
  std::optional<int64_t> cut = parse_integer(number);
  if (!cut || *cut < 1 || *cut > 1'000'000'000) {
    return fail(ErrorCode::kUsage, "measure " + in_quotes(name) + ": expected a number of ranks from 1 on");
  }
  measure.cut = static_cast<int>(*cut);
  measure.name += "@" + std::to_string(*cut);
  return measure;
}

}  // namespace

std::vector<MeasureDescription> known_measures() {
  std::vector<MeasureDescription> known;
  for (const MeasureRow& row : measure_table()) {
    std::string trec_eval(row.trec_eval);
    if (!row.trec_eval_cut.empty()) {
      trec_eval += (trec_eval.empty() ? "" : ", ") + std::string(row.trec_eval_cut) + ".k";
    }
    known.push_back({shown_name(row), trec_eval, std::string(row.meaning)});
  }
  return known;
}

Result<std::vector<Measure>> parse_measures(std::string_view list) {
  std::vector<Measure> measures;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::vector<std::string_view> words = split_blanks(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    for (std::string_view word : words) {
      Result<Measure> measure = parse_measure(word);
      HW_RETURN_IF_ERROR(measure);
      const bool twice = std::any_of(measures.begin(), measures.end(),
                                     [&](const Measure& other) { return other.name == measure->name; });
      if (!twice) measures.push_back(std::move(*measure));
    }
  }
  if (measures.empty()) return unknown("");
  return measures;
}

}  // namespace headwise
