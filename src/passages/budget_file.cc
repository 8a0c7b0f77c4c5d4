// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/budget_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "headwise keep budget";
constexpr int kFormatVersion = 1;
constexpr size_t kMostLayers = 4096;

tl::unexpected<Error> wrong(const std::string& why) {
  return fail(ErrorCode::kInvalidInput,
              why + "; see docs/formats.md#budget-files, or make one with headwise heads sensitivity");
}

// A member that is an array of numbers in [0, 1].
Result<std::vector<double>> numbers(const Json& array, const std::string& name) {
  if (!array.is_array() || array.empty() || array.size() > kMostLayers) {
    return wrong("'" + name + "' must be an array with one number a layer");
  }
  std::vector<double> read;
  for (const Json& value : array) {
    const double number = value.is_number() ? value.get<double>() : -1.0;
    if (!(number >= 0.0 && number <= 2.0)) {
      return wrong("'" + name + "' holds " + value.dump(-1, ' ', true, Json::error_handler_t::replace) +
                   ", which is no number from 0 to 2");
    }
    read.push_back(number);
  }
  return read;
}

Status read_losses(const Json& json, BudgetFile& file) {
  const auto kept = json.find("kept");
  const auto losses = json.find("losses");
  if (kept == json.end() && losses == json.end()) return {};
  if (kept == json.end() || losses == json.end() || !losses->is_array() || losses->size() != kept->size()) {
    return wrong("'losses' must have an array for each share in 'kept'");
  }
  auto shares = numbers(*kept, "kept");
  HW_RETURN_IF_ERROR(shares);
  file.kept = std::move(*shares);
  for (const Json& row : *losses) {
    auto loss = numbers(row, "losses");
    HW_RETURN_IF_ERROR(loss);
    if (loss->size() != file.budget.sensitivity.size()) {
      return wrong("'losses' has " + std::to_string(loss->size()) + " layers and 'sensitivity' " +
                   std::to_string(file.budget.sensitivity.size()));
    }
    file.losses.push_back(std::move(*loss));
  }
  return {};
}

Status read_shares(const Json& json, BudgetFile& file) {
  const auto shares = json.find("shares");
  const auto sensitivity = json.find("sensitivity");
  if ((shares == json.end()) == (sensitivity == json.end())) {
    return wrong("a budget file has 'shares' or 'sensitivity', one of the two");
  }
  if (sensitivity != json.end()) {
    auto read = numbers(*sensitivity, "sensitivity");
    HW_RETURN_IF_ERROR(read);
    file.budget.sensitivity = std::move(*read);
    return read_losses(json, file);
  }
  auto read = numbers(*shares, "shares");
  HW_RETURN_IF_ERROR(read);
  for (const double share : *read) {
    if (share != 0.0 && (share < kLeastShare || share > 1.0)) {
      return wrong("a share is 0, or from 1/32 to 1; 'shares' holds " + Json(share).dump());
    }
  }
  if (std::all_of(read->begin(), read->end(), [](double share) { return share == 0.0; })) {
    return wrong("'shares' keeps nothing");
  }
  file.budget.shares = std::move(*read);
  return {};
}

std::string text_of(const Json& json, const char* name) {
  const auto member = json.find(name);
  return member != json.end() && member->is_string() ? member->get<std::string>() : std::string();
}

}  // namespace

Result<BudgetFile> parse_budget_file(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return wrong("a budget file is one JSON object");
  if (text_of(json, "format") != kFormat) {
    return wrong(std::string("'format' must be \"") + kFormat + "\"");
  }
  const auto version = json.find("version");
  if (version == json.end() || *version != kFormatVersion) {
    return wrong("'version' must be " + std::to_string(kFormatVersion));
  }
  BudgetFile file;
  file.model = text_of(json, "model");
  file.source = text_of(json, "source");
  const auto queries = json.find("queries");
  if (queries != json.end() && queries->is_number_integer()) file.queries = queries->get<int64_t>();
  HW_RETURN_IF_ERROR(read_shares(json, file));
  return file;
}

std::string format_budget_file(const BudgetFile& file) {
  Json json = {{"format", kFormat}, {"version", kFormatVersion}};
  if (!file.model.empty()) json["model"] = file.model;
  if (!file.source.empty()) json["source"] = file.source;
  if (file.queries > 0) json["queries"] = file.queries;
  if (!file.budget.shares.empty()) {
    json["shares"] = file.budget.shares;
  } else {
    json["sensitivity"] = file.budget.sensitivity;
    if (!file.kept.empty()) {
      json["kept"] = file.kept;
      json["losses"] = file.losses;
    }
  }
  return json.dump(1, ' ', true, Json::error_handler_t::replace) + "\n";
}

Result<BudgetFile> read_budget_file(const std::filesystem::path& path) {
  const auto text = read_text_file(path, size_t{16} << 20);
  HW_RETURN_IF_ERROR(text);
  auto file = parse_budget_file(*text);
  if (!file) return fail(std::move(file.error()).with_context("reading " + path.string()));
  return file;
}

Result<KeptForm> keep_form_of(const KeepOptions& options, const std::string& model, int layers) {
  if (options.budget.file.empty()) return kept_form(options.type, options.budget, nullptr, layers);
  const auto file = read_budget_file(options.budget.file);
  HW_RETURN_IF_ERROR(file);
  if (!file->model.empty() && file->model != model) {
    return fail(ErrorCode::kUsage, "budget file " + options.budget.file + " is of model " + file->model +
                                       ", this one is " + model + "; measure it with this model and adapter");
  }
  return kept_form(options.type, options.budget, &file->budget, layers);
}

}  // namespace headwise
