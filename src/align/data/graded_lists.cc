// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/data/graded_lists.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/shuffle.h"
#include "headwise/dataset.h"

namespace headwise {
namespace {

struct SpecKey {
  std::string_view name;
  bool (*put)(DataSetSpec& spec, const std::string& value);
};

template <auto Member>
bool put_text(DataSetSpec& spec, const std::string& value) {
  spec.*Member = value;
  return !value.empty();
}

template <auto Member>
bool put_number(DataSetSpec& spec, const std::string& value) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), spec.*Member);
  return error == std::errc() && end == value.data() + value.size() && spec.*Member >= 0;
}

constexpr std::array<SpecKey, 7> kSpecKeys{{{"dir", put_text<&DataSetSpec::folder>},
                                            {"run", put_text<&DataSetSpec::run>},
                                            {"split", put_text<&DataSetSpec::split>},
                                            {"skip", put_number<&DataSetSpec::skip>},
                                            {"first", put_number<&DataSetSpec::first>},
                                            {"depth", put_number<&DataSetSpec::depth>},
                                            {"weight", put_number<&DataSetSpec::weight>}}};

constexpr const char* kSpecForm =
    "expected dir=FOLDER,run=FILE[,split=NAME][,skip=N][,first=N][,depth=N][,weight=W]";

// A file in the folder, or one of another place.
std::filesystem::path run_path(const DataSetSpec& spec) {
  std::error_code ignored;
  const std::filesystem::path inside = spec.folder / spec.run;
  const std::filesystem::path outside = spec.run;
  return !std::filesystem::exists(inside, ignored) && std::filesystem::exists(outside, ignored) ? outside
                                                                                                : inside;
}

// The run of a data set, cut as the specification says.
Result<Run> cut_run(const DataSetSpec& spec) {
  auto run = read_run(run_path(spec));
  HW_RETURN_IF_ERROR(run);
  auto& queries = run->queries;
  const size_t skip = std::min(queries.size(), static_cast<size_t>(spec.skip));
  queries.erase(queries.begin(), queries.begin() + static_cast<std::ptrdiff_t>(skip));
  if (spec.first > 0 && queries.size() > static_cast<size_t>(spec.first)) {
    queries.resize(static_cast<size_t>(spec.first));
  }
  if (queries.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "data set '" + spec.text() + "' has no query left after skip and first");
  }
  for (RunQuery& query : queries) {
    if (spec.depth > 0 && query.entries.size() > static_cast<size_t>(spec.depth)) {
      query.entries.resize(static_cast<size_t>(spec.depth));
    }
  }
  return run;
}

using Grades = std::unordered_map<std::string, std::map<std::string, int>>;

Grades grades_of(const Qrels& qrels) {
  Grades grades;
  for (const JudgedQuery& query : qrels.queries) {
    for (const Judgement& judgement : query.judgements)
      grades[query.id][judgement.id] = std::max(0, judgement.grade);
  }
  return grades;
}

// Queries with texts; `judged_too` adds judged documents that the run lacks (they must be in the corpus).
Result<std::vector<GradedQuery>> gather(const DataSetSpec& spec, const Run& run, bool judged_too,
                                        Qrels& qrels) {
  auto judgements = read_qrels(spec.folder / "qrels" / (spec.split + ".tsv"));
  HW_RETURN_IF_ERROR(judgements);
  qrels = std::move(*judgements);
  const Grades grades = grades_of(qrels);
  auto data =
      read_beir(spec.folder, {.split = "", .documents = document_ids(run), .queries = query_ids(run)});
  HW_RETURN_IF_ERROR(data);
  Documents judged_documents;
  if (judged_too) {
    IdSet wanted;
    for (const RunQuery& query : run.queries) {
      const auto found = grades.find(query.id);
      if (found == grades.end()) continue;
      for (const auto& [id, grade] : found->second) {
        if (grade > 0 && data->documents.find(id) == nullptr) wanted.insert(id);
      }
    }
    // Collections cut to their runs (TREC's, often) lack judged documents: those cannot be trained on.
    auto found = read_documents(spec.folder / "corpus.jsonl", wanted, Missing::kLeaveOut);
    HW_RETURN_IF_ERROR(found);
    judged_documents = std::move(*found);
  }
  std::vector<GradedQuery> queries;
  for (const RunQuery& found : run.queries) {
    GradedQuery query{found.id, data->queries.find(found.id)->text, {}};
    const auto judged = grades.find(found.id);
    const auto add = [&](const std::string& id, int first_stage, double score) {
      const Document* document = data->documents.find(id);
      if (document == nullptr) document = judged_documents.find(id);
      if (document == nullptr) return;
      GradedCandidate candidate{{document->id, document->title, document->text, score}, 0, first_stage};
      if (judged != grades.end()) {
        if (const auto grade = judged->second.find(id); grade != judged->second.end())
          candidate.grade = grade->second;
      }
      query.candidates.push_back(std::move(candidate));
    };
    std::set<std::string> listed;
    for (const RunEntry& entry : found.entries) {
      add(entry.id, entry.rank, entry.score);
      listed.insert(entry.id);
    }
    if (judged_too && judged != grades.end()) {
      for (const auto& [id, grade] : judged->second) {
        if (grade > 0 && !listed.contains(id)) add(id, 0, 0.0);
      }
    }
    queries.push_back(std::move(query));
  }
  return queries;
}

bool can_prefer(const GradedQuery& query) {
  return std::any_of(query.candidates.begin(), query.candidates.end(), [&](const GradedCandidate& candidate) {
    return candidate.grade != query.candidates.front().grade;
  });
}

}  // namespace

