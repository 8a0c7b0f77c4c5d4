// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "engine/resolve.h"

#include <utility>

#include "base/check.h"
#include "engine/named_heads.h"
#include "headwise/head_catalogue.h"

namespace headwise {
namespace {

// The options that a reading speaks of.
constexpr std::pair<std::string_view, std::string ReadingWords::*> kReadingWords[] = {
    {"encoding", &ReadingWords::encoding},
    {"calibration", &ReadingWords::calibration},
    {"token-filter", &ReadingWords::token_filter},
    {"rows", &ReadingWords::rows},
};
constexpr std::string_view kTemplate = "template";
constexpr const char* kAllHeads = "all";

Status set_reading_option(EngineSettings& settings, std::string_view name, const std::string& word,
                          const std::string& source) {
  if (set_option(settings, name, word)) return {};
  return fail(ErrorCode::kInvalidInput,
              source + " says '" + word + "', which --" + std::string(name) + " does not know");
}

ReadingWords reading_of(const NamedParts& named) {
  if (named.router) return reading_of(*named.router);
  return named.set ? reading_of(*named.set) : ReadingWords{};
}

}  // namespace

Result<EngineSettings> with_reading(EngineSettings settings, const ReadingWords& reading,
                                    const std::string& source) {
  const std::string encoding = option_text(settings, "encoding");
  const bool own_prompt =
      settings.prompt_template.empty() && (encoding.empty() || encoding == reading.encoding);
  for (const auto& [name, word] : kReadingWords) {
    if (!option_text(settings, name).empty() || (reading.*word).empty()) continue;
    HW_RETURN_IF_ERROR(set_reading_option(settings, name, reading.*word, source));
  }
  const bool blocks = settings.encoding.value_or(Encoding::kBlocks) == Encoding::kBlocks;
  if (blocks && !settings.keep_budget && !reading.keep_budget.empty()) {
    HW_RETURN_IF_ERROR(set_reading_option(settings, "keep-budget", reading.keep_budget, source));
  }
  if (own_prompt) settings.prompt_template = reading.prompt_template;
  return settings;
}

bool asks_for_other_reading(const EngineSettings& settings, const ReadingWords& reading) {
  const auto other = [&settings](std::string_view name, const std::string& word) {
    const std::string set = option_text(settings, name);
    return !set.empty() && set != word;
  };
  for (const auto& [name, word] : kReadingWords) {
    if (other(name, reading.*word)) return true;
  }
  return other(kTemplate, reading.prompt_template);
}

bool heads_are_default(const EngineSettings& settings) {
  return settings.heads.empty() || settings.heads == kDefaultHeads;
}

bool has_adapter_folder(const EngineSettings& settings) {
  return !settings.adapter.empty() && settings.adapter != kNoAdapter && settings.adapter != kDefaultAdapter;
}

std::string resolve_adapter(const EngineSettings& settings, const ShippedAdapter* shipped) {
  if (!settings.adapter.empty()) return settings.adapter;
  const bool something_else = !settings.router.empty() || !heads_are_default(settings);
  if (shipped == nullptr || something_else) return kNoAdapter;
  return asks_for_other_reading(settings, reading_of(shipped->heads)) ? kNoAdapter : kDefaultAdapter;
}

Result<NamedParts> read_named_parts(const EngineSettings& settings) {
  NamedParts named;
  std::string heads = heads_are_default(settings) ? kAllHeads : settings.heads;
  if (!settings.router.empty()) {
    if (!heads_are_default(settings)) {
      return fail(ErrorCode::kUsage, "--router chooses the heads; leave --heads out");
    }
    auto router = read_router(settings.router);
    if (!router) return fail(std::move(router.error()));
    named.router = std::move(*router);
    named.source = "the router '" + settings.router + "'";
  } else {
    const bool by_default = heads_are_default(settings);
    if (by_default && has_adapter_folder(settings)) {
      const auto beside = head_set_beside(settings.adapter);
      if (beside) heads = beside->string();
    }
    if (!by_default || heads != kAllHeads) {
      auto set = named_head_set(heads);
      if (!set) return fail(std::move(set.error()));
      named.set = std::move(*set);
      named.source = "the head set '" + heads + "'";
    }
  }
  if (!named.set) {
    auto selection = HeadSelection::parse(heads);
    if (!selection) return fail(std::move(selection.error()).with_context("reading --heads"));
    named.selection = std::move(*selection);
  }
  HW_RETURN_IF_ERROR(with_reading(settings, reading_of(named), named.source));
  return named;
}

ShippedParts shipped_parts(std::string_view base_fingerprint) {
  return {.heads = default_head_set(base_fingerprint), .adapter = shipped_adapter(base_fingerprint)};
}

Result<ResolvedSettings> resolve(const EngineSettings& settings, const NamedParts& named,
                                 const ShippedParts& shipped) {
  ResolvedSettings resolved{.settings = settings, .options = {}};
  resolved.settings.adapter = resolve_adapter(settings, shipped.adapter);
  ReadingWords reading = reading_of(named);
  std::string source = named.source;
  if (named.set) resolved.set = &*named.set;
  if (heads_are_default(settings) && !named.router && !named.set) {
    const bool adapted = resolved.settings.adapter == kDefaultAdapter && shipped.adapter != nullptr;
    const HeadSet* set = adapted ? &shipped.adapter->heads : shipped.heads;
    // Heads found under one reading are not those of another; an adapter was trained with its heads.
    if (set != nullptr && (adapted || !asks_for_other_reading(settings, reading_of(*set)))) {
      resolved.set = set;
      resolved.shipped_heads = true;
      reading = reading_of(*set);
      source = "the shipped head set";
    }
  }
  auto read = with_reading(std::move(resolved.settings), reading, source);
  if (!read) return fail(std::move(read.error()));
  const HeadSelection selection = resolved.set != nullptr ? resolved.set->selection() : named.selection;
  if (resolved.set != nullptr || heads_are_default(settings)) read->heads = selection.to_string();
  // What nobody asked for must not stand against what somebody asked for.
  if (!read->keep_memory && read->encoding.value_or(Encoding::kBlocks) == Encoding::kBlocks) {
    read->keep_memory = read->usual_keep_memory;
  }
  if (!read->long_passages) read->long_passages = read->usual_long_passages;
  resolved.settings = with_defaults(std::move(*read));
  resolved.options = to_reranker_options(resolved.settings, selection);
  // A fit is of scores as the set says that they are read, and of nothing that is added to them.
  const bool as_fitted = resolved.set != nullptr &&
                         !asks_for_other_reading(settings, reading_of(*resolved.set)) &&
                         resolved.options.fusion == Fusion::kNone && !resolved.options.filter_after_sum;
  if (as_fitted) resolved.options.relevance = resolved.set->relevance;
  return resolved;
}

Result<RerankerOptions> reranker_options(const EngineSettings& settings) {
  auto heads = HeadSelection::parse(heads_are_default(settings) ? kAllHeads : settings.heads);
  if (!heads) return fail(std::move(heads.error()).with_context("reading --heads"));
  return to_reranker_options(with_defaults(settings), std::move(*heads));
}

}  // namespace headwise
