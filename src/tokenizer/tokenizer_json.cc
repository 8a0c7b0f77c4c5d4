// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a Hugging Face tokenizer.json as a tokenizer. Source: huggingface/tokenizers
// (0.23), tokenizers/src/tokenizer/serialization.rs and tokenizers/src/models/bpe/serialization.rs.

#include <algorithm>

#include "base/check.h"
#include "formats/json_text.h"
#include "tokenizer/json_components.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/tokenizer_impl.h"

namespace headwise::tokenizer_detail {
namespace {

using nlohmann::json;

Result<Vocabulary> parse_vocabulary(const JsonNode& place) {
  HW_RETURN_IF_ERROR(place.expect_object());
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(place.value.size());
  for (const auto& [text, id] : place.value.items()) {
    const JsonNode entry = {id, place.path + "[\"" + text.substr(0, 64) + "\"]"};
    if (!id.is_number_integer()) return entry.mistake("a whole number");
    const Result<int64_t> number = entry.integer();
    HW_RETURN_IF_ERROR(number);
    entries.push_back({text, *number});
  }
  Result<Vocabulary> vocabulary = Vocabulary::build(entries);
  if (!vocabulary) return fail(std::move(vocabulary.error()).with_context("reading " + place.path));
  return vocabulary;
}

// ["a b", ...] or [["a", "b"], ...].
Result<std::vector<Bpe::TextPair>> parse_merges(const JsonNode& place) {
  HW_RETURN_IF_ERROR(place.expect_array());
  std::vector<Bpe::TextPair> merges;
  merges.reserve(place.value.size());
  for (size_t i = 0; i < place.value.size(); ++i) {
    const json& merge = place.value[i];
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.push_back({merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()});
      continue;
    }
    if (!merge.is_string()) return place.at(i).mistake("\"left right\" or [\"left\", \"right\"]");
    const std::string_view text = merge.get_ref<const std::string&>();
    if (text.starts_with("#version")) continue;
    const size_t space = text.find(' ');
    if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
      return place.at(i).mistake("two tokens with one space between them");
    }
    merges.push_back({text.substr(0, space), text.substr(space + 1)});
  }
  return merges;
}

// Options that change ids and that this version does not have must be off.
Status refuse_options(const JsonNode& model) {
  HW_RETURN_IF_ERROR(
      model.only_keys({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                       "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"}));
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const JsonNode option = model.at(key);
    if (!option.is_null() && option.value != json("")) {
      return fail(ErrorCode::kUnsupported, option.path + " is not something this version understands");
    }
  }
  const JsonNode dropout = model.at("dropout");
  if (!dropout.is_null() && dropout.value != 0.0) {
    return fail(ErrorCode::kUnsupported, "model.dropout: random merging is not something this version has");
  }
  return {};
}

Result<BpeOptions> parse_options(const JsonNode& model, const Vocabulary& vocabulary, bool byte_level) {
  BpeOptions options;
  options.byte_level = byte_level;
  const std::pair<std::string_view, bool*> flags[] = {{"fuse_unk", &options.fuse_unknown},
                                                      {"byte_fallback", &options.byte_fallback},
                                                      {"ignore_merges", &options.ignore_merges}};
  for (const auto& [key, flag] : flags) {
    const Result<bool> value = model.at(key).boolean(false);
    HW_RETURN_IF_ERROR(value);
    *flag = *value;
  }
  if (options.byte_level && options.byte_fallback) {
    return fail(
        ErrorCode::kUnsupported,
        "model.byte_fallback with a ByteLevel pre-tokenizer is not something this version understands");
  }
  const JsonNode unknown = model.at("unk_token");
  if (!unknown.is_null()) {
    const Result<std::string> text = unknown.text();
    HW_RETURN_IF_ERROR(text);
    options.unknown = vocabulary.find(*text);
    if (!options.unknown) return unknown.mistake("a token of the vocabulary");
  }
  return options;
}

