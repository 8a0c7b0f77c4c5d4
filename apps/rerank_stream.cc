// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// `rerank` without a query: JSON requests on standard input, one a line, answered in order, one JSON line
// each.
//
//   {"query": "who wrote Emma?", "documents": ["...", {"id": "d2", "title": "...", "text": "..."}]}
//
// A request may have an instruction, a kind of score, a least one and a number of passages of its own.
// A bad request is answered by a line with "error" and the stream goes on; the exit status tells at the end.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/stopwatch.h"
#include "base/utf8.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "formats/record_names.h"
#include "headwise/engine.h"
#include "headwise/score_kind.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

// One request is held in memory whole; a line without an end must not fill it.
constexpr size_t kLongestLine = size_t{256} << 20;

struct Request {
  std::string query_id;
  std::string query;
  std::vector<Passage> passages;
  // What this request asks beside the flags.
  std::string instruction{};
  std::optional<ScoreKind> score{};
  std::optional<double> min_score{};
  std::optional<int> top_k{};  // 0: all
};

constexpr int kLookEvery = 100;  // milliseconds

// Lines of standard input; a signal ends the wait for the next one.
class InputLines {
 public:
  // False at the end of the input.
  Result<bool> next(std::string& line) {
    for (;;) {
      const size_t end = buffer_.find('\n', searched_);
      if (end != std::string::npos || (ended_ && !buffer_.empty())) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end == std::string::npos ? end : end + 1);
        searched_ = 0;
        return true;
      }
      if (ended_) return false;
      searched_ = buffer_.size();
      if (buffer_.size() > kLongestLine) {
        return fail(ErrorCode::kResourceLimit, "standard input: a line is longer than 256 MiB");
      }
      // A signal between the look at the flag and a blocking read would not be seen: the wait is in short
      // pieces, and the flag is looked at again when the input ends.
      if (stop_signalled()) return fail(ErrorCode::kCancelled, "interrupted");
      pollfd input{STDIN_FILENO, POLLIN, 0};
      if (::poll(&input, 1, kLookEvery) == 0) continue;
      char chunk[1 << 16];
      const ssize_t got = ::read(STDIN_FILENO, chunk, sizeof chunk);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        return fail(ErrorCode::kIo, std::string("cannot read standard input: ") + std::strerror(errno));
      ended_ = got == 0;
      if (ended_ && stop_signalled()) return fail(ErrorCode::kCancelled, "interrupted");
      buffer_.append(chunk, static_cast<size_t>(got));
    }
  }

 private:
  std::string buffer_;
  size_t searched_ = 0;
  bool ended_ = false;
};

tl::unexpected<Error> bad(std::string text) { return fail(ErrorCode::kInvalidInput, std::move(text)); }

// A string, or a number as it is written: ids come as both.
Result<std::string> text_of(const Json& value, const std::string& name) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  return bad("\"" + name + "\" must be a string, found " + value.type_name());
}

// The first of the fields that is there and not null; nothing otherwise.
const Json* field(const Json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = object.find(name);
    if (found != object.end() && !found->is_null()) return &*found;
  }
  return nullptr;
}

Result<Passage> parse_passage(const Json& value, size_t place) {
  const std::string where = "documents[" + std::to_string(place) + "]";
  Passage passage{.id = std::to_string(place + 1), .title = {}, .text = {}, .first_stage_score = {}};
  if (value.is_string()) {
    passage.text = value.get<std::string>();
    return passage;
  }
  if (!value.is_object())
    return bad(where + " must be a string or an object with \"text\", found " + value.type_name());
  const Json* text = record_member(value, RecordMember::kText);
  const Json* title = record_member(value, RecordMember::kTitle);
  if (!has_text_member(value) && title == nullptr) {
    return bad(where + " has neither a title nor " + names_of(RecordMember::kText));
  }
  const struct {
    const Json* value;
    const char* name;
    std::string* target;
  } parts[] = {{text, "text", &passage.text},
               {record_member(value, RecordMember::kId), "id", &passage.id},
               {title, "title", &passage.title}};
  for (const auto& part : parts) {
    if (part.value == nullptr) continue;
    auto read = text_of(*part.value, where + "." + part.name);
    if (!read) return fail(std::move(read.error()));
    *part.target = std::move(*read);
  }
  if (const Json* score = record_member(value, RecordMember::kScore)) {
    if (!score->is_number()) return bad(where + ".score must be a number");
    passage.first_stage_score = score->get<double>();
  }
  return passage;
}

// What is not as the flags say.
Status parse_wishes(const Json& json, Request& request) {
  if (const Json* instruction = field(json, {"instruction"})) {
    if (!instruction->is_string())
      return bad(std::string("\"instruction\" must be a string, found ") + instruction->type_name());
    request.instruction = instruction->get<std::string>();
  }
  if (const Json* score = field(json, {"score", "score_scale"})) {
    const auto kind = parse_score_kind(score->is_string() ? score->get<std::string>() : score->dump());
    if (!kind) return bad("\"score\": " + kind.error().message());
    request.score = *kind;
  }
  if (const Json* least = field(json, {"min_score"})) {
    if (!least->is_number())
      return bad(std::string("\"min_score\" must be a number, found ") + least->type_name());
    request.min_score = least->get<double>();
  }
  if (const Json* top = field(json, {"top_k", "top_n"})) {
    if (!top->is_number_unsigned())
      return bad("\"top_k\" must be a whole number of 0 (all) or more, found " + top->dump());
    request.top_k = static_cast<int>(std::min<uint64_t>(top->get<uint64_t>(), INT_MAX));
  }
  return {};
}

