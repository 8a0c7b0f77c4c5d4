// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads_show_print.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/digits.h"
#include "common/terminal.h"

namespace headwise {
namespace {

constexpr int kListed = 16;       // best heads
constexpr int kNameColumns = 40;  // of a set's or store's name

std::string fixed_or_dash(const std::optional<double>& value, int digits) {
  return value ? fixed_digits(*value, digits) : "-";
}

std::string name_of(const std::string& name) { return cut_to_columns(name, kNameColumns); }

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// "a, b": the sets that hold a head, by their letters.
std::string letters_of(const HeadReport& report, HeadId head) {
  std::string letters;
  for (const size_t set : report.sets_with(head)) {
    letters += set < 26 ? std::string(1, static_cast<char>('a' + set)) : "+";
  }
  return letters;
}

// Two columns a head where they fit, else one. Dark is low; a head of a set has a dot.
std::string grid_line(const HeadReport& report, int layer, const ShowLook& look) {
  // Of the 256 colours that terminals share: dark grey over blue to light cyan.
  constexpr std::array kColours{235, 236, 238, 24, 25, 31, 37, 44, 80, 123};
  constexpr std::array kShades{" ", "░", "▒", "▓", "█"};
  const HeadMap& map = *report.map;
  const auto [low, high] = std::minmax_element(map.single.begin(), map.single.end());
  const double range = *high > *low ? *high - *low : 1.0;
  constexpr int kOther = 40;  // what the line's other columns need
  const int width = 2 * map.heads + kOther <= look.columns ? 2 : 1;
  std::string line;
  for (int head = 0; head < map.heads; ++head) {
    const double share = (map.at(layer, head) - *low) / range;
    const bool chosen = !report.sets_with({layer, head}).empty();
    const auto step = [&](size_t steps) {
      return std::min(steps - 1, static_cast<size_t>(share * static_cast<double>(steps)));
    };
    if (look.colour) {
      const size_t place = step(kColours.size());
      line += "\033[48;5;" + std::to_string(kColours[place]) + (place < 6 ? ";97m" : ";30m") +
              (chosen ? "•" : " ") + (width == 2 ? " " : "");
    } else {
      const char* shade = kShades[step(kShades.size())];
      line += std::string(chosen ? "•" : shade) + (width == 2 ? shade : "");
    }
  }
  return line + (look.colour ? "\033[0m" : "");
}

std::string layers_text(const HeadReport& report, const ShowLook& look) {
  const HeadMap& map = *report.map;
  const double largest = *std::max_element(map.layer_sum.begin(), map.layer_sum.end());
  std::string text = std::string("layer  ") +
                     (look.grid ? "heads 0 to " + std::to_string(map.heads - 1) + " alone; " : "") +
                     "summed, mean alone; | the window of four around the peak\n";
  for (int layer = 0; layer < map.layers; ++layer) {
    const auto place = static_cast<size_t>(layer);
    const bool inside = layer >= map.window.first && layer <= map.window.last;
    text += pad_to_columns(std::to_string(layer), 5, false) + (inside ? " |" : "  ");
    if (look.grid) text += grid_line(report, layer, look) + " ";
    text += fixed_digits(map.layer_sum[place]) + " " + fixed_digits(map.layer_mean[place]);
    if (look.grid) text += " " + bar_of(largest > 0.0 ? map.layer_sum[place] / largest : 0.0, 16);
    text += layer == map.window.peak ? " peak\n" : "\n";
  }
  return text;
}

std::string best_text(const HeadReport& report) {
  const HeadMap& map = *report.map;
  std::vector<TableRow> rows{{"head", "nDCG@10", "sets"}};
  for (const int place : best_of(map.single, kListed)) {
    const HeadId head{place / map.heads, place % map.heads};
    rows.push_back({to_string(head), fixed_digits(map.at(head.layer, head.head)), letters_of(report, head)});
  }
  return aligned_table(rows, 1);
}

std::string sets_text(const HeadReport& report, int columns) {
  std::vector<TableRow> rows{{"", "set", "method", "heads", "deepest"}};
  if (!report.set_ndcg.empty()) rows[0].push_back("nDCG@10");
  for (size_t i = 0; i < report.sets.size(); ++i) {
    const HeadSet& set = report.sets[i].set;
    rows.push_back({std::string(1, static_cast<char>(i < 26 ? 'a' + i : '+')), name_of(report.sets[i].name),
                    set.method.empty() ? "-" : name_of(set.method), std::to_string(set.heads.size()),
                    std::to_string(std::max_element(set.heads.begin(), set.heads.end())->layer)});
    if (!report.set_ndcg.empty()) rows.back().push_back(fixed_digits(report.set_ndcg[i]));
  }
  std::string text = aligned_table(rows, 3);
  for (size_t i = 0; i < report.sets.size(); ++i) {
    const HeadSet& set = report.sets[i].set;
    text += "\n" + rows[i + 1][0] + "  " + cut_to_columns(set.selection().to_string(), columns - 3) + "\n";
    if (set.target) text += "   for " + cut_to_columns(set.target->name, columns - 7) + "\n";
    if (!set.data.empty()) text += "   found on " + cut_to_columns(joined(set.data), columns - 12) + "\n";
    if (!set.source.empty()) text += "   " + cut_to_columns(set.source, columns * 4) + "\n";
  }
  return text;
}

std::string overlap_text(const HeadReport& report) {
  const HeadOverlap& overlap = report.overlap;
  std::vector<TableRow> rows{{"heads in common, Jaccard"}};
  for (size_t b = 0; b < overlap.sets; ++b) {
    rows[0].push_back(std::string(1, static_cast<char>(b < 26 ? 'a' + b : '+')) + "     ");
  }
  for (size_t a = 0; a < overlap.sets; ++a) {
    rows.push_back(
        {std::string(1, static_cast<char>(a < 26 ? 'a' + a : '+')) + "  " + name_of(report.sets[a].name)});
    for (size_t b = 0; b < overlap.sets; ++b) {
      rows.back().push_back(std::to_string(overlap.shared_of(a, b)) + " " +
                            fixed_digits(overlap.jaccard_of(a, b), 3));
    }
  }
  std::string text = aligned_table(rows, 1);
  for (const HeadOverlap::Shared& item : overlap.heads) {
    text += pad_to_columns(to_string(item.head), 7) + letters_of(report, item.head) + "\n";
  }
  return text;
}

std::string stability_text(const Stability& stability) {
  const std::string shared = "shared of best " + std::to_string(stability.top);
  if (stability.kind == Stability::Kind::kStores) {
    std::vector<TableRow> rows{{"store", "store", "queries", "rank correlation", shared}};
    for (const HeadAgreement& pair : stability.pairs) {
      rows.push_back({name_of(pair.first), name_of(pair.second), std::to_string(pair.queries_first),
                      fixed_or_dash(pair.spearman, 3), std::to_string(pair.shared)});
    }
    return aligned_table(rows, 2);
  }
  const AgreementSummary summary = summarise(stability);
  return "stability over " + std::to_string(stability.pairs.size()) +
         " random halves of the queries: rank correlation " + fixed_or_dash(summary.spearman_mean, 3) + " (" +
         fixed_or_dash(summary.spearman_low, 3) + " to " + fixed_or_dash(summary.spearman_high, 3) + "), " +
         shared + ": " + fixed_digits(summary.shared_mean, 1) + "\n";
}

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json stability_json(const Stability& stability) {
  if (stability.kind == Stability::Kind::kNone) return nullptr;
  const bool stores = stability.kind == Stability::Kind::kStores;
  Json json{{"between", stores ? "stores" : "halves"}, {"top", stability.top}, {"pairs", Json::array()}};
  for (const HeadAgreement& pair : stability.pairs) {
    Json row = Json::object();
    if (stores) row["stores"] = {pair.first, pair.second};
    row["queries"] = {pair.queries_first, pair.queries_second};
    row["spearman"] = number_or_null(pair.spearman);
    row["shared_of_top"] = pair.shared;
    json["pairs"].push_back(std::move(row));
  }
  return json;
}

Json map_json(const HeadReport& report) {
  const HeadMap& map = *report.map;
  Json json;
  json["model"] = report.model;
  json["layers"] = map.layers;
  json["heads"] = map.heads;
  json["data"] = report.data;
  json["queries"] = report.queries;
  json["reading"] = report.reading;
  json["first_stage_ndcg@10"] = map.first_stage;
  json["all_heads_ndcg@10"] = map.all_heads;
  Json single = Json::array();
  for (int layer = 0; layer < map.layers; ++layer) {
    const auto row = map.single.begin() + layer * map.heads;
    single.push_back(std::vector<double>(row, row + map.heads));
  }
  json["head_ndcg@10"] = std::move(single);
  json["layer_ndcg@10"] = map.layer_sum;
  json["layer_mean_ndcg@10"] = map.layer_mean;
  json["window"] = {{"peak", map.window.peak}, {"first", map.window.first}, {"last", map.window.last}};
  json["stability"] = stability_json(report.stability);
  return json;
}

Json overlap_json(const HeadOverlap& overlap) {
  Json shared = Json::array(), jaccard = Json::array(), heads = Json::array();
  for (size_t a = 0; a < overlap.sets; ++a) {
    Json shared_row = Json::array(), jaccard_row = Json::array();
    for (size_t b = 0; b < overlap.sets; ++b) {
      shared_row.push_back(overlap.shared_of(a, b));
      jaccard_row.push_back(overlap.jaccard_of(a, b));
    }
    shared.push_back(std::move(shared_row));
    jaccard.push_back(std::move(jaccard_row));
  }
  for (const HeadOverlap::Shared& item : overlap.heads) {
    heads.push_back({{"head", to_string(item.head)}, {"sets", item.sets}});
  }
  return {{"shared", std::move(shared)}, {"jaccard", std::move(jaccard)}, {"heads", std::move(heads)}};
}

}  // namespace

std::string heads_text(const HeadReport& report, const ShowLook& look) {
  std::string text;
  if (report.map) {
    const HeadMap& map = *report.map;
    text += report.model + "; " + joined(report.data) + "; " + report.reading +
            "\nnDCG@10: " + fixed_digits(map.all_heads) + " all heads summed, " +
            fixed_digits(map.first_stage) + " first stage\n\n" + layers_text(report, look) + "\n" +
            best_text(report) + "\n";
  }
  if (!report.sets.empty()) text += sets_text(report, look.columns) + "\n";
  if (report.sets.size() > 1) text += overlap_text(report) + "\n";
  if (report.stability.kind != Stability::Kind::kNone) text += stability_text(report.stability) + "\n";
  text.pop_back();  // the blank line after the last part
  return text;
}

Json heads_json(const HeadReport& report) {
  Json json = report.map ? map_json(report) : Json::object();
  Json sets = Json::array();
  for (size_t i = 0; i < report.sets.size(); ++i) {
    Json set = Json::parse(format_head_set(report.sets[i].set, HeadSetFormat::kHeadwise));
    Json row{{"name", report.sets[i].name}};
    if (!report.set_ndcg.empty()) row["ndcg@10 here"] = report.set_ndcg[i];
    row["set"] = std::move(set);
    sets.push_back(std::move(row));
  }
  json["sets"] = std::move(sets);
  json["overlap"] = overlap_json(report.overlap);
  return json;
}

std::string catalogue_text(std::span<const CatalogueEntry> entries, int columns) {
  std::vector<TableRow> rows{{"name", "model", "method", "layers x heads", "read"}};
  for (const CatalogueEntry& entry : entries) {
    const HeadSet& set = entry.set;
    rows.push_back(
        {entry.name, set.target ? set.target->name : set.model, set.method,
         set.target ? std::to_string(set.target->layers) + " x " + std::to_string(set.target->heads) : "",
         std::to_string(set.heads.size())});
  }
  std::string text = aligned_table(rows, 3) + "\n";
  for (const CatalogueEntry& entry : entries) {
    if (entry.set.source.empty()) continue;
    text += entry.name + "\n   " + cut_to_columns(entry.set.source, columns * 4) + "\n";
  }
  return text +
         "\nRead one with `headwise rerank --heads NAME`; `headwise heads show --heads NAME` prints it.\n";
}

Json catalogue_json(std::span<const CatalogueEntry> entries) {
  Json json = Json::array();
  for (const CatalogueEntry& entry : entries) {
    json.push_back(
        {{"name", entry.name}, {"set", Json::parse(format_head_set(entry.set, HeadSetFormat::kHeadwise))}});
  }
  return json;
}

}  // namespace headwise