Result<Bpe> parse_model(const JsonNode& model, const Vocabulary& vocabulary, bool byte_level) {
  HW_RETURN_IF_ERROR(refuse_options(model));
  const Result<BpeOptions> options = parse_options(model, vocabulary, byte_level);
  HW_RETURN_IF_ERROR(options);
  const Result<std::vector<Bpe::TextPair>> merges = parse_merges(model.at("merges"));
  HW_RETURN_IF_ERROR(merges);
  Result<Bpe> bpe = Bpe::build(vocabulary, *merges, *options);
  if (!bpe) return fail(std::move(bpe.error()).with_context("reading model.merges"));
  return bpe;
}

bool puts_space_in_front(const Normalizer& normalizer, const PreTokenizer& pre_tokenizer) {
  const Result<std::string> normal = normalizer.apply("a");
  if (!normal) return false;
  const Result<WordList> words = pre_tokenizer.split(*normal, true);
  return words && words->words.size() == 1 &&
         words->word(0) ==
             "\xE2\x96\x81"
             "a";
}

}  // namespace

Result<std::shared_ptr<Tokenizer::Impl>> load_tokenizer_json(std::string_view text) {
  const Result<json> file = parse_json(text);
  HW_RETURN_IF_ERROR(file);
  const JsonNode root = {*file, ""};
  if (!file->is_object()) {
    return fail(ErrorCode::kInvalidInput,
                "expected a JSON object with the key \"model\", found " + std::string(file->type_name()));
  }
  // Truncation and padding are the caller's business; the decoder is ours.
  HW_RETURN_IF_ERROR(root.only_keys({"version", "truncation", "padding", "added_tokens", "normalizer",
                                     "pre_tokenizer", "post_processor", "decoder", "model"}));
  const JsonNode version = root.at("version");
  if (!version.is_null() && version.value != "1.0") {
    return fail(ErrorCode::kUnsupported,
                "version: expected \"1.0\", found " +
                    version.value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 64));
  }
  const JsonNode model = root.at("model");
  HW_RETURN_IF_ERROR(model.expect_object());
  const JsonNode type = model.at("type");
  if (!type.is_null() && type.value != "BPE") {
    return fail(ErrorCode::kUnsupported,
                "model.type: only BPE is understood, found " +
                    type.value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 64));
  }

  auto impl = std::make_shared<Tokenizer::Impl>();
  Result<std::vector<NormalizerStep>> normalizer = parse_normalizer(root.at("normalizer"));
  HW_RETURN_IF_ERROR(normalizer);
  impl->normalizer = Normalizer(std::move(*normalizer));
  Result<std::vector<PreTokenizerStep>> steps = parse_pre_tokenizer(root.at("pre_tokenizer"));
  HW_RETURN_IF_ERROR(steps);
  const bool byte_level = !steps->empty() && steps->back().kind == PreTokenizerStep::Kind::kByteLevel;
  impl->pre_tokenizer = PreTokenizer(std::move(*steps));
  impl->spelling = byte_level ? TokenSpelling::kByteAlphabet : TokenSpelling::kMetaspace;

  Result<Vocabulary> vocabulary = parse_vocabulary(model.at("vocab"));
  HW_RETURN_IF_ERROR(vocabulary);
  impl->vocabulary = std::move(*vocabulary);
  Result<Bpe> bpe = parse_model(model, impl->vocabulary, byte_level);
  HW_RETURN_IF_ERROR(bpe);
  impl->model = std::move(*bpe);
  impl->strip_leading_space = !byte_level && puts_space_in_front(impl->normalizer, impl->pre_tokenizer);

  const Result<std::vector<AddedToken>> added =
      parse_added_tokens(root.at("added_tokens"), impl->vocabulary, impl->normalizer);
  HW_RETURN_IF_ERROR(added);
  impl->finish(*added);
  const Result<std::optional<int64_t>> bos = parse_bos(root.at("post_processor"));
  HW_RETURN_IF_ERROR(bos);
  if (*bos) {
    if (**bos < 0 || **bos >= impl->size) {
      return fail(ErrorCode::kInvalidInput, "post_processor: the token in front of a text has id " +
                                                std::to_string(**bos) + ", expected 0 to " +
                                                std::to_string(impl->size - 1));
    }
    impl->bos = static_cast<int32_t>(**bos);
  }
  return impl;
}

}  // namespace headwise::tokenizer_detail