// Fills in what can be read even when the request is refused, so that the answer can carry its id.
Status parse_request(const std::string& line, Request& request) {
  if (const auto at = first_invalid_utf8(line)) {
    return bad("not UTF-8: byte " + std::to_string(*at) + " of the line starts no valid character");
  }
  Json json;
  try {
    json = Json::parse(line);
  } catch (const Json::parse_error& error) {
    return bad("not JSON: byte " + std::to_string(error.byte) + " of the line is not what JSON allows there");
  } catch (const Json::exception& error) {  // a number that no double holds
    const std::string what = error.what();
    return bad("JSON that cannot be read: " + what.substr(std::min(what.find(']') + 2, what.size())));
  }
  if (!json.is_object()) return bad(std::string("a request is a JSON object, found ") + json.type_name());
  if (const Json* id = field(json, {"query_id", "qid", "id"})) {
    auto read = text_of(*id, "query_id");
    if (!read) return fail(std::move(read.error()));
    request.query_id = std::move(*read);
  }
  const Json* query = field(json, {"query"});
  if (query == nullptr) return bad("the request has no \"query\"");
  if (!query->is_string()) return bad(std::string("\"query\" must be a string, found ") + query->type_name());
  request.query = query->get<std::string>();
  const Json* documents = field(json, {"documents", "passages"});
  if (documents == nullptr || !documents->is_array()) {
    return bad("the request needs \"documents\": a list of strings or of objects with \"text\"");
  }
  for (size_t place = 0; place < documents->size(); ++place) {
    auto passage = parse_passage((*documents)[place], place);
    if (!passage) return fail(std::move(passage.error()));
    request.passages.push_back(std::move(*passage));
  }
  HW_RETURN_IF_ERROR(check_ids(request.passages));
  return parse_wishes(json, request);
}

std::string error_line(const Request& request, int64_t line, const Error& error) {
  Json json;
  json["query_id"] = request.query_id;
  json["line"] = line;
  json["error"] = {{"code", error_code_name(error.code())}, {"message", error.to_string()}};
  return json_text(json, -1);
}

Result<std::string> answer_request(Engine& engine, const Request& request, AnswerFormat format) {
  StopOnly stop;
  const auto begun = std::chrono::steady_clock::now();
  RankRequest asked{.query = request.query, .passages = request.passages};
  asked.instruction = request.instruction;
  asked.score = request.score;
  asked.min_score = request.min_score;
  asked.top_k = request.top_k;
  auto ranking = engine.rank(asked, &stop);
  if (!ranking) return fail(ranking.error());
  return format_answer({.query_id = request.query_id,
                        .query = request.query,
                        .passages = request.passages,
                        .ranking = &*ranking,
                        .heads = engine.describe_heads(ranking->heads),
                        .computed_by = engine.reranker.decoder(),
                        .seconds = seconds_since(begun)},
                       format);
}

}  // namespace

Status rerank_stream(const RerankFlags& flags, const AppContext& context) {
  const AnswerFormat format = answer_format(flags, AnswerFormat::kJsonl);
  auto engine = load_engine(flags.engine);
  if (!engine) return fail(std::move(engine.error()));
  const StopSignals signals;
  const bool to_file = !flags.output.empty() && flags.output != "-";
  std::string collected;  // --output: written in one piece at the end
  std::string line, failed_lines;
  int64_t line_number = 0, requests = 0, failures = 0;
  InputLines input;
  for (;;) {
    auto more = input.next(line);
    if (!more) return fail(std::move(more.error()));
    if (!*more) break;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    ++requests;
    Request request{.query_id = std::to_string(line_number), .query = {}, .passages = {}};
    Status parsed = parse_request(line, request);
    if (parsed) rank_by_place(flags.engine, request.passages);
    Result<std::string> text = parsed ? answer_request(*engine, request, format)
                                      : Result<std::string>(fail(std::move(parsed.error())));
    if (!text && text.error().code() == ErrorCode::kCancelled) return fail(std::move(text.error()));
    if (!text) {
      ++failures;
      if (failures <= 10) failed_lines += (failures > 1 ? ", " : "") + std::to_string(line_number);
      if (failures == 11) failed_lines += ", …";
      print_note(context.verb, context.quiet,
                 "line " + std::to_string(line_number) + ": " + text.error().to_string());
      // Run formats have no way to say it; their reader sees the note and the exit status.
      text = format == AnswerFormat::kJsonl ? error_line(request, line_number, text.error()) : std::string();
    }
    if (to_file) {
      collected += *text;
    } else {
      HW_RETURN_IF_ERROR(write_stdout(*text));
    }
  }
  if (to_file) HW_RETURN_IF_ERROR(write_result(flags.output, collected));
  if (requests == 0) return fail(ErrorCode::kInvalidInput, "standard input holds no request");
  if (failures == 0) return {};
  return bad(std::to_string(failures) + " of " + std::to_string(requests) + " requests failed (line" +
             (failures == 1 ? " " : "s ") + failed_lines + "); all others were answered");
}

}  // namespace headwise
