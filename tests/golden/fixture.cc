// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "golden/fixture.h"

#include <fstream>
#include <stdexcept>

#include "decoder/create.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "model/config.h"
#include "rerank/scoring.h"

namespace headwise::golden {
namespace {

using Ids = std::vector<int32_t>;
using Range = std::pair<int64_t, int64_t>;

Ids slice(const Ids& ids, int64_t begin, int64_t end) { return Ids(ids.begin() + begin, ids.begin() + end); }

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return std::move(*result);
}

std::unique_ptr<ModelWeights> open_any(const std::filesystem::path& path, ModelOptions options) {
  if (!std::filesystem::is_directory(path)) {
    auto file = std::make_unique<GgufFile>(value_or_throw(GgufFile::open(path)));
    const ModelConfig config = value_or_throw(config_from_gguf(*file));
    if (!config.unsupported.empty()) throw std::runtime_error(config.unsupported.front());
    return value_or_throw(ModelWeights::create(std::move(file), config, true, options));
  }
  const std::string text = value_or_throw(read_text_file(path / "config.json"));
  const ModelConfig config = value_or_throw(config_from_hf(text));
  if (!config.unsupported.empty()) throw std::runtime_error(config.unsupported.front());
  auto file = std::make_unique<SafetensorsFile>(value_or_throw(SafetensorsFile::open(path)));
  return value_or_throw(ModelWeights::create(std::move(file), config, false, options));
}

}  // namespace

Fixture Fixture::open(const std::filesystem::path& folder, const std::string& stem) {
  std::ifstream file(folder / (stem + ".json"));
  return {folder, stem, nlohmann::json::parse(file)};
}

BuiltPrompt Fixture::prompt(QueryRows rows) const {
  const nlohmann::json& query = json["query"];
  const Ids ids = query["ids"].get<Ids>();
  const auto positions = query["positions"].get<std::vector<int64_t>>();
  const Ids empty_ids = json["content_free"]["ids"].get<Ids>();
  const auto slots = query["slots"].get<std::vector<Range>>();
  const auto spans = query["spans"].get<std::vector<Range>>();
  const Range lead = query["lead"].get<Range>();
  const int64_t instruction = query["rows"]["all"][0].get<int64_t>();
  const Range query_text = query["rows"]["query"].get<Range>();
  const Range empty_text = json["content_free"]["rows"]["query"].get<Range>();

  BuiltPrompt built;
  std::vector<int> seen;
  if (stem == "list") {
    seen.push_back(built.layout.add_segment(slice(ids, 0, query_text.first), 0, {}));
    for (const Range& span : spans) built.spans.push_back({0, span.first, span.second - span.first});
    built.segments.passages.assign(spans.size(), 0);
  } else {
    const int prefix = built.layout.add_segment(slice(ids, lead.first, lead.second), 0, {});
    seen.push_back(prefix);
    for (size_t i = 0; i < slots.size(); ++i) {
      const auto [begin, end] = slots[i];
      const int slot =
          built.layout.add_segment(slice(ids, begin, end), positions[static_cast<size_t>(begin)], {prefix});
      seen.push_back(slot);
      built.segments.passages.push_back(slot);
      built.spans.push_back({slot, spans[i].first - begin, spans[i].second - spans[i].first});
    }
    built.segments.instruction = built.layout.add_segment(slice(ids, instruction, query_text.first),
                                                          positions[static_cast<size_t>(instruction)], seen);
    seen.push_back(built.segments.instruction);
  }
  built.shared_rows = {instruction, rows == QueryRows::kQuery ? 0 : query_text.first - instruction};
  const int64_t position = positions[static_cast<size_t>(query_text.first)];
  const auto add_query = [&](const Ids& all, const Range& text) {
    const Ids segment = slice(all, text.first, static_cast<int64_t>(all.size()));
    const RowGroup group{built.layout.tokens(), rows == QueryRows::kAll ? static_cast<int64_t>(segment.size())
                                                                        : text.second - text.first};
    built.segments.queries.push_back(built.layout.add_segment(segment, position, seen));
    return group;
  };
  built.query_rows = {add_query(ids, query_text)};
  built.content_free_rows = add_query(empty_ids, empty_text);
  built.segments.content_free = built.segments.queries.back();
  built.segments.queries.pop_back();
  return built;
}

std::shared_ptr<const ModelWeights> open_weights(const std::filesystem::path& path, ModelOptions options) {
  return open_any(path, options);
}

std::shared_ptr<const ModelWeights> open_changed(const std::filesystem::path& path,
                                                 const std::function<void(ModelSpec&)>& change) {
  std::unique_ptr<ModelWeights> weights = open_any(path, {});
  change(weights->spec);
  return weights;
}

std::vector<HeadId> all_heads(const ModelConfig& config) {
  return value_or_throw(
      HeadSelection{}.resolve(static_cast<int>(config.layers), static_cast<int>(config.heads)));
}

PassResult run_pass(const std::shared_ptr<const ModelWeights>& weights, const BuiltPrompt& prompt,
                    const PassOptions& options) {
  const auto decoder = value_or_throw(create_decoder(weights, {.threads = options.threads}));
  return run_pass(*decoder, weights->config, prompt, options);
}

PassResult run_pass(Decoder& decoder, const ModelConfig& config, const BuiltPrompt& prompt,
                    const PassOptions& options) {
  const std::vector<HeadId> heads = options.heads.empty() ? all_heads(config) : options.heads;
  ScoreCollector filtered(prompt, heads, TokenFilter::kLow);
  ScoreCollector unfiltered(prompt, heads, TokenFilter::kNone);
  const RowGroup groups[] = {prompt.shared_rows, prompt.query_rows.front(), prompt.content_free_rows};
  PassResult result;
  DecodeRequest request;
  request.prompt = &prompt.layout;
  request.heads = heads;
  request.rows = groups;
  request.full_depth = options.full_depth;
  request.on_layer = [&](const LayerAttention& attention) {
    filtered.add(attention);
    unfiltered.add(attention);
  };
  if (options.hidden) {
    request.on_hidden = [&](int, const float* hidden) {
      result.hidden.emplace_back(hidden, hidden + prompt.layout.tokens() * config.width);
    };
  }
  value_or_throw(decoder.run(request));
  result.values = filtered.take_values();
  result.unfiltered = unfiltered.take_values();
  return result;
}

}  // namespace headwise::golden
