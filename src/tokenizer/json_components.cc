// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/json_components.h"

#include <algorithm>
#include <unordered_map>

#include "base/check.h"

namespace headwise {
namespace {

// Sequences of sequences are legal; nobody nests them deeper than once.
constexpr int kDeepestSequence = 8;
constexpr size_t kMostSteps = 64;

// ByteLevel's own pattern: tokenizers/src/pre_tokenizers/byte_level.rs.
constexpr std::string_view kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

tl::unexpected<Error> unknown_type(const JsonNode& place, const std::string& type) {
  return fail(ErrorCode::kUnsupported, place.path + ": the type \"" + type.substr(0, 64) +
                                           "\" is not one that this version understands");
}

Result<Regex> compile_at(const JsonNode& place) {
  const Result<std::string> pattern = place.text();
  HW_RETURN_IF_ERROR(pattern);
  Result<Regex> regex = Regex::compile(*pattern);
  if (!regex) return fail(std::move(regex.error()).with_context("reading " + place.path));
  return regex;
}

// {"String": s} or {"Regex": r}.
struct Pattern {
  std::optional<std::string> text;
  std::optional<Regex> regex;
};

Result<Pattern> parse_pattern(const JsonNode& place) {
  HW_RETURN_IF_ERROR(place.only_keys({"String", "Regex"}));
  Pattern pattern;
  if (!place.at("Regex").is_null()) {
    Result<Regex> regex = compile_at(place.at("Regex"));
    HW_RETURN_IF_ERROR(regex);
    pattern.regex = std::move(*regex);
    return pattern;
  }
  const Result<std::string> text = place.at("String").text();
  HW_RETURN_IF_ERROR(text);
  if (text->empty()) return place.at("String").mistake("a pattern that is not empty");
  pattern.text = *text;
  return pattern;
}

Status add_normalizer(const JsonNode& place, int depth, std::vector<NormalizerStep>& steps) {
  using Kind = NormalizerStep::Kind;
  static const std::unordered_map<std::string, Kind> kForms = {
      {"NFC", Kind::kNfc}, {"NFD", Kind::kNfd}, {"NFKC", Kind::kNfkc}, {"NFKD", Kind::kNfkd}};
  const Result<std::string> type = place.at("type").text();
  HW_RETURN_IF_ERROR(type);
  NormalizerStep step;
  if (*type == "Sequence") {
    HW_RETURN_IF_ERROR(place.only_keys({"type", "normalizers"}));
    const JsonNode parts = place.at("normalizers");
    HW_RETURN_IF_ERROR(parts.expect_array());
    if (depth >= kDeepestSequence) return place.mistake("sequences nested less deeply");
    for (size_t i = 0; i < parts.value.size(); ++i) {
      HW_RETURN_IF_ERROR(add_normalizer(parts.at(i), depth + 1, steps));
    }
    return {};
  }
  if (const auto form = kForms.find(*type); form != kForms.end()) {
    HW_RETURN_IF_ERROR(place.only_keys({"type"}));
    step.kind = form->second;
  } else if (*type == "Prepend") {
    HW_RETURN_IF_ERROR(place.only_keys({"type", "prepend"}));
    Result<std::string> content = place.at("prepend").text();
    HW_RETURN_IF_ERROR(content);
    step.kind = Kind::kPrepend;
    step.content = std::move(*content);
  } else if (*type == "Replace") {
    HW_RETURN_IF_ERROR(place.only_keys({"type", "pattern", "content"}));
    Result<Pattern> pattern = parse_pattern(place.at("pattern"));
    HW_RETURN_IF_ERROR(pattern);
    Result<std::string> content = place.at("content").text();
    HW_RETURN_IF_ERROR(content);
    step.kind = pattern->regex ? Kind::kReplaceRegex : Kind::kReplaceText;
    step.pattern = pattern->text.value_or("");
    step.regex = std::move(pattern->regex);
    step.content = std::move(*content);
  } else {
    return unknown_type(place, *type);
  }
  if (steps.size() >= kMostSteps) return place.mistake("at most 64 normalizers");
  steps.push_back(std::move(step));
  return {};
}

Result<SplitBehavior> parse_behavior(const JsonNode& place) {
  static const std::unordered_map<std::string, SplitBehavior> kBehaviors = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"Contiguous", SplitBehavior::kContiguous},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext}};
  const Result<std::string> name = place.text();
  HW_RETURN_IF_ERROR(name);
  const auto found = kBehaviors.find(*name);
  if (found == kBehaviors.end()) return unknown_type(place, *name);
  return found->second;
}

Result<PreTokenizerStep> parse_split(const JsonNode& place) {
  HW_RETURN_IF_ERROR(place.only_keys({"type", "pattern", "behavior", "invert"}));
  Result<Pattern> pattern = parse_pattern(place.at("pattern"));
  HW_RETURN_IF_ERROR(pattern);
  const Result<SplitBehavior> behavior = parse_behavior(place.at("behavior"));
  HW_RETURN_IF_ERROR(behavior);
  const Result<bool> invert = place.at("invert").boolean(false);
  HW_RETURN_IF_ERROR(invert);
  PreTokenizerStep step;
  step.kind = pattern->regex ? PreTokenizerStep::Kind::kSplitRegex : PreTokenizerStep::Kind::kSplitText;
  step.text = pattern->text.value_or("");
  step.regex = std::move(pattern->regex);
  step.behavior = *behavior;
  step.invert = *invert;
  return step;
}

