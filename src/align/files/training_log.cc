// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/files/training_log.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/file.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

template <typename Record>
struct NumberField {
  const char* name;
  double Record::*member;
};
constexpr NumberField<UpdateRecord> kNumbers[] = {{"loss", &UpdateRecord::loss},
                                                  {"pair", &UpdateRecord::pair},
                                                  {"regulariser", &UpdateRecord::regulariser},
                                                  {"divergence", &UpdateRecord::divergence},
                                                  {"margin", &UpdateRecord::margin},
                                                  {"rank_correlation", &UpdateRecord::rank_correlation},
                                                  {"gradient_norm", &UpdateRecord::gradient_norm},
                                                  {"learning_rate", &UpdateRecord::learning_rate},
                                                  {"seconds", &UpdateRecord::seconds}};

constexpr NumberField<HeldOutFigures> kFigures[] = {
    {"first_stage", &HeldOutFigures::first_stage},
    {"alone", &HeldOutFigures::alone},
    {"fused", &HeldOutFigures::fused},
    {"relevant_rate", &HeldOutFigures::relevant_rate},
    {"irrelevant_rate", &HeldOutFigures::irrelevant_rate},
    {"deviation_inside", &HeldOutFigures::deviation_inside},
    {"deviation_outside", &HeldOutFigures::deviation_outside}};

template <typename Record, size_t n>
void read_numbers(const NumberField<Record> (&fields)[n], const Json& json, Record& record) {
  for (const NumberField<Record>& field : fields) record.*field.member = json.value(field.name, 0.0);
}

template <typename Record, size_t n>
void put_numbers(const NumberField<Record> (&fields)[n], const Record& record, Json& json) {
  for (const NumberField<Record>& field : fields) json[field.name] = record.*field.member;
}

UpdateRecord update_of(const Json& line) {
  UpdateRecord record;
  record.update = line["update"].get<int64_t>();
  read_numbers(kNumbers, line, record);
  record.tokens = line.value("tokens", int64_t{0});
  record.sets = line.value("sets", std::string());
  return record;
}

EvaluationRecord evaluation_of(const Json& line) {
  EvaluationRecord record;
  record.update = line["update"].get<int64_t>();
  record.seconds = line.value("seconds", 0.0);
  for (const Json& set : line["held_out"]) {
    HeldOutFigures& figures = record.result.sets.emplace_back();
    figures.set = set.value("set", std::string());
    figures.queries = set.value("queries", 0);
    read_numbers(kFigures, set, figures);
  }
  return record;
}

}  // namespace

double HeldOutResult::mean_alone() const {
  double sum = 0.0;
  for (const HeldOutFigures& figures : sets) sum += figures.alone;
  return sets.empty() ? 0.0 : sum / static_cast<double>(sets.size());
}

Status TrainingLog::cut(int64_t bytes) {
  std::error_code failure;
  if (bytes == 0) {
    bytes_ = 0;
    return write_file_atomically(path_, "");
  }
  const auto size = std::filesystem::file_size(path_, failure);
  if (failure || static_cast<int64_t>(size) < bytes) {
    return fail(ErrorCode::kInvalidInput,
                "'" + path_.string() +
                    "' is missing or shorter than the checkpoint says; start again with --restart");
  }
  std::filesystem::resize_file(path_, static_cast<std::uintmax_t>(bytes), failure);
  if (failure) return fail(ErrorCode::kIo, "cannot cut '" + path_.string() + "': " + failure.message());
  bytes_ = bytes;
  return {};
}

Status TrainingLog::append(const std::string& line) {
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file << line << '\n' << std::flush;
  if (!file) return fail(ErrorCode::kIo, "cannot write to '" + path_.string() + "'");
  bytes_ += static_cast<int64_t>(line.size()) + 1;
  return {};
}

Status TrainingLog::add(const UpdateRecord& record) {
  Json line;
  line["update"] = record.update;
  put_numbers(kNumbers, record, line);
  line["tokens"] = record.tokens;
  line["sets"] = record.sets;
  return append(line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Status TrainingLog::add(const EvaluationRecord& record) {
  Json line;
  line["update"] = record.update;
  line["held_out"] = Json::array();
  for (const HeldOutFigures& set : record.result.sets) {
    Json figures{{"set", set.set}, {"queries", set.queries}};
    put_numbers(kFigures, set, figures);
    line["held_out"].push_back(std::move(figures));
  }
  line["seconds"] = record.seconds;
  return append(line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<TrainingHistory> read_training_log(const std::filesystem::path& path) {
  auto text = read_text_file(path);
  HW_RETURN_IF_ERROR(text);
  TrainingHistory history;
  size_t begin = 0;
  for (int64_t number = 1; begin < text->size(); ++number) {
    const size_t end = std::min(text->find('\n', begin), text->size());
    const Json line = Json::parse(text->begin() + static_cast<std::ptrdiff_t>(begin),
                                  text->begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    begin = end + 1;
    if (!line.is_object() || !line.contains("update") || !line["update"].is_number_integer()) {
      return fail(ErrorCode::kInvalidInput, "line " + std::to_string(number) + " of '" + path.string() +
                                                "' is no record of a training");
    }
    if (line.contains("held_out")) {
      history.evaluations.push_back(evaluation_of(line));
    } else {
      history.updates.push_back(update_of(line));
    }
  }
  return history;
}

}  // namespace headwise