std::string DataSetSpec::name() const { return last_name(folder); }

std::string DataSetSpec::text() const {
  std::string text = "dir=" + folder.string() + ",run=" + run + ",split=" + split;
  if (skip > 0) text += ",skip=" + std::to_string(skip);
  if (first > 0) text += ",first=" + std::to_string(first);
  return text;
}

Result<DataSetSpec> parse_data_set(std::string_view text) {
  DataSetSpec spec;
  const auto wrong = [&](const std::string& why) {
    return fail(ErrorCode::kUsage, "data set '" + std::string(text) + "': " + why + "; " + kSpecForm);
  };
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t sign = part.find('=');
    if (sign == std::string_view::npos) return wrong("'" + std::string(part) + "' has no '='");
    const std::string_view name = part.substr(0, sign);
    const auto key =
        std::find_if(kSpecKeys.begin(), kSpecKeys.end(), [&](const SpecKey& k) { return k.name == name; });
    if (key == kSpecKeys.end()) return wrong("unknown key '" + std::string(name) + "'");
    if (!key->put(spec, std::string(part.substr(sign + 1))))
      return wrong("'" + std::string(part) + "' is no value");
  }
  if (spec.folder.empty()) return wrong("dir is missing");
  if (spec.run.empty()) return wrong("run is missing");
  return spec;
}

Result<GradedSet> read_graded_set(const DataSetSpec& spec) {
  auto run = cut_run(spec);
  HW_RETURN_IF_ERROR(run);
  Qrels qrels;
  auto queries = gather(spec, *run, true, qrels);
  HW_RETURN_IF_ERROR(queries);
  GradedSet set{spec, {}, 0};
  for (GradedQuery& query : *queries) {
    if (can_prefer(query)) {
      set.queries.push_back(std::move(query));
    } else {
      ++set.left_out;
    }
  }
  if (set.queries.empty()) {
    return fail(
        ErrorCode::kInvalidInput,
        "data set '" + spec.text() +
            "' has no query with two grades among its candidates: nothing to prefer; check run and split");
  }
  return set;
}

Result<HeldOutSet> read_held_out_set(const DataSetSpec& spec) {
  auto run = cut_run(spec);
  HW_RETURN_IF_ERROR(run);
  HeldOutSet set{spec, std::move(*run), {}, {}};
  auto queries = gather(spec, set.run, false, set.qrels);
  HW_RETURN_IF_ERROR(queries);
  set.queries = std::move(*queries);
  // Measures count judged queries: those of the run alone.
  const IdSet wanted = query_ids(set.run);
  std::erase_if(set.qrels.queries, [&](const JudgedQuery& query) { return !wanted.contains(query.id); });
  if (set.qrels.queries.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "data set '" + spec.text() + "' has no judgement for the queries of its run");
  }
  return set;
}

std::vector<int> sample_list(const GradedQuery& query, int size, std::mt19937_64& random) {
  std::map<int, std::vector<int>, std::greater<>> by_grade;  // relevant ones
  std::vector<int> negatives;                                // best of the first stage first
  for (size_t i = 0; i < query.candidates.size(); ++i) {
    const GradedCandidate& candidate = query.candidates[i];
    if (candidate.grade > 0) {
      by_grade[candidate.grade].push_back(static_cast<int>(i));
    } else {
      negatives.push_back(static_cast<int>(i));
    }
  }
  for (auto& [grade, places] : by_grade) shuffle(places, random);
  std::vector<int> chosen;
  const auto wanted = static_cast<size_t>(size);
  for (bool more = true; more && chosen.size() < std::max<size_t>(1, wanted / 2);) {
    more = false;
    for (auto& [grade, places] : by_grade) {
      if (places.empty() || chosen.size() >= std::max<size_t>(1, wanted / 2)) continue;
      chosen.push_back(places.back());
      places.pop_back();
      more = true;
    }
  }
  // Hard ones: from twice as many of the first stage's best as are needed.
  const size_t needed = std::min(negatives.size(), wanted - std::min(wanted, chosen.size()));
  negatives.resize(std::min(negatives.size(), 2 * needed));
  shuffle(negatives, random);
  chosen.insert(chosen.end(), negatives.begin(), negatives.begin() + static_cast<std::ptrdiff_t>(needed));
  shuffle(chosen, random);
  return chosen;
}

TrainingBatch sample_batch(const GradedSet& set, int queries, int size, std::mt19937_64& random,
                           std::optional<size_t> first) {
  std::vector<size_t> places;
  for (size_t i = 0; i < set.queries.size(); ++i) {
    if (i != first) places.push_back(i);
  }
  draw(places, static_cast<size_t>(queries) - (first ? 1 : 0), random);
  if (first) places.insert(places.begin(), *first);
  const size_t count = places.size();
  TrainingBatch batch;
  batch.set = set.spec.name();
  std::unordered_map<std::string, size_t> at;
  for (size_t i = 0; i < count; ++i) {
    const GradedQuery& query = set.queries[places[i]];
    for (const int candidate : sample_list(query, size, random)) {
      const Passage& passage = query.candidates[static_cast<size_t>(candidate)].passage;
      if (at.emplace(passage.id, batch.passages.size()).second) batch.passages.push_back(passage);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    const GradedQuery& query = set.queries[places[i]];
    BatchQuery known{query.text, std::vector<int>(batch.passages.size(), 0), {}};
    for (const GradedCandidate& candidate : query.candidates) {
      if (const auto found = at.find(candidate.passage.id); found != at.end()) {
        known.grades[found->second] = candidate.grade;
      }
    }
    batch.queries.push_back(std::move(known));
  }
  return batch;
}

}  // namespace headwise
