// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/head_report.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "rerank/option_words.h"

namespace headwise {
namespace {

// Short names of the stores where those are all different, else the paths.
std::vector<std::string> store_names(const std::vector<std::filesystem::path>& stores) {
  std::vector<std::string> names, paths;
  for (const std::filesystem::path& folder : stores) {
    paths.push_back(folder.string());
    names.push_back(last_name(folder));
  }
  return std::set<std::string>(names.begin(), names.end()).size() == names.size() ? names : paths;
}

std::string reading_of(const SelectionOptions& options) {
  std::string text = std::string("calibration ") + word_of(kCalibrationWords, options.calibration);
  if (options.calibration != Calibration::kNa) return text;
  return text + ", token filter " + word_of(kTokenFilterWords, options.token_filter);
}

Status check_fit(const std::vector<NamedHeadSet>& sets, const StoreManifest& manifest) {
  for (const NamedHeadSet& item : sets) {
    auto fits = check_head_set(item.set, manifest.model, manifest.layers, manifest.heads);
    if (!fits) return fail(std::move(fits.error()).with_context("reading --heads '" + item.name + "'"));
  }
  return {};
}

}  // namespace

std::vector<size_t> HeadReport::sets_with(HeadId head) const {
  std::vector<size_t> found;
  for (size_t i = 0; i < sets.size(); ++i) {
    const std::vector<HeadId>& heads = sets[i].set.heads;
    if (std::find(heads.begin(), heads.end(), head) != heads.end()) found.push_back(i);
  }
  return found;
}

Result<HeadReport> head_report(std::vector<NamedHeadSet> sets, const ReportedStores* reported,
                               ThreadPool& threads) {
  if (reported != nullptr) HW_RETURN_IF_ERROR(check_fit(sets, reported->stores.manifest));
  HW_RETURN_IF_ERROR(check_same_model(sets));
  HeadReport report;
  report.sets = std::move(sets);
  report.overlap = head_overlap(report.sets);
  if (reported == nullptr) return report;

  const JudgedStores& stores = reported->stores;
  const SelectionOptions& options = reported->options;
  report.model = stores.manifest.model;
  report.data = stores.data;
  report.queries = stores.queries.size();
  report.reading = reading_of(options);
  const std::vector<double> by_query = query_head_ndcg(stores, options, threads);
  report.map = head_map(stores, by_query, options, threads);
  report.stability = head_stability(stores, by_query, store_names(reported->folders), reported->stability);
  for (const NamedHeadSet& item : report.sets) {
    report.set_ndcg.push_back(
        sum_ndcg(stores, {.heads = item.set.heads, .weights = item.set.weights}, options, threads));
  }
  return report;
}

}  // namespace headwise
