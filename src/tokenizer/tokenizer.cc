// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/tokenizer.h"

#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "base/utf8.h"
#include "formats/gguf.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer_impl.h"

namespace headwise {
namespace {

// Positions inside a text are 32-bit; no prompt comes near.
constexpr size_t kLongestText = size_t{1} << 30;
// The largest real tokenizer.json (Gemma's) is below 40 MB.
constexpr size_t kLargestJson = size_t{256} << 20;
constexpr std::string_view kMetaspaceText = "\xE2\x96\x81";  // U+2581

template <typename Key, typename Value>
const Value* find_sorted(const std::vector<std::pair<Key, Value>>& table, const auto& key) {
  const auto found =
      std::ranges::lower_bound(table, key, {}, [](const auto& row) -> const Key& { return row.first; });
  return found != table.end() && found->first == key ? &found->second : nullptr;
}

// "▁the" is " the", "<0x0A>" is a newline.
std::string metaspace_bytes(std::string_view token) {
  if (token.size() == 6 && token.starts_with("<0x") && token[5] == '>') {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
    if (is_digit(token[3]) && is_digit(token[4])) {
      return std::string(1, static_cast<char>(digit(token[3]) * 16 + digit(token[4])));
    }
  }
  std::string bytes;
  for (size_t from = 0; from < token.size();) {
    const size_t at = std::min(token.find(kMetaspaceText, from), token.size());
    bytes.append(token.substr(from, at - from));
    if (at < token.size()) bytes.push_back(' ');
    from = at + kMetaspaceText.size();
  }
  return bytes;
}

}  // namespace

void Tokenizer::Impl::finish(const std::vector<AddedToken>& added) {
  size = vocabulary.size();
  std::vector<AddedToken> raw;
  std::vector<AddedToken> normalized;
  for (const AddedToken& token : added) {
    size = std::max<int64_t>(size, token.id + 1);
    added_texts.emplace_back(token.id, token.content);
    added_ids.emplace_back(token.content, token.id);
    (token.normalized ? normalized : raw).push_back(token);
  }
  std::ranges::sort(added_texts);
  std::ranges::sort(added_ids);
  raw_added = AddedTokens(std::move(raw));
  normalized_added = AddedTokens(std::move(normalized));
}

Result<std::vector<int32_t>> Tokenizer::Impl::encode(std::string_view text, bool specials_are_text) const {
  if (const std::optional<size_t> offset = first_invalid_utf8(text)) {
    return fail(ErrorCode::kInvalidInput, "the text is not valid UTF-8 at byte " + std::to_string(*offset) +
                                              "; convert it to UTF-8 first");
  }
  if (text.size() > kLongestText) {
    return fail(ErrorCode::kResourceLimit, "the text has " + std::to_string(text.size()) +
                                               " bytes, expected at most " + std::to_string(kLongestText));
  }
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 1);
  for (const AddedTokens::Piece& piece : raw_added.cut(text, specials_are_text)) {
    if (piece.id) {
      ids.push_back(*piece.id);
    } else {
      HW_RETURN_IF_ERROR(encode_piece(text.substr(piece.span.begin, piece.span.end - piece.span.begin),
                                      piece.span.begin == 0, specials_are_text, ids));
    }
  }
  return ids;
}

Status Tokenizer::Impl::encode_piece(std::string_view text, bool at_start, bool specials_are_text,
                                     std::vector<int32_t>& ids) const {
  Result<std::string> normal = normalizer.apply(text);
  HW_RETURN_IF_ERROR(normal);
  BpeScratch scratch;
  for (const AddedTokens::Piece& piece : normalized_added.cut(*normal, specials_are_text)) {
    if (piece.id) {
      ids.push_back(*piece.id);
      continue;
    }
    const Result<WordList> list =
        pre_tokenizer.split(normal->substr(piece.span.begin, piece.span.end - piece.span.begin),
                            at_start && piece.span.begin == 0);
    HW_RETURN_IF_ERROR(list);
    for (size_t i = 0; i < list->words.size(); ++i) {
      if (const Bpe* bpe = std::get_if<Bpe>(&model)) {
        bpe->encode(vocabulary, list->word(i), scratch, ids);
      } else {
        std::get<ScoreBpe>(model).encode(vocabulary, list->word(i), ids);
      }
    }
  }
  return {};
}

std::string Tokenizer::Impl::token_bytes(int32_t id) const {
  if (const std::string* added = find_sorted(added_texts, id)) return *added;
  const std::string_view token = vocabulary.text(id);
  if (spelling == TokenSpelling::kMetaspace) return metaspace_bytes(token);
  return bytes_of_token(token).value_or(std::string(token));
}

Tokenizer::Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& path) {
  const std::string doing = "loading the tokenizer of " + path.string();
  if (path.extension() == ".gguf") {
    Result<GgufFile> file = GgufFile::open(path);
    if (!file) return fail(std::move(file.error()));
    Result<Tokenizer> tokenizer = from_gguf(*file);
    if (!tokenizer) return fail(std::move(tokenizer.error()).with_context(doing));
    return tokenizer;
  }
  std::error_code ignored;
  const std::filesystem::path file =
      std::filesystem::is_directory(path, ignored) ? path / "tokenizer.json" : path;
  const Result<std::string> json = read_text_file(file, kLargestJson);
  if (!json) return fail(json.error());
  Result<Tokenizer> tokenizer = from_json(*json);
  if (!tokenizer) return fail(std::move(tokenizer.error()).with_context("reading " + file.string()));
  return tokenizer;
}

Result<Tokenizer> Tokenizer::from_json(std::string_view tokenizer_json) {
  Result<std::shared_ptr<Impl>> impl = tokenizer_detail::load_tokenizer_json(tokenizer_json);
  HW_RETURN_IF_ERROR(impl);
  return Tokenizer(std::move(*impl));
}

Result<Tokenizer> Tokenizer::from_gguf(const GgufFile& file) {
  Result<std::shared_ptr<Impl>> impl = tokenizer_detail::load_tokenizer_gguf(file);
  HW_RETURN_IF_ERROR(impl);
  return Tokenizer(std::move(*impl));
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text) const {
  return impl_->encode(text, true);
}

Result<std::vector<int32_t>> Tokenizer::encode_with_specials(std::string_view text) const {
  return impl_->encode(text, false);
}

std::string Tokenizer::decode(const std::vector<int32_t>& ids) const {
  std::string text;
  for (int32_t id : ids) text += impl_->token_bytes(id);
  if (impl_->strip_leading_space && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

std::string Tokenizer::token_bytes(int32_t id) const { return impl_->token_bytes(id); }

std::optional<int32_t> Tokenizer::special_id(std::string_view token) const {
  const int32_t* id = find_sorted(impl_->added_ids, token);
  return id ? std::optional<int32_t>(*id) : std::nullopt;
}

std::optional<int32_t> Tokenizer::bos_id() const { return impl_->bos; }

int64_t Tokenizer::vocabulary_size() const { return impl_->size; }

std::string Tokenizer::kind() const {
  return impl_->spelling == TokenSpelling::kByteAlphabet ? "byte-level BPE" : "SentencePiece BPE";
}

}  // namespace headwise
