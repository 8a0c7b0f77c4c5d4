// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/relevance_job.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/fnv.h"
#include "base/shuffle.h"
#include "heads/relevance_samples.h"
#include "jobs/job_header.h"

namespace headwise {
namespace {

constexpr int kAlways[] = {1, 5, 20, 100};

std::mt19937_64 random_of(uint64_t seed, const std::string& query, std::string_view purpose) {
  Fnv hash(seed);
  hash.add(std::span<const char>(query));
  hash.add(std::span<const char>(purpose));
  return std::mt19937_64(hash.value());
}

// From 1 to most, on a scale of logarithms.
int random_size(std::mt19937_64& random, int most) {
  const double share = static_cast<double>(random() >> 11) * 0x1.0p-53;
  return std::min(most, static_cast<int>(std::exp(share * std::log(most + 1.0))));
}

Status check_engine(const Engine& engine) {
  const RerankerOptions& options = engine.reranker.options();
  const char* against = engine.router                                      ? "--router"
                        : options.fusion != Fusion::kNone                  ? "--fuse"
                        : options.filter_after_sum                         ? "--filter-after-sum"
                        : options.score != ScoreKind::kRaw                 ? "--score"
                        : options.min_score.has_value()                    ? "--min-score"
                        : options.heads.kind != HeadSelection::Kind::kList ? "--heads all or a window"
                                                                           : nullptr;
  if (against == nullptr) return {};
  return fail(ErrorCode::kUsage, std::string("relevance is fitted to the raw scores of a head set; leave ") +
                                     against + " out and give --heads FILE");
}

}  // namespace

std::vector<int> request_sizes(const SampleChoice& choice, const std::string& query, size_t candidates) {
  const int most = std::min(choice.most, static_cast<int>(candidates));
  std::vector<int> sizes;
  for (const int size : kAlways) {
    if (size <= most) sizes.push_back(size);
  }
  std::mt19937_64 random = random_of(choice.seed, query, "sizes");
  for (int i = 0; i < choice.draws && most > 0; ++i) sizes.push_back(random_size(random, most));
  return sizes;
}

Result<RelevanceJob> RelevanceJob::open(Engine& engine, DatasetWork work, const Qrels& qrels,
                                        SampleChoice choice, const std::filesystem::path& output,
                                        bool restart) {
  HW_RETURN_IF_ERROR(check_engine(engine));
  std::unordered_map<std::string, Grades> grades;
  for (const JudgedQuery& query : qrels.queries) {
    for (const Judgement& judged : query.judgements) grades[query.id][judged.id] = judged.grade;
  }
  std::erase_if(work.requests, [&](const DatasetRequest& request) { return !grades.contains(request.id); });
  if (work.requests.empty()) {
    return fail(ErrorCode::kUsage,
                "no question of the run is judged; give --qrels the judgements of its split");
  }
  Json header = job_header(engine, "relevance samples", work);
  header["grade"] = choice.grade;
  header["draws"] = choice.draws;
  header["most"] = choice.most;
  header["sample-seed"] = choice.seed;
  header["data"] = choice.data;
  auto job = DatasetJob::open(std::move(work), output.string() + ".partial", header, restart);
  HW_RETURN_IF_ERROR(job);
  return RelevanceJob(engine, std::move(choice), std::move(grades), std::move(*job));
}

Result<std::string> RelevanceJob::answer(const DatasetRequest& request, ProgressSink* stop) {
  const Grades& grades = grades_.at(request.id);
  std::mt19937_64 random = random_of(choice_.seed, request.id, "candidates");
  // What is read of a question is one pool, so that what is kept of its passages serves all its requests.
  std::vector<int> pool(request.passages.size());
  for (size_t i = 0; i < pool.size(); ++i) pool[i] = static_cast<int>(i);
  draw(pool, static_cast<size_t>(choice_.most), random);
  std::string lines;
  for (const int size : request_sizes(choice_, request.id, pool.size())) {
    std::vector<int> drawn = pool;
    draw(drawn, static_cast<size_t>(size), random);
    std::vector<Passage> passages;
    for (const int place : drawn) passages.push_back(request.passages[static_cast<size_t>(place)]);
    const auto ranking = engine_->rank({.query = request.query, .passages = passages}, stop);
    if (!ranking) return fail(Error(ranking.error()).with_context("reading query '" + request.id + "'"));
    JudgedRequest judged{
        .query = request.id, .facts = ranking->facts, .ids = {}, .scores = {}, .relevant = {}};
    for (const ScoredPassage& hit : ranking->passages) {
      const std::string& id = passages[static_cast<size_t>(hit.index)].id;
      const auto found = grades.find(id);
      judged.ids.push_back(id);
      judged.scores.push_back(hit.score);
      judged.relevant.push_back(found != grades.end() && found->second >= choice_.grade);
    }
    lines += sample_line(judged);
  }
  return lines;
}

Status RelevanceJob::run(ProgressSink* progress) {
  return job_.run([this](const DatasetRequest& request, ProgressSink* stop) { return answer(request, stop); },
                  progress, "; the same command goes on from there");
}

std::string RelevanceJob::text() const {
  RelevanceSamples samples;
  samples.model = engine_->model->fingerprint();
  samples.base = engine_->model->base_fingerprint();
  samples.heads = engine_->reranker.heads();
  samples.weights = engine_->reranker.options().heads.weights_of(samples.heads.size());
  samples.data = choice_.data;
  return sample_header(samples) + job_.joined();
}

}  // namespace headwise
