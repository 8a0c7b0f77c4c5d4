// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how the types of option values are read from text and written, for the table of options
// (engine/options.cc). A type is a specialisation of ValueType; a member of EngineSettings becomes an
// OptionValue by value_of<&EngineSettings::member, &RerankerOptions::member>.
#pragma once

#include <charconv>
#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/options.h"
#include "rerank/option_words.h"

namespace headwise {

// "--rows: expected one of all, query; found 'some'".
tl::unexpected<Error> wrong_value(const Option& option, const std::string& expected, std::string_view found);

// Whole numbers of 0 or more, as digits.
Result<uint64_t> read_integer(const Option& option, std::string_view text, uint64_t most_of_type);
// A finite one.
Result<double> read_number(const Option& option, std::string_view text);
std::string write_number(double number);
Result<bool> read_flag(const Option& option, std::string_view text);
// Bytes: "1073741824", "1GiB", "512M"; the units are powers of 1024.
Result<uint64_t> read_size(const Option& option, std::string_view text);
// What parse_keep_budget() takes, with ",file=PATH" behind it or alone.
Result<KeepBudget> read_budget(const Option& option, std::string_view text);
std::string write_budget(const KeepBudget& budget);
// With the largest unit that leaves a whole number.
std::string write_size(uint64_t bytes);
Result<FusionChoice> read_fusion(const Option& option, std::string_view text);
std::string write_fusion(const FusionChoice& choice);
// "cpu", "cuda", "cuda:1".
Result<DeviceChoice> read_device(const Option& option, std::string_view text);
std::string write_device(const DeviceChoice& choice);
// Of what decides: no number.
std::string device_kind(const DeviceChoice& choice);
std::vector<std::string> fusion_words();

template <typename T>
struct ValueType;  // kind, type, words, read, write, json

template <std::integral T>
struct ValueType<T> {
  static constexpr OptionKind kind = OptionKind::kInteger;
  static constexpr const char* type = std::is_signed_v<T> ? "INT" : "UINT";
  static constexpr std::vector<std::string> (*words)() = nullptr;
  static Result<T> read(const Option& option, std::string_view text) {
    const auto number = read_integer(option, text, static_cast<uint64_t>(std::numeric_limits<T>::max()));
    if (!number) return fail(number.error());
    return static_cast<T>(*number);
  }
  static std::string write(T value) { return std::to_string(value); }
  static nlohmann::ordered_json json(T value) { return value; }
};

template <>
struct ValueType<double> {
  static constexpr OptionKind kind = OptionKind::kNumber;
  static constexpr const char* type = "NUMBER";
  static constexpr std::vector<std::string> (*words)() = nullptr;
  static Result<double> read(const Option& option, std::string_view text) {
    return read_number(option, text);
  }
  static std::string write(double value) { return write_number(value); }
  static nlohmann::ordered_json json(double value) { return value; }
};

template <>
struct ValueType<bool> {
  static constexpr OptionKind kind = OptionKind::kFlag;
  static constexpr const char* type = "";
  static constexpr std::vector<std::string> (*words)() = nullptr;
  static Result<bool> read(const Option& option, std::string_view text) { return read_flag(option, text); }
  static std::string write(bool value) { return value ? "true" : "false"; }
  static nlohmann::ordered_json json(bool value) { return value; }
};

// Of a number that counts bytes.
struct SizeType {
  static constexpr OptionKind kind = OptionKind::kSize;
  static constexpr const char* type = "BYTES";
  static constexpr std::vector<std::string> (*words)() = nullptr;
  static Result<uint64_t> read(const Option& option, std::string_view text) {
    return read_size(option, text);
  }
  static std::string write(uint64_t value) { return write_size(value); }
  static nlohmann::ordered_json json(uint64_t value) { return value; }
};

template <>
struct ValueType<KeepBudget> {
  static constexpr OptionKind kind = OptionKind::kNumberOrWord;
  static constexpr const char* type = "TEXT";
  // Examples: what may be said is of parts.
  static std::vector<std::string> words() { return {"0.5,split=pyramid", "1,split=join:13"}; }
  static Result<KeepBudget> read(const Option& option, std::string_view text) {
    return read_budget(option, text);
  }
  static std::string write(const KeepBudget& value) { return write_budget(value); }
  static nlohmann::ordered_json json(const KeepBudget& value) { return write_budget(value); }
};

template <>
struct ValueType<FusionChoice> {
  static constexpr OptionKind kind = OptionKind::kNumberOrWord;
  static constexpr const char* type = "TEXT";
  static std::vector<std::string> words() { return fusion_words(); }
  static Result<FusionChoice> read(const Option& option, std::string_view text) {
    return read_fusion(option, text);
  }
  static std::string write(const FusionChoice& value) { return write_fusion(value); }
  static nlohmann::ordered_json json(const FusionChoice& value) { return write_fusion(value); }
};

template <>
struct ValueType<DeviceChoice> {
  static constexpr OptionKind kind = OptionKind::kText;
  static constexpr const char* type = "TEXT";
  // Examples: a card has any number.
  static std::vector<std::string> words() { return {"cpu", "cuda", "cuda:1"}; }
  static Result<DeviceChoice> read(const Option& option, std::string_view text) {
    return read_device(option, text);
  }
  static std::string write(const DeviceChoice& value) { return write_device(value); }
  static nlohmann::ordered_json json(const DeviceChoice& value) { return device_kind(value); }
};

// Choices of a table of words.
template <const auto& table>
struct WordType {
  using T = std::remove_cvref_t<decltype(table.front().value)>;
  static constexpr OptionKind kind = OptionKind::kWord;
  static constexpr const char* type = "";
  static std::vector<std::string> words() { return words_of(table); }
  static Result<T> read(const Option& option, std::string_view text) {
    const auto found = meaning_of(table, text);
    if (found) return *found;
    std::string known;
    for (const std::string& word : words()) known += (known.empty() ? "" : ", ") + word;
    return wrong_value(option, "one of " + known, text);
  }
  static std::string write(T value) { return word_of(table, value); }
  static nlohmann::ordered_json json(T value) { return write(value); }
};
template <>
struct ValueType<ModelOptions::Weights> : WordType<kWeightsWords> {};
template <>
struct ValueType<Precision> : WordType<kPrecisionWords> {};
template <>
struct ValueType<Encoding> : WordType<kEncodingWords> {};
template <>
struct ValueType<Calibration> : WordType<kCalibrationWords> {};
template <>
struct ValueType<TokenFilter> : WordType<kTokenFilterWords> {};
template <>
struct ValueType<std::optional<QueryRows>> : WordType<kRowsWords> {};
template <>
struct ValueType<CandidateOrder> : WordType<kOrderWords> {};
template <>
struct ValueType<ScoreKind> : WordType<kScoreWords> {};
template <>
struct ValueType<LongPassages> : WordType<kLongPassagesWords> {};
template <>
struct ValueType<KeptType> : WordType<kKeptTypeWords> {};

template <typename M>
struct MemberOf;
template <typename Class, typename T>
struct MemberOf<T Class::*> {
  using type = T;
};

// `target`: where the Reranker takes it from; nullptr: nowhere.
template <auto member, auto target,
          typename As = ValueType<typename MemberOf<decltype(member)>::type::value_type>>
struct Binding {
  using Type = As;
  static Status read(const Option& option, std::string_view text, EngineSettings& settings) {
    if (text.empty()) {
      settings.*member = std::nullopt;
      return {};
    }
    auto value = Type::read(option, text);
    if (!value) return fail(std::move(value.error()));
    settings.*member = std::move(*value);
    return {};
  }
  static std::string write(const EngineSettings& settings) {
    return settings.*member ? Type::write(*(settings.*member)) : std::string();
  }
  static nlohmann::ordered_json json(const EngineSettings& settings) {
    return Type::json(*(settings.*member));
  }
  static void apply(const EngineSettings& settings, RerankerOptions& options) {
    if constexpr (std::is_member_pointer_v<decltype(target)>) options.*target = *(settings.*member);
  }
};

// Texts are what they are: an empty one asks for nothing.
template <auto member, auto target>
struct TextBinding {
  static Status read(const Option&, std::string_view text, EngineSettings& settings) {
    settings.*member = text;
    return {};
  }
  static std::string write(const EngineSettings& settings) { return settings.*member; }
  static nlohmann::ordered_json json(const EngineSettings& settings) { return settings.*member; }
  static void apply(const EngineSettings& settings, RerankerOptions& options) {
    if constexpr (std::is_member_pointer_v<decltype(target)>) options.*target = settings.*member;
  }
};

template <typename Bound, auto target>
constexpr OptionValue bound(OptionKind kind, const char* type, std::vector<std::string> (*words)()) {
  return {kind,
          type,
          words,
          Bound::read,
          Bound::write,
          Bound::json,
          std::is_null_pointer_v<decltype(target)> ? nullptr : Bound::apply};
}

template <auto member, auto target = nullptr>
constexpr OptionValue value_of() {
  using Type = typename Binding<member, target>::Type;
  return bound<Binding<member, target>, target>(Type::kind, Type::type, Type::words);
}
template <auto member>
constexpr OptionValue size_of() {
  return bound<Binding<member, nullptr, SizeType>, nullptr>(SizeType::kind, SizeType::type, SizeType::words);
}
template <auto member, auto target = nullptr>
constexpr OptionValue text_of() {
  return bound<TextBinding<member, target>, target>(OptionKind::kText, "TEXT", nullptr);
}
template <auto member, auto target = nullptr>
constexpr OptionValue path_of() {
  return bound<TextBinding<member, target>, target>(OptionKind::kPath, "TEXT", nullptr);
}

}  // namespace headwise