Result<PreTokenizerStep> parse_byte_level(const JsonNode& place) {
  HW_RETURN_IF_ERROR(place.only_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  const Result<bool> add_prefix_space = place.at("add_prefix_space").boolean(true);
  HW_RETURN_IF_ERROR(add_prefix_space);
  const Result<bool> use_regex = place.at("use_regex").boolean(true);
  HW_RETURN_IF_ERROR(use_regex);
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kByteLevel;
  step.add_prefix_space = *add_prefix_space;
  if (*use_regex) {
    Result<Regex> regex = Regex::compile(kByteLevelPattern);
    HW_RETURN_IF_ERROR(regex);
    step.regex = std::move(*regex);
  }
  return step;
}

Result<PreTokenizerStep> parse_digits(const JsonNode& place) {
  HW_RETURN_IF_ERROR(place.only_keys({"type", "individual_digits"}));
  const Result<bool> individual = place.at("individual_digits").boolean(false);
  HW_RETURN_IF_ERROR(individual);
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kDigits;
  step.individual_digits = *individual;
  return step;
}

Result<PreTokenizerStep> parse_metaspace(const JsonNode& place) {
  using Prepend = PreTokenizerStep::Prepend;
  HW_RETURN_IF_ERROR(
      place.only_keys({"type", "replacement", "prepend_scheme", "add_prefix_space", "split", "str_rep"}));
  static const std::unordered_map<std::string, Prepend> kSchemes = {
      {"always", Prepend::kAlways}, {"first", Prepend::kFirst}, {"never", Prepend::kNever}};
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kMetaspace;
  Result<std::string> replacement = place.at("replacement").text();
  HW_RETURN_IF_ERROR(replacement);
  if (replacement->empty()) return place.at("replacement").mistake("one character");
  step.text = std::move(*replacement);
  if (!place.at("prepend_scheme").is_null()) {
    const Result<std::string> name = place.at("prepend_scheme").text();
    HW_RETURN_IF_ERROR(name);
    const auto scheme = kSchemes.find(*name);
    if (scheme == kSchemes.end()) return unknown_type(place.at("prepend_scheme"), *name);
    step.prepend = scheme->second;
  }
  // Before prepend_scheme there was add_prefix_space; false goes with "never" alone.
  const Result<bool> add_prefix_space = place.at("add_prefix_space").boolean(true);
  HW_RETURN_IF_ERROR(add_prefix_space);
  if (!*add_prefix_space && step.prepend != Prepend::kNever) {
    return place.at("add_prefix_space").mistake("true, as prepend_scheme is not \"never\"");
  }
  const Result<bool> split = place.at("split").boolean(true);
  HW_RETURN_IF_ERROR(split);
  step.split = *split;
  return step;
}

Status add_pre_tokenizer(const JsonNode& place, int depth, std::vector<PreTokenizerStep>& steps) {
  using Parser = Result<PreTokenizerStep> (*)(const JsonNode&);
  static const std::unordered_map<std::string, Parser> kParsers = {{"Split", &parse_split},
                                                                   {"ByteLevel", &parse_byte_level},
                                                                   {"Digits", &parse_digits},
                                                                   {"Metaspace", &parse_metaspace}};
  const Result<std::string> type = place.at("type").text();
  HW_RETURN_IF_ERROR(type);
  if (*type == "Sequence") {
    HW_RETURN_IF_ERROR(place.only_keys({"type", "pretokenizers"}));
    const JsonNode parts = place.at("pretokenizers");
    HW_RETURN_IF_ERROR(parts.expect_array());
    if (depth >= kDeepestSequence) return place.mistake("sequences nested less deeply");
    for (size_t i = 0; i < parts.value.size(); ++i) {
      HW_RETURN_IF_ERROR(add_pre_tokenizer(parts.at(i), depth + 1, steps));
    }
    return {};
  }
  const auto parser = kParsers.find(*type);
  if (parser == kParsers.end()) return unknown_type(place, *type);
  if (!steps.empty() && steps.back().kind == PreTokenizerStep::Kind::kByteLevel) {
    return fail(ErrorCode::kUnsupported,
                place.path + ": a pre-tokenizer after ByteLevel is not something this version understands");
  }
  if (steps.size() >= kMostSteps) return place.mistake("at most 64 pre-tokenizers");
  Result<PreTokenizerStep> step = parser->second(place);
  HW_RETURN_IF_ERROR(step);
  steps.push_back(std::move(*step));
  return {};
}

// TemplateProcessing: [{"SpecialToken": {"id": "<s>"}}, {"Sequence": ...}] and the ids of "<s>".
Result<std::optional<int64_t>> bos_of_template(const JsonNode& place) {
  const JsonNode single = place.at("single");
  HW_RETURN_IF_ERROR(single.expect_array());
  const JsonNode first = single.at(size_t{0}).at("SpecialToken");
  if (first.is_null()) return std::optional<int64_t>();
  const Result<std::string> name = first.at("id").text();
  HW_RETURN_IF_ERROR(name);
  const JsonNode ids = place.at("special_tokens").at(*name).at("ids");
  HW_RETURN_IF_ERROR(ids.expect_array());
  if (ids.value.size() != 1 || !single.at(size_t{1}).at("SpecialToken").is_null()) {
    return fail(
        ErrorCode::kUnsupported,
        ids.path + ": more than one token in front of a text is not something this version understands");
  }
  const Result<int64_t> id = ids.at(size_t{0}).integer();
  HW_RETURN_IF_ERROR(id);
  return std::optional<int64_t>(*id);
}

Result<std::optional<int64_t>> bos_of(const JsonNode& place, int depth) {
  if (place.is_null()) return std::optional<int64_t>();
  const Result<std::string> type = place.at("type").text();
  HW_RETURN_IF_ERROR(type);
  if (*type == "ByteLevel") return std::optional<int64_t>();  // moves offsets, not ids
  if (*type == "TemplateProcessing") return bos_of_template(place);
  if (*type != "Sequence") return unknown_type(place, *type);
  const JsonNode parts = place.at("processors");
  HW_RETURN_IF_ERROR(parts.expect_array());
  if (depth >= kDeepestSequence) return place.mistake("sequences nested less deeply");
  std::optional<int64_t> bos;
  for (size_t i = 0; i < parts.value.size(); ++i) {
    const Result<std::optional<int64_t>> inner = bos_of(parts.at(i), depth + 1);
    HW_RETURN_IF_ERROR(inner);
    if (*inner && bos) return parts.mistake("one template");
    if (*inner) bos = *inner;
  }
  return bos;
}

Result<AddedToken> parse_added_token(const JsonNode& place) {
  HW_RETURN_IF_ERROR(
      place.only_keys({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}));
  AddedToken token;
  Result<std::string> content = place.at("content").text();
  HW_RETURN_IF_ERROR(content);
  token.content = std::move(*content);
  const std::pair<std::string_view, bool*> flags[] = {{"single_word", &token.single_word},
                                                      {"lstrip", &token.strip_left},
                                                      {"rstrip", &token.strip_right},
                                                      {"normalized", &token.normalized},
                                                      {"special", &token.special}};
  for (const auto& [key, flag] : flags) {
    const Result<bool> value = place.at(key).boolean(false);
    HW_RETURN_IF_ERROR(value);
    *flag = *value;
  }
  return token;
}

}  // namespace

