// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The page of `heads show`: a section for each thing it says, left out where there is nothing to say.
#include "report/heads_page.h"

#include <algorithm>
#include <utility>

#include "report/html.h"

namespace headwise {
namespace {

constexpr int kListed = 16;  // best heads

std::string swatch(size_t set, size_t sets) {
  return "<span class=\"swatch ring" + std::to_string(sets <= kMostOutlines ? set : 0) + "\"></span>";
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string chips(const std::vector<HeadId>& heads, size_t most) {
  std::string html;
  for (size_t i = 0; i < heads.size() && i < most; ++i) {
    html += "<span class=\"chip\">" + to_string(heads[i]) + "</span>";
  }
  if (heads.size() > most) html += " and " + std::to_string(heads.size() - most) + " more";
  return html;
}

std::string set_marks(const HeadReport& report, HeadId head) {
  std::string html;
  for (const size_t set : report.sets_with(head)) {
    html += "<span class=\"tag\">" + html_text(report.sets[set].name) + "</span>";
  }
  return html;
}

std::string best_heads(const HeadReport& report) {
  const HeadMap& map = *report.map;
  std::string rows[2];
  const std::vector<int> best = best_of(map.single, kListed);
  for (size_t i = 0; i < best.size(); ++i) {
    const HeadId head{best[i] / map.heads, best[i] % map.heads};
    rows[2 * i < best.size() ? 0 : 1] += "<tr><td>" + to_string(head) + set_marks(report, head) +
                                         "</td><td>" + fixed_digits(map.at(head.layer, head.head)) +
                                         "</td></tr>\n";
  }
  std::string html = "<div class=\"pair same\">";
  for (const std::string& half : rows) {
    html += "<table><tr><th>head</th><th>nDCG@10</th></tr>\n" + half + "</table>";
  }
  return html + "</div>";
}

std::string map_section(const HeadReport& report) {
  const HeadMap& map = *report.map;
  const auto [low, high] = std::minmax_element(map.single.begin(), map.single.end());
  const int best = best_of(map.single, 1).front();
  std::string html = "<section><h2>Each head alone</h2><div class=\"facts\">";
  html +=
      html_fact("best head, " + to_string(HeadId{best / map.heads, best % map.heads}), fixed_digits(*high));
  html += html_fact("all " + std::to_string(map.layers * map.heads) + " heads summed",
                    fixed_digits(map.all_heads));
  html += html_fact("first stage", fixed_digits(map.first_stage));
  html += "</div><p class=\"soft small\">nDCG@10 <span class=\"ramp\"></span> " + fixed_digits(*low, 2) +
          " to " + fixed_digits(*high, 2);
  if (report.sets.size() > kMostOutlines) {
    html += " &middot; " + swatch(0, 1) + " in a head set";
  } else {
    for (size_t i = 0; i < report.sets.size(); ++i) {
      html += " &middot; " + swatch(i, report.sets.size()) + " " + html_text(report.sets[i].name);
    }
  }
  html += ". Point at a head to see its value.</p>" + head_map_svg(report);
  return html + "<h3 class=\"next\">The best " + std::to_string(std::min(kListed, map.layers * map.heads)) +
         "</h3>" + best_heads(report) + "</section>\n";
}

std::string layer_section(const HeadMap& map) {
  const auto peak = static_cast<size_t>(map.window.peak);
  std::string html = "<section><h2>Layer by layer</h2><div class=\"facts\">";
  html += html_fact("best layer, " + std::to_string(map.window.peak), fixed_digits(map.layer_sum[peak]));
  html += html_fact(
      "window", "layers " + std::to_string(map.window.first) + "&ndash;" + std::to_string(map.window.last));
  html +=
      "</div><p class=\"soft small\"><span class=\"dot up\"></span> the layer's heads summed &middot; <span "
      "class=\"dot soft\"></span> mean of its heads alone &middot; <span class=\"dot down\"></span> first "
      "stage</p>" +
      layer_curve_svg(map);
  return html +
         "<p class=\"soft small\">Shaded: the window around the peak that Selective-ICR (arXiv 2602.22591) "
         "reads.</p></section>\n";
}

std::string described(const HeadSet& set) {
  std::vector<std::string> parts;
  if (set.target) parts.push_back(set.target->name);
  if (!set.method.empty()) parts.push_back("method " + set.method);
  if (!set.encoding.empty()) parts.push_back(set.encoding);
  if (!set.calibration.empty()) parts.push_back("calibration " + set.calibration);
  if (!set.data.empty()) parts.push_back("found on " + joined(set.data));
  if (set.ndcg) parts.push_back("nDCG@10 there " + fixed_digits(*set.ndcg));
  return joined(parts);
}

std::string set_section(const HeadReport& report) {
  constexpr size_t kMostChips = 40;
  std::string html =
      "<section><h2>Head sets</h2><div class=\"wide\"><table><tr><th class=\"named\">set</th>"
      "<th class=\"text\">heads, best first</th><th>heads</th><th>deepest layer</th>";
  if (!report.set_ndcg.empty()) html += "<th>nDCG@10</th>";
  html += "</tr>\n";
  for (size_t i = 0; i < report.sets.size(); ++i) {
    const HeadSet& set = report.sets[i].set;
    html += "<tr><td>" + swatch(i, report.sets.size()) + " " + html_text(report.sets[i].name) +
            "</td><td class=\"text\">" + chips(set.heads, kMostChips) + "<p class=\"small soft\">" +
            html_text(described(set)) + "</p>";
    if (!set.source.empty()) html += "<p class=\"small soft\">" + html_text(set.source) + "</p>";
    html += "</td><td>" + std::to_string(set.heads.size()) + "</td><td>" +
            std::to_string(std::max_element(set.heads.begin(), set.heads.end())->layer) + "</td>";
    if (!report.set_ndcg.empty()) html += "<td>" + fixed_digits(report.set_ndcg[i]) + "</td>";
    html += "</tr>\n";
  }
  return html + "</table></div></section>\n";
}

std::string overlap_section(const HeadReport& report) {
  const HeadOverlap& overlap = report.overlap;
  std::string html =
      "<section><h2>Overlap</h2><p class=\"soft small\">Heads in common, and below them their share of the "
      "heads in either set (Jaccard).</p><div class=\"wide\"><table class=\"matrix\"><tr><th></th>";
  for (const NamedHeadSet& set : report.sets) html += "<th>" + html_text(set.name) + "</th>";
  html += "</tr>\n";
  for (size_t a = 0; a < overlap.sets; ++a) {
    html += "<tr><td>" + html_text(report.sets[a].name) + "</td>";
    for (size_t b = 0; b < overlap.sets; ++b) {
      const double jaccard = overlap.jaccard_of(a, b);
      html += "<td style=\"background:color-mix(in srgb, var(--gain) " +
              fixed_digits(a == b ? 0.0 : 60.0 * jaccard, 0) + "%, transparent)\"><b>" +
              std::to_string(overlap.shared_of(a, b)) + "</b><span class=\"small\">" +
              fixed_digits(jaccard, 2) + "</span></td>";
    }
    html += "</tr>\n";
  }
  html += "</table></div><h3 class=\"next\">Heads in several sets</h3>";
  if (overlap.heads.empty()) return html + "<p class=\"soft\">none</p></section>\n";
  // One row for each combination of sets.
  std::vector<std::pair<std::vector<size_t>, std::vector<HeadId>>> rows;
  for (const HeadOverlap::Shared& item : overlap.heads) {
    auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first == item.sets; });
    if (row == rows.end()) row = rows.insert(rows.end(), {item.sets, {}});
    row->second.push_back(item.head);
  }
  html += "<div class=\"wide\"><table>";
  for (const auto& [sets, heads] : rows) {
    html += "<tr><td>" + set_marks(report, heads.front()) + "</td><td class=\"text\">" +
            chips(heads, heads.size()) + "</td></tr>\n";
  }
  return html + "</table></div></section>\n";
}

std::string correlation(const std::optional<double>& value) {
  return value ? fixed_digits(*value, 3) : "&ndash;";
}

std::string stability_section(const Stability& stability) {
  const std::string top = "shared of the best " + std::to_string(stability.top);
  std::string html = "<section><h2>Stability</h2>";
  if (stability.kind == Stability::Kind::kStores) {
    html +=
        "<p class=\"soft small\">The same queries, read in another order or with other settings of the "
        "store.</p><div class=\"wide\"><table><tr><th>store</th><th class=\"text\">store</th><th>queries</th>"
        "<th>rank correlation</th><th>" +
        top + "</th></tr>\n";
    for (const HeadAgreement& pair : stability.pairs) {
      html += "<tr><td>" + html_text(pair.first) + "</td><td class=\"text\">" + html_text(pair.second) +
              "</td><td>" + std::to_string(pair.queries_first) + "</td><td>" + correlation(pair.spearman) +
              "</td><td>" + std::to_string(pair.shared) + "</td></tr>\n";
    }
    html += "</table></div>";
  } else {
    const AgreementSummary summary = summarise(stability);
    html += "<p class=\"soft small\">" + std::to_string(stability.pairs.size()) +
            " random halves of the queries against the other half.</p><div class=\"facts\">" +
            html_fact("rank correlation, mean", correlation(summary.spearman_mean)) +
            html_fact("lowest to highest",
                      correlation(summary.spearman_low) + " to " + correlation(summary.spearman_high)) +
            html_fact(top + ", mean", fixed_digits(summary.shared_mean, 1)) + "</div>";
  }
  return html +
         "<p class=\"soft small\">Spearman's correlation of the heads' nDCG@10 alone; 1: the same order "
         "of all heads.</p></section>\n";
}

}  // namespace

std::string head_report_html(const HeadReport& report) {
  std::string body = "<p class=\"soft\">";
  if (report.map) {
    body += html_text(report.model) + " &middot; " + html_text(joined(report.data)) + " &middot; " +
            html_text(report.reading);
  } else {
    body += std::to_string(report.sets.size()) + (report.sets.size() == 1 ? " head set" : " head sets");
  }
  body += "</p>\n";
  if (report.map) body += map_section(report) + layer_section(*report.map);
  if (!report.sets.empty()) body += set_section(report);
  if (report.sets.size() > 1) body += overlap_section(report);
  if (report.stability.kind != Stability::Kind::kNone) body += stability_section(report.stability);
  return html_page("headwise heads", "Heads", body);
}

}  // namespace headwise
