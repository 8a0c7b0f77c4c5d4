// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tokenizer that a GGUF file carries in its metadata. Keys: ggml/docs/gguf.md; what
// they mean: llama.cpp/src/llama-vocab.cpp.

#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"
#include "formats/gguf.h"
#include "tokenizer/gguf_pre_tokenizers.h"
#include "tokenizer/tokenizer_impl.h"

namespace headwise::tokenizer_detail {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";
constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kTypesKey = "tokenizer.ggml.token_type";
constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";

tl::unexpected<Error> missing(std::string_view key, std::string_view what) {
  return fail(ErrorCode::kInvalidInput,
              "the file has no " + std::string(key) + "; expected " + std::string(what));
}

Result<Vocabulary> read_vocabulary(const GgufFile& file) {
  const std::vector<std::string>* tokens = file.texts(kTokensKey);
  if (tokens == nullptr) return missing(kTokensKey, "the texts of the tokens");
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(tokens->size());
  for (size_t i = 0; i < tokens->size(); ++i) {
    // A special token that is half a character would cut a text inside one.
    if (first_invalid_utf8((*tokens)[i])) {
      return fail(ErrorCode::kInvalidInput, std::string(kTokensKey) + ": the text of token " +
                                                std::to_string(i) + " is not valid UTF-8");
    }
    entries.push_back({(*tokens)[i], static_cast<int64_t>(i)});
  }
  Result<Vocabulary> vocabulary = Vocabulary::build(entries);
  if (!vocabulary) {
    return fail(std::move(vocabulary.error()).with_context("reading " + std::string(kTokensKey)));
  }
  return vocabulary;
}

Result<std::vector<PieceType>> read_types(const GgufFile& file, int64_t tokens) {
  const std::vector<int64_t>* numbers = file.integers(kTypesKey);
  if (numbers == nullptr) return missing(kTypesKey, "the type of each token");
  if (static_cast<int64_t>(numbers->size()) != tokens) {
    return fail(ErrorCode::kInvalidInput, std::string(kTypesKey) + " has " + std::to_string(numbers->size()) +
                                              " entries, expected " + std::to_string(tokens));
  }
  std::vector<PieceType> types;
  types.reserve(numbers->size());
  for (int64_t number : *numbers) {
    if (number < 1 || number > 6) {
      return fail(ErrorCode::kUnsupported,
                  std::string(kTypesKey) + " holds " + std::to_string(number) + ", expected 1 to 6");
    }
    types.push_back(static_cast<PieceType>(number));
  }
  return types;
}

// Control and unknown tokens are never text; user-defined ones always stand for themselves. SentencePiece
// finds the latter itself, inside the text it works on: with `model_finds` they get a name and no pattern.
std::vector<AddedToken> added_tokens(const Vocabulary& vocabulary, const std::vector<PieceType>& types,
                                     bool model_finds) {
  std::vector<AddedToken> added;
  for (size_t i = 0; i < types.size(); ++i) {
    const bool special = types[i] == PieceType::kControl || types[i] == PieceType::kUnknown;
    if (!special && types[i] != PieceType::kUserDefined) continue;
    const auto id = static_cast<int32_t>(i);
    const std::string text(vocabulary.text(id));
    const std::string pattern = model_finds && !special ? std::string() : text;
    added.push_back({.id = id, .content = text, .pattern = pattern, .special = special});
  }
  return added;
}

Result<std::optional<int32_t>> read_id(const GgufFile& file, std::string_view key, int64_t tokens) {
  if (file.find(key) == nullptr) return std::optional<int32_t>();
  const std::optional<int64_t> id = file.integer(key);
  if (!id || *id < 0 || *id >= tokens) {
    return fail(ErrorCode::kInvalidInput, std::string(key) + ": expected a token id from 0 to " +
                                              std::to_string(tokens - 1) + ", found " +
                                              (id ? std::to_string(*id) : std::string("something else")));
  }
  return std::optional<int32_t>(static_cast<int32_t>(*id));
}

Result<bool> read_flag(const GgufFile& file, std::string_view key, bool when_missing) {
  if (file.find(key) == nullptr) return when_missing;
  const std::optional<bool> flag = file.boolean(key);
  if (!flag) return fail(ErrorCode::kInvalidInput, std::string(key) + ": expected true or false");
  return *flag;
}

Result<std::optional<int32_t>> read_bos(const GgufFile& file, int64_t tokens, bool add_when_missing) {
  const Result<bool> add = read_flag(file, "tokenizer.ggml.add_bos_token", add_when_missing);
  HW_RETURN_IF_ERROR(add);
  if (!*add) return std::optional<int32_t>();
  Result<std::optional<int32_t>> bos = read_id(file, "tokenizer.ggml.bos_token_id", tokens);
  HW_RETURN_IF_ERROR(bos);
  if (!*bos)
    return missing("tokenizer.ggml.bos_token_id", "the id that tokenizer.ggml.add_bos_token puts in front");
  return bos;
}

Result<PreTokenizer> regex_pre_tokenizer(const GgufPreTokenizer& row) {
  std::vector<PreTokenizerStep> steps;
  if (row.individual_digits) {
    PreTokenizerStep digits;
    digits.kind = PreTokenizerStep::Kind::kDigits;
    digits.individual_digits = true;
    steps.push_back(std::move(digits));
  }
  for (const std::string_view pattern : row.patterns) {
    Result<Regex> regex = Regex::compile(pattern);
    HW_RETURN_IF_ERROR(regex);
    PreTokenizerStep step;
    step.kind = PreTokenizerStep::Kind::kSplitRegex;
    step.regex = std::move(*regex);
    steps.push_back(std::move(step));
  }
  return PreTokenizer(std::move(steps));
}

Result<const GgufPreTokenizer*> pre_tokenizer_row(const GgufFile& file) {
  std::string known;
  for (const std::string_view name : gguf_pre_tokenizer_names())
    known += (known.empty() ? "" : ", ") + std::string(name);
  const std::string* name = file.text(kPreKey);
  if (name == nullptr) {
    return fail(ErrorCode::kUnsupported,
                "the file does not say how text is split (no " + std::string(kPreKey) +
                    "); convert the model again with a current llama.cpp, expected one of: " + known);
  }
  const GgufPreTokenizer* row = find_gguf_pre_tokenizer(*name);
  if (row == nullptr) {
    return fail(ErrorCode::kUnsupported,
                std::string(kPreKey) + " \"" + name->substr(0, 64) +
                    "\" is not a way of splitting that this version knows: " + known);
  }
  return row;
}

Status load_byte_level(const GgufFile& file, Tokenizer::Impl& impl) {
  const Result<const GgufPreTokenizer*> row = pre_tokenizer_row(file);
  HW_RETURN_IF_ERROR(row);
  Result<PreTokenizer> pre_tokenizer = regex_pre_tokenizer(**row);
  HW_RETURN_IF_ERROR(pre_tokenizer);
  impl.pre_tokenizer = std::move(*pre_tokenizer);
  if ((*row)->nfc) impl.normalizer = Normalizer({{.kind = NormalizerStep::Kind::kNfc}});
  impl.spelling = TokenSpelling::kByteAlphabet;

  const std::vector<std::string>* lines = file.texts(kMergesKey);
  if (lines == nullptr) return missing(kMergesKey, "the merges of the vocabulary");
  std::vector<Bpe::TextPair> merges;
  merges.reserve(lines->size());
  for (const std::string& line : *lines) {
    const size_t space = line.find(' ', 1);
    if (space == std::string::npos) {
      return fail(ErrorCode::kInvalidInput, std::string(kMergesKey) + " holds \"" + line.substr(0, 64) +
                                                "\", expected two tokens with a space between them");
    }
    merges.push_back({std::string_view(line).substr(0, space), std::string_view(line).substr(space + 1)});
  }
  BpeOptions options;
  options.byte_level = true;
  options.ignore_merges = (*row)->ignore_merges;
  Result<Bpe> bpe = Bpe::build(impl.vocabulary, merges, options);
  if (!bpe) return fail(std::move(bpe.error()).with_context("reading " + std::string(kMergesKey)));
  impl.model = std::move(*bpe);
  Result<std::optional<int32_t>> bos = read_bos(file, impl.vocabulary.size(), (*row)->add_bos);
  HW_RETURN_IF_ERROR(bos);
  impl.bos = *bos;
  return {};
}

// "▁" for every space, and one in front.
std::vector<NormalizerStep> metaspace_steps(bool space_in_front) {
  std::vector<NormalizerStep> steps;
  if (space_in_front) steps.push_back({.kind = NormalizerStep::Kind::kPrepend, .content = "\xE2\x96\x81"});
  steps.push_back({.kind = NormalizerStep::Kind::kReplaceText, .pattern = " ", .content = "\xE2\x96\x81"});
  return steps;
}

// A file made from a tokenizer.json alone has no scores and llama.cpp's converter writes the same one for
// every token: the merges are then not those the model was trained with.
bool scores_say_nothing(const std::vector<float>& scores, const std::vector<PieceType>& types) {
  std::optional<float> first;
  size_t normal = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (types[i] != PieceType::kNormal) continue;
    ++normal;
    if (first && *first != scores[i]) return false;
    first = scores[i];
  }
  return normal > 1;
}

