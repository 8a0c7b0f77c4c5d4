// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/dialects.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/check.h"
#include "engine/options.h"
#include "serve/dialect_parts.h"

namespace headwise::serve {
namespace {

constexpr const char* kCohere2[] = {"/v2/rerank"};
constexpr const char* kShort[] = {"/rerank", "/v1/rerank"};
constexpr const char* kRerank[] = {"/rerank", "/v1/rerank", "/reranking", "/v1/reranking"};
constexpr const char* kInfinity[] = {"/infinity/rerank", "/infinity/v1/rerank"};
constexpr const char* kScore[] = {"/score", "/v1/score"};
constexpr const char* kOwn[] = {"/v1/headwise/rerank"};
constexpr const char* kSearch[] = {"/v1/headwise/search"};

bool is_tei(const ParsedJson& body) {
  const ParsedJson* texts = given_member(body, "texts");
  return texts != nullptr && (texts->is_array() || given_member(body, "documents") == nullptr);
}
// voyageai always sends `truncation`; who says `top_n` speaks another dialect, whatever else is in the body.
bool is_voyage(const ParsedJson& body) {
  const bool either = given_member(body, "top_k") != nullptr || given_member(body, "truncation") != nullptr;
  return either && given_member(body, "top_n") == nullptr;
}

// Cohere v1 and Jina share a path and a body; what either adds stands beside the other's.
constexpr std::array<Dialect, 8> kDialects{{
    {"cohere", kCohere2, nullptr, parse_cohere, render_results, error_body, ScoreKind::kRelevance},
    {"tei", kShort, is_tei, parse_tei, render_tei, tei_error_body, ScoreKind::kRelevance},
    {"voyage", kShort, is_voyage, parse_voyage, render_voyage, voyage_error_body, ScoreKind::kRelevance},
    {"jina", kRerank, nullptr, parse_jina, render_results, error_body, ScoreKind::kRelevance},
    {"infinity", kInfinity, nullptr, parse_jina, render_infinity, error_body, ScoreKind::kRelevance},
    {"score", kScore, nullptr, parse_score, render_score, error_body, ScoreKind::kRelevance},
    {"headwise", kOwn, nullptr, parse_own, render_own, error_body, ScoreKind::kRaw, true},
    {"search", kSearch, nullptr, parse_search, render_own, error_body, ScoreKind::kRaw, true},
}};

bool heard_at(const Dialect& dialect, std::string_view path) {
  return std::find(dialect.paths.begin(), dialect.paths.end(), path) != dialect.paths.end();
}

}  // namespace

std::span<const Dialect> dialects() { return kDialects; }

bool is_dialect_path(std::string_view path) {
  return std::any_of(kDialects.begin(), kDialects.end(),
                     [&](const Dialect& dialect) { return heard_at(dialect, path); });
}

std::string_view dialect_path_at_end_of(std::string_view path) {
  const std::string small = lower_ascii(path);
  std::string_view longest;
  for (const Dialect& dialect : kDialects) {
    for (const std::string_view own : dialect.paths) {
      if (small.ends_with(own) && own.size() > longest.size()) longest = own;
    }
  }
  return longest;
}

std::string in_words_of(const Dialect& dialect, std::string_view message) {
  const auto field_of = [&](std::string_view flag) -> std::string {
    if (flag == "instruction") return "instruction";
    if (flag == "min-score") return "min_score";
    if (flag == "score") return dialect.takes_options ? "score" : "score_scale";
    if (!dialect.takes_options) return {};
    const Option* option = find_option(flag);
    return option != nullptr && option->client ? client_field(*option) : std::string();
  };
  std::string text;
  for (size_t at = 0; at < message.size();) {
    const size_t begin = std::min(message.find("--", at), message.size());
    text += message.substr(at, begin - at);
    size_t end = std::min(begin + 2, message.size());
    while (end < message.size() && (message[end] == '-' || (message[end] >= 'a' && message[end] <= 'z')))
      ++end;
    const std::string_view flag = message.substr(begin, end - begin);
    const std::string field = flag.size() > 2 ? field_of(flag.substr(2)) : std::string();
    text += field.empty() ? std::string(flag) : "\"" + field + "\"";
    at = end;
  }
  return text;
}

const Dialect* find_dialect(std::string_view path, const ParsedJson& body) {
  for (const Dialect& dialect : kDialects) {
    const bool known = dialect.recognise == nullptr || dialect.recognise(body);
    if (known && heard_at(dialect, path)) return &dialect;
  }
  return nullptr;
}

std::vector<ScoredPassage> shown_results(const RerankRequest& request, const QueryAnswer& answer) {
  std::vector<ScoredPassage> results = answer.results;
  // The service has seen to it that there is a relevance where one is shown.
  HW_CHECK(express_scores(request.score.value_or(ScoreKind::kRaw), results));
  if (request.min_score) leave_out_below(*request.min_score, results);
  const auto wanted = static_cast<size_t>(request.top_n);
  if (wanted > 0 && wanted < results.size()) results.resize(wanted);
  return results;
}

}  // namespace headwise::serve
