// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "engine/settings.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "headwise/shipped_adapter.h"

namespace headwise {
namespace {

template <typename T, size_t n>
Status read_word(const std::array<Word<T>, n>& words, const char* flag, const std::string& given, T& value) {
  if (given.empty()) return {};
  const auto found = meaning_of(words, given);
  if (!found) {
    std::string known;
    for (const std::string& word : words_of(words)) known += (known.empty() ? "" : ", ") + word;
    return fail(ErrorCode::kUsage,
                std::string(flag) + ": expected one of " + known + "; found '" + given + "'");
  }
  value = *found;
  return {};
}

Status set_fusion(const std::string& fuse, RerankerOptions& options) {
  options.fusion = Fusion::kNone;
  if (fuse.empty() || fuse == "none") return {};
  if (fuse == "rrf") {
    options.fusion = Fusion::kReciprocalRank;
    return {};
  }
  double weight = 0.0;
  const auto [end, error] = std::from_chars(fuse.data(), fuse.data() + fuse.size(), weight);
  if (error != std::errc() || end != fuse.data() + fuse.size() || !std::isfinite(weight) || weight < 0) {
    return fail(
        ErrorCode::kUsage,
        "--fuse: expected a weight of the first stage such as 0.7, or rrf, or none; found '" + fuse + "'");
  }
  options.fusion = Fusion::kWeighted;
  options.fusion_weight = weight;
  return {};
}

// A head-set file's members by the setting that each stands for.
struct SetMember {
  const char* flag;
  std::string HeadSet::*member;
  std::string EngineSettings::*target;
  bool (*known)(const std::string& word);
};
template <const auto& words>
bool is_word_of(const std::string& given) {
  return meaning_of(words, given).has_value();
}
constexpr SetMember kSetMembers[] = {
    {"--encoding", &HeadSet::encoding, &EngineSettings::encoding, is_word_of<kEncodingWords>},
    {"--calibration", &HeadSet::calibration, &EngineSettings::calibration, is_word_of<kCalibrationWords>},
    {"--token-filter", &HeadSet::token_filter, &EngineSettings::token_filter, is_word_of<kTokenFilterWords>},
    {"--rows", &HeadSet::rows, &EngineSettings::rows, is_word_of<kRowsWords>},
};

}  // namespace

Status put_in_way_of_reading(const HeadSet& set, const std::string& source, EngineSettings& settings) {
  // Before the loop fills it in: a template of the set belongs to the set's own encoding.
  const bool own_prompt = settings.options.prompt_template.empty() && settings.encoding.empty();
  for (const SetMember& row : kSetMembers) {
    const std::string& word = set.*row.member;
    if (word.empty() || !(settings.*row.target).empty()) continue;
    if (!row.known(word)) {
      return fail(ErrorCode::kInvalidInput,
                  source + " says '" + word + "', which " + row.flag + " does not know");
    }
    settings.*row.target = word;
  }
  if (own_prompt && !set.prompt_template.empty()) settings.options.prompt_template = set.prompt_template;
  return {};
}

bool asked_otherwise(const HeadSet& set, const EngineSettings& settings) {
  for (const SetMember& row : kSetMembers) {
    const std::string& asked = settings.*row.target;
    if (!asked.empty() && asked != set.*row.member) return true;
  }
  const std::string& asked = settings.options.prompt_template;
  return !asked.empty() && asked != set.prompt_template;
}

std::string adapter_meant(const EngineSettings& settings, std::string_view base_fingerprint) {
  if (!settings.adapter.empty()) return settings.adapter;
  const bool own_heads =
      !settings.router.empty() || !(settings.heads.empty() || settings.heads == kDefaultHeads);
  const ShippedAdapter* shipped = own_heads ? nullptr : shipped_adapter(base_fingerprint);
  return shipped == nullptr || asked_otherwise(shipped->heads, settings) ? kNoAdapter : kDefaultAdapter;
}

void put_in_defaults(EngineSettings& settings) {
  const auto put = [](std::string& word, const char* otherwise) {
    if (word.empty()) word = otherwise;
  };
  put(settings.adapter, kDefaultAdapter);
  put(settings.weights, kWeightsWords.front().word);
  put(settings.encoding, kEncodingWords.front().word);
  put(settings.calibration, kCalibrationWords.front().word);
  put(settings.token_filter, kTokenFilterWords.front().word);
  put(settings.rows, kRowsWords.front().word);
  put(settings.order, kOrderWords.front().word);
  put(settings.fuse, "none");
}

Result<RerankerOptions> reranker_options(const EngineSettings& settings) {
  RerankerOptions options = settings.options;
  auto heads = HeadSelection::parse(settings.heads.empty() ? "all" : settings.heads);
  if (!heads) return fail(std::move(heads.error()).with_context("reading --heads"));
  options.heads = std::move(*heads);
  HW_RETURN_IF_ERROR(read_word(kEncodingWords, "--encoding", settings.encoding, options.encoding));
  HW_RETURN_IF_ERROR(
      read_word(kCalibrationWords, "--calibration", settings.calibration, options.calibration));
  HW_RETURN_IF_ERROR(
      read_word(kTokenFilterWords, "--token-filter", settings.token_filter, options.token_filter));
  HW_RETURN_IF_ERROR(read_word(kOrderWords, "--order", settings.order, options.order));
  HW_RETURN_IF_ERROR(read_word(kRowsWords, "--rows", settings.rows, options.rows));
  ModelOptions::Weights weights;
  HW_RETURN_IF_ERROR(read_word(kWeightsWords, "--weights", settings.weights, weights));
  HW_RETURN_IF_ERROR(set_fusion(settings.fuse, options));
  return options;
}

namespace {

// Of a file that may change between two runs while its name stays.
std::string content_of(const std::string& path) {
  Fingerprint content;
  content.add(read_text_file(path).value_or(""));
  return content.hex();
}

}  // namespace

nlohmann::ordered_json options_that_decide(const EngineSettings& settings) {
  const RerankerOptions& options = settings.options;
  nlohmann::ordered_json json;
  json["heads"] = settings.heads;
  if (!options.heads.weights.empty()) json["weights"] = options.heads.weights;
  if (!settings.router.empty()) json["router"] = content_of(settings.router);
  json["encoding"] = settings.encoding;
  json["calibration"] = settings.calibration;
  json["token-filter"] = settings.token_filter;
  json["filter-after-sum"] = options.filter_after_sum;
  json["rows"] = settings.rows;
  json["fuse"] = settings.fuse;
  json["template"] = options.prompt_template;
  std::error_code ignored;
  if (!options.prompt_template.empty() &&
      std::filesystem::is_regular_file(options.prompt_template, ignored)) {
    json["template-content"] = content_of(options.prompt_template);
  }
  json["chat-format"] = options.chat_format;
  json["order"] = settings.order;
  json["seed"] = options.seed;
  json["max-words"] = options.max_words;
  json["max-tokens"] = options.max_tokens;
  json["max-prompt-tokens"] = options.max_prompt_tokens;
  json["block-span"] = options.block_span;
  json["top-k"] = options.top_k;
  return json;
}

}  // namespace headwise