Status load_sentencepiece(const GgufFile& file, const std::vector<PieceType>& types, Tokenizer::Impl& impl) {
  for (const std::string_view key : {"tokenizer.ggml.remove_extra_whitespaces"}) {
    const Result<bool> flag = read_flag(file, key, false);
    HW_RETURN_IF_ERROR(flag);
    if (*flag) return fail(ErrorCode::kUnsupported, std::string(key) + " is not something this version has");
  }
  if (file.find("tokenizer.ggml.precompiled_charsmap") != nullptr) {
    return fail(ErrorCode::kUnsupported,
                "tokenizer.ggml.precompiled_charsmap (SentencePiece's own normalization) is not something "
                "this version has");
  }
  const std::vector<double>* scores = file.reals(kScoresKey);
  if (scores == nullptr) return missing(kScoresKey, "the score of each token");
  const std::vector<float> narrow(scores->begin(), scores->end());
  if (narrow.size() == types.size() && scores_say_nothing(narrow, types)) {
    return fail(ErrorCode::kUnsupported,
                std::string(kScoresKey) +
                    " gives every token the same score, so the order of merges is lost; use the "
                    "model's tokenizer.json or a file converted with its tokenizer.model");
  }
  const Result<std::optional<int32_t>> unknown =
      read_id(file, "tokenizer.ggml.unknown_token_id", impl.vocabulary.size());
  HW_RETURN_IF_ERROR(unknown);
  Result<ScoreBpe> model = ScoreBpe::build(impl.vocabulary, narrow, types, *unknown);
  if (!model) return fail(std::move(model.error()).with_context("reading " + std::string(kScoresKey)));
  impl.model = std::move(*model);
  const Result<bool> space = read_flag(file, "tokenizer.ggml.add_space_prefix", true);
  HW_RETURN_IF_ERROR(space);
  impl.normalizer = Normalizer(metaspace_steps(*space));
  impl.strip_leading_space = *space;
  impl.spelling = TokenSpelling::kMetaspace;
  Result<std::optional<int32_t>> bos = read_bos(file, impl.vocabulary.size(), true);
  HW_RETURN_IF_ERROR(bos);
  impl.bos = *bos;
  return {};
}

}  // namespace

Result<std::shared_ptr<Tokenizer::Impl>> load_tokenizer_gguf(const GgufFile& file) {
  const std::string* model = file.text(kModelKey);
  if (model == nullptr) return missing(kModelKey, "a tokenizer: this file has only weights");
  auto impl = std::make_shared<Tokenizer::Impl>();
  Result<Vocabulary> vocabulary = read_vocabulary(file);
  HW_RETURN_IF_ERROR(vocabulary);
  impl->vocabulary = std::move(*vocabulary);
  const Result<std::vector<PieceType>> types = read_types(file, impl->vocabulary.size());
  HW_RETURN_IF_ERROR(types);
  if (*model == "gpt2") {
    HW_RETURN_IF_ERROR(load_byte_level(file, *impl));
  } else if (*model == "llama") {
    HW_RETURN_IF_ERROR(load_sentencepiece(file, *types, *impl));
  } else {
    return fail(ErrorCode::kUnsupported, std::string(kModelKey) + " \"" + model->substr(0, 64) +
                                             "\" is not one that this version reads; expected gpt2 or llama");
  }
  impl->finish(added_tokens(impl->vocabulary, *types, *model == "llama"));
  return impl;
}

}  // namespace headwise::tokenizer_detail
