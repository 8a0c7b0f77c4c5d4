// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// `headwise tokenize`: the ids of each line of standard input, for checking and for counting.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "common/app.h"
#include "common/model_path.h"
#include "common/output.h"
#include "common/program.h"
#include "common/signals.h"
#include "headwise/tokenizer.h"

namespace headwise {
namespace {

struct TokenizeOptions {
  std::string tokenizer;
  std::string model;
  bool special = false;
  bool json = false;
  bool count = false;
};

// Answers are written in pieces of about this size: few system calls, little memory.
constexpr size_t kWriteAt = size_t{1} << 16;

Result<Tokenizer> load(const TokenizeOptions& options) {
  const bool model_typed = is_typed("--model"), tokenizer_typed = is_typed("--tokenizer");
  if (model_typed && tokenizer_typed) {
    return fail(ErrorCode::kUsage, "--tokenizer stands in place of --model: give one of the two");
  }
  if (!options.tokenizer.empty() && !model_typed) return Tokenizer::load(options.tokenizer);
  const Result<std::filesystem::path> model = resolve_model(options.model);
  HW_RETURN_IF_ERROR(model);
  return Tokenizer::load(*model);
}

Result<std::string> text_of_line(const std::string& line, bool json) {
  if (!json) return line;
  if (const std::optional<size_t> offset = first_invalid_utf8(line)) {
    return fail(ErrorCode::kInvalidInput, "not valid UTF-8 at byte " + std::to_string(*offset));
  }
  const nlohmann::json value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_string()) {
    return fail(ErrorCode::kInvalidInput,
                "expected a JSON string such as \"a line\\nand another\", found " +
                    (value.is_discarded() ? std::string("no JSON") : std::string(value.type_name())));
  }
  return value.get<std::string>();
}

void append_answer(const std::vector<int32_t>& ids, const TokenizeOptions& options, std::string& out) {
  if (options.count) {
    out += std::to_string(ids.size());
  } else {
    if (options.json) out += '[';
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) out += options.json ? ',' : ' ';
      out += std::to_string(ids[i]);
    }
    if (options.json) out += ']';
  }
  out += '\n';
}

Status tokenize_lines(const Tokenizer& tokenizer, const TokenizeOptions& options) {
  const StopSignals signals;
  std::ios::sync_with_stdio(false);  // so that in_avail() below knows what waits in the pipe
  std::string out;
  std::string line;
  for (int64_t number = 1; std::getline(std::cin, line); ++number) {
    if (stop_signalled()) return fail(ErrorCode::kCancelled, "stopped at line " + std::to_string(number));
    const auto located = [&](Error error) {
      return fail(std::move(error).with_context("reading line " + std::to_string(number)));
    };
    const Result<std::string> text = text_of_line(line, options.json);
    if (!text) return located(text.error());
    const Result<std::vector<int32_t>> ids =
        options.special ? tokenizer.encode_with_specials(*text) : tokenizer.encode(*text);
    if (!ids) return located(ids.error());
    append_answer(*ids, options, out);
    if (out.size() >= kWriteAt || std::cin.rdbuf()->in_avail() <= 0) {
      HW_RETURN_IF_ERROR(write_stdout(out));
      out.clear();
    }
  }
  if (std::cin.bad()) return fail(ErrorCode::kIo, "standard input could not be read");
  return write_stdout(out);
}

}  // namespace

Action add_tokenize(CLI::App& verb, AppContext&) {
  auto options = std::make_shared<TokenizeOptions>();
  verb.add_option("--model", options->model, model_help());
  verb.add_option("--tokenizer", options->tokenizer,
                  "A tokenizer.json, a folder that holds one, or a .gguf file, in place of --model");
  verb.add_flag(
      "--special", options->special,
      "Special tokens that stand in the text, such as <|im_end|>, become their ids; without it they are "
      "text");
  verb.add_flag("--json", options->json, "Each line is a JSON string, each answer a JSON array");
  verb.add_flag("--count", options->count, "The number of tokens of each line instead of their ids");
  return [options]() -> Status {
    const Result<Tokenizer> tokenizer = load(*options);
    HW_RETURN_IF_ERROR(tokenizer);
    return tokenize_lines(*tokenizer, *options);
  };
}

}  // namespace headwise
