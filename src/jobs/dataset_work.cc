// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/dataset_work.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "base/near_word.h"
#include "formats/text_lines.h"
#include "headwise/dataset.h"
#include "headwise/qrels.h"
#include "headwise/run.h"
#include "jobs/shard.h"

namespace headwise {
namespace {

// Keeps the query that --query-id names; of a file with its own texts its documents too.
Status keep_only(const std::string& id, const std::string& file, Run& run,
                 std::vector<Documents>& documents) {
  if (id.empty()) return {};
  const auto found = std::find_if(run.queries.begin(), run.queries.end(),
                                  [&](const RunQuery& query) { return query.id == id; });
  if (found == run.queries.end()) {
    std::vector<std::string> known;
    for (const RunQuery& query : run.queries) known.push_back(query.id);
    const std::string nearest = nearest_word(id, known);
    std::string hint;
    if (!nearest.empty()) hint = "; did you mean '" + nearest + "'?";
    if (nearest.empty() && !known.empty()) hint = "; its first is '" + known.front() + "'";
    return fail(ErrorCode::kNotFound, "--query-id: '" + file + "' has no query '" + id + "' among its " +
                                          std::to_string(known.size()) + hint);
  }
  const auto place = found - run.queries.begin();
  run.queries = {std::move(*found)};
  if (documents.size() > 1) documents = {std::move(documents[static_cast<size_t>(place)])};
  return {};
}

// Keeps the run's queries that --split and --queries ask for, and of each the first --depth candidates.
Status narrow(Run& run, const DatasetChoice& flags, std::vector<std::string>& notes) {
  if (!flags.split.empty()) {
    if (flags.dataset.empty()) return fail(ErrorCode::kUsage, "--split needs --dataset");
    const auto qrels = read_qrels(std::filesystem::path(flags.dataset) / "qrels" / (flags.split + ".tsv"));
    if (!qrels)
      return fail(Error(qrels.error()).with_context("reading the judgements of --split " + flags.split));
    IdSet judged;
    for (const JudgedQuery& query : qrels->queries) judged.insert(query.id);
    const size_t left_out =
        std::erase_if(run.queries, [&](const RunQuery& query) { return !judged.contains(query.id); });
    if (run.queries.empty()) {
      return fail(ErrorCode::kInvalidInput, "no query of '" + flags.run + "' is judged in split '" +
                                                flags.split +
                                                "'; without --split all queries of the run are taken");
    }
    if (left_out > 0) {
      notes.push_back(std::to_string(left_out) + " queries of the run are not judged in split '" +
                      flags.split + "' and are left out");
    }
  }
  if (flags.skip > 0) {
    const size_t skipped = std::min(run.queries.size(), static_cast<size_t>(flags.skip));
    run.queries.erase(run.queries.begin(), run.queries.begin() + static_cast<std::ptrdiff_t>(skipped));
    if (run.queries.empty()) {
      return fail(ErrorCode::kUsage, "--skip " + std::to_string(flags.skip) + " leaves none of the run's " +
                                         std::to_string(skipped) + " queries");
    }
  }
  if (flags.queries > 0 && run.queries.size() > static_cast<size_t>(flags.queries)) {
    run.queries.resize(static_cast<size_t>(flags.queries));
  }
  for (RunQuery& query : run.queries) {
    if (flags.depth > 0 && query.entries.size() > static_cast<size_t>(flags.depth)) {
      query.entries.resize(static_cast<size_t>(flags.depth));
    }
  }
  return {};
}

Result<DatasetRequest> make_request(const RunQuery& candidates, const Queries& queries,
                                    const Documents& documents, int64_t number) {
  const Query* query = queries.find(candidates.id);
  if (query == nullptr) {
    return fail(ErrorCode::kInvalidInput,
                "query '" + candidates.id + "' of the run is not in the data set's queries");
  }
  if (is_blank(query->text)) {  // told before the first of the others is asked, not hours later
    return fail(ErrorCode::kInvalidInput,
                "query '" + candidates.id + "' of the run has an empty text: leave it out of the run");
  }
  DatasetRequest request{.number = number, .id = candidates.id, .query = query->text, .passages = {}};
  for (const RunEntry& entry : candidates.entries) {
    const Document* document = documents.find(entry.id);
    if (document == nullptr) {
      return fail(ErrorCode::kInvalidInput, "document '" + entry.id + "' of query '" + candidates.id +
                                                "' is not in the data set's corpus");
    }
    request.passages.push_back(
        {.id = entry.id, .title = document->title, .text = document->text, .first_stage_score = entry.score});
  }
  return request;
}

}  // namespace

Result<DatasetWork> gather_work(const DatasetChoice& flags) {
  const auto shard = parse_shard(flags.shard);
  if (!shard) return fail(shard.error());
  DatasetWork work;
  Run run;
  Queries queries;
  std::vector<Documents> documents;  // one for all queries, or one for each
  if (flags.dataset.empty()) {
    auto file = read_candidates(flags.run);
    if (!file) {
      return fail(std::move(file.error())
                      .with_context("reading --run as a file with its own texts (no --dataset given)"));
    }
    run = std::move(file->run);
    queries = std::move(file->queries);
    documents = std::move(file->documents);
    HW_RETURN_IF_ERROR(keep_only(flags.only_query, flags.run, run, documents));
    const auto skipped =
        static_cast<std::ptrdiff_t>(std::min(documents.size(), static_cast<size_t>(flags.skip)));
    HW_RETURN_IF_ERROR(narrow(run, flags, work.notes));
    documents.erase(documents.begin(), documents.begin() + skipped);  // in step with the queries
  } else {
    auto read = read_run(flags.run);
    if (!read) return fail(std::move(read.error()).with_context("reading --run"));
    run = std::move(*read);
    HW_RETURN_IF_ERROR(keep_only(flags.only_query, flags.run, run, documents));
    HW_RETURN_IF_ERROR(narrow(run, flags, work.notes));
    auto texts =
        read_beir(flags.dataset, {.split = "", .documents = document_ids(run), .queries = query_ids(run)});
    if (!texts) return fail(std::move(texts.error()).with_context("reading --dataset"));
    queries = std::move(texts->queries);
    documents.push_back(std::move(texts->documents));
  }
  Fingerprint fingerprint;
  const auto [first, end] = shard->of(run.queries.size());
  for (size_t i = first; i < end; ++i) {
    auto request = make_request(run.queries[i], queries, documents.size() == 1 ? documents[0] : documents[i],
                                static_cast<int64_t>(i));
    if (!request) return fail(std::move(request.error()));
    fingerprint.add(request->id);
    fingerprint.add(request->query);
    for (const Passage& passage : request->passages) {
      fingerprint.add(passage.id);
      fingerprint.add(passage.title);
      fingerprint.add(passage.text);
      fingerprint.add(passage.first_stage_score.value_or(0.0));
    }
    work.requests.push_back(std::move(*request));
  }
  if (work.requests.empty()) {
    return fail(ErrorCode::kUsage, "--shard " + flags.shard + " of " + std::to_string(run.queries.size()) +
                                       " queries holds none; use fewer shards");
  }
  work.fingerprint = fingerprint.hex();
  return work;
}

std::string dataset_name(const DatasetChoice& choice) {
  return last_name(choice.dataset.empty() ? choice.run : choice.dataset);
}

}  // namespace headwise