Result<std::vector<NormalizerStep>> parse_normalizer(const JsonNode& place) {
  std::vector<NormalizerStep> steps;
  if (!place.is_null()) HW_RETURN_IF_ERROR(add_normalizer(place, 0, steps));
  return steps;
}

Result<std::vector<PreTokenizerStep>> parse_pre_tokenizer(const JsonNode& place) {
  std::vector<PreTokenizerStep> steps;
  if (!place.is_null()) HW_RETURN_IF_ERROR(add_pre_tokenizer(place, 0, steps));
  return steps;
}

Result<std::optional<int64_t>> parse_bos(const JsonNode& post_processor) { return bos_of(post_processor, 0); }

Result<std::vector<AddedToken>> parse_added_tokens(const JsonNode& place, const Vocabulary& vocabulary,
                                                   const Normalizer& normalizer) {
  std::vector<AddedToken> tokens;
  if (place.is_null()) return tokens;
  HW_RETURN_IF_ERROR(place.expect_array());
  std::unordered_map<std::string, int32_t> known;
  int64_t next = vocabulary.count();
  for (size_t i = 0; i < place.value.size(); ++i) {
    const JsonNode entry = place.at(i);
    Result<AddedToken> token = parse_added_token(entry);
    HW_RETURN_IF_ERROR(token);
    const Result<int64_t> id = entry.at("id").integer();
    HW_RETURN_IF_ERROR(id);
    if (token->content.empty()) continue;
    if (known.contains(token->content)) return entry.mistake("a token that is not listed twice");
    const std::optional<int32_t> in_vocabulary = vocabulary.find(token->content);
    const int64_t assigned = in_vocabulary ? *in_vocabulary : next++;
    if (*id != assigned) {
      return entry.at("id").mistake(std::to_string(assigned) + ", the id that \"" +
                                    token->content.substr(0, 64) +
                                    "\" has in the vocabulary or the next free one");
    }
    token->id = static_cast<int32_t>(assigned);
    token->pattern = token->content;
    if (token->normalized) {
      Result<std::string> pattern = normalizer.apply(token->content);
      HW_RETURN_IF_ERROR(pattern);
      token->pattern = std::move(*pattern);
    }
    known.emplace(token->content, token->id);
    tokens.push_back(std::move(*token));
  }
  return tokens;
}

}  // namespace headwise
