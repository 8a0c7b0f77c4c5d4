// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `serve`: its flags, start and end. What is answered is in src/serve.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/check.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/engine_flags.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "common/value_checks.h"
#include "engine/options.h"
#include "rerank/answer.h"
#include "search/index.h"
#include "serve/model_engine.h"
#include "serve/service.h"

namespace headwise {
namespace {

struct ServeFlags {
  EngineSettings engine;
  SearchPlace place;
  serve::TransportOptions transport;
  serve::ServiceOptions service;
  int64_t max_connections = 2048;
  double drain_seconds = 30.0;
  bool no_log = false;
  bool no_warm_up = false;
};

// Flags that say something about what nothing else asks for.
Status check_corpus(const SearchPlace& place) {
  if (!place.corpus.empty()) return {};
  for (const auto& [flag, value] :
       {std::pair{"--index", place.index}, std::pair{"--word-frequencies", place.word_frequencies}}) {
    if (!value.empty())
      return fail(ErrorCode::kUsage, std::string(flag) + " is for a corpus: give --corpus as well");
  }
  return {};
}

// The library of flags takes an empty variable for one that is not there.
void note_empty_key(const AppContext& context) {
  const char* key = std::getenv("HEADWISE_API_KEY");
  if (key != nullptr && *key == '\0')
    print_note(context.verb, context.quiet, "HEADWISE_API_KEY is empty: no key, anybody may ask");
}

// Keys come in a header's value, where a percent sign would be decoded.
Status check_key(const std::string& key) {
  const bool plain =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '%'; });
  if (plain) return {};
  return fail(ErrorCode::kUsage, "--api-key may hold visible ASCII letters only, and no '%'");
}

Status check_cors(const std::string& origin) {
  const bool plain = std::all_of(origin.begin(), origin.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (plain && (origin.empty() || origin == "*" || origin.find("://") != std::string::npos)) return {};
  return fail(ErrorCode::kUsage,
              "--cors: expected an origin such as https://example.org, or *; found '" + origin + "'");
}

// Each connection takes a descriptor; most systems allow 1,024 unless asked for more.
size_t descriptors_for_connections(int64_t wanted) {
  constexpr rlim_t kKept = 64;  // for files, and for what libraries open
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return static_cast<size_t>(wanted);
  const rlim_t needed = static_cast<rlim_t>(wanted) + kKept;
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = std::min(limit.rlim_max, needed);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= needed) return static_cast<size_t>(wanted);
  return limit.rlim_cur > 2 * kKept ? static_cast<size_t>(limit.rlim_cur - kKept) : size_t{kKept};
}

// The first pass allocates and packs; no client should wait for it.
Status warm_up(serve::ModelEngine& engine) {
  class Never : public ProgressSink {
    void advance(std::string_view, int64_t, int64_t) override {}
    bool stop_requested() const override { return stop_signalled(); }
  } never;
  serve::RerankRequest request;
  serve::RerankQuery query{.id = "1", .text = "who wrote Emma?", .passages = {}};
  for (const char* text : {"Emma is a novel by Jane Austen.", "The Moon circles the Earth."}) {
    query.passages.push_back({.id = {}, .title = {}, .text = text, .first_stage_score = 0.0});
  }
  request.queries.push_back(std::move(query));
  const auto answer = engine.answer(request, never);
  if (!answer) return fail(Error(answer.error()).with_context("warming up"));
  return {};
}

Result<SearchIndex> open_corpus(const SearchPlace& place, const AppContext& context) {
  ProgressBar bar(context.verb, context.quiet);
  auto index = SearchIndex::open(place, &bar);
  bar.finish();
  if (index) {
    print_note(context.verb, context.quiet,
               "searching " + std::to_string(index->documents()) + " documents; their index is '" +
                   index->file().string() + "'");
    if (index->left_out().files() > 0) {
      print_note(context.verb, context.quiet, index->left_out().summary());
    }
  }
  return index;
}

Status run_serve(const ServeFlags& flags, const AppContext& context) {
  HW_RETURN_IF_ERROR(check_corpus(flags.place));
  HW_RETURN_IF_ERROR(check_key(flags.service.api_key));
  HW_RETURN_IF_ERROR(check_cors(flags.service.cors));
  const StopSignals signals;
  std::optional<SearchIndex> corpus;
  if (!flags.place.corpus.empty()) {
    auto index = open_corpus(flags.place, context);
    if (!index) return fail(std::move(index.error()));
    corpus.emplace(std::move(*index));
  }
  auto engine = serve::ModelEngine::create(flags.engine, std::move(corpus));
  if (!engine) return fail(std::move(engine.error()));
  if (flags.engine.score == ScoreKind::kRelevance && !(*engine)->card().has_relevance) {
    return fail(
        ErrorCode::kUsage,
        "--score relevance: the heads that are read (" + (*engine)->card().heads +
            ") have no fit of it; take raw, softmax or minmax, or fit it with `headwise heads calibrate`");
  }
  // What other people's clients get where nobody asks.
  const ScoreKind usual = (*engine)->card().has_relevance ? ScoreKind::kRelevance : ScoreKind::kRaw;
  HW_RETURN_IF_ERROR(check_min_score(flags.engine.min_score, flags.engine.score.value_or(usual)));
  if (!flags.no_warm_up) HW_RETURN_IF_ERROR(warm_up(**engine));

  std::unique_ptr<serve::HttpTransport> transport;
  serve::ServiceOptions service_options = flags.service;
  service_options.version = HEADWISE_VERSION;
  service_options.score = flags.engine.score;
  service_options.min_score = flags.engine.min_score;
  service_options.engine = flags.engine;
  service_options.connections = [&transport] { return transport ? transport->connections() : size_t{0}; };
  if (!flags.no_log && !context.quiet) {
    // One write a line: lines of two requests never mix.
    service_options.log = [](const std::string& line) {
      const std::string whole = line + "\n";
      std::fwrite(whole.data(), 1, whole.size(), stderr);
    };
  }
  serve::Service service(**engine, std::move(service_options));
  serve::TransportOptions options = flags.transport;
  options.max_connections = descriptors_for_connections(flags.max_connections);
  transport = serve::make_httplib_transport(options, service);
  const auto port = transport->start();
  if (!port) return fail(port.error());
  const bool six = options.host.find(':') != std::string::npos;
  print_note(context.verb, false,
             "listening on http://" + (six ? "[" + options.host + "]" : options.host) + ":" +
                 std::to_string(*port) + " with " + (*engine)->card().id + ", reading " +
                 (*engine)->card().heads);

  constexpr std::chrono::milliseconds kLook{50};
  while (!stop_signalled()) std::this_thread::sleep_for(kLook);
  print_note(context.verb, context.quiet, "shutting down: new requests get 503, those taken are answered");
  const auto patience = std::chrono::milliseconds(static_cast<int64_t>(flags.drain_seconds * 1000.0));
  service.drain(patience);
  constexpr std::chrono::milliseconds kLastWrites{5000};
  transport->stop(kLastWrites);
  transport.reset();
  return {};
}

}  // namespace

Action add_serve(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<ServeFlags>();
  const auto add = [&verb](const char* group, const char* name, auto& target, const char* help) {
    return verb.add_option(name, target, help)->group(group)->capture_default_str();
  };
  constexpr const char* kNetwork = "Network";
  add(kNetwork, "--host", flags->transport.host,
      "Address to listen on; 0.0.0.0: all of the machine's. There is no TLS: put a proxy in front where the "
      "network is not yours");
  add(kNetwork, "--port", flags->transport.port, "Port; 0: any free one, which is printed")
      ->check(between(0, 65535));
  add(kNetwork, "--api-key", flags->service.api_key,
      "Key that requests must carry (Authorization: Bearer KEY); better as HEADWISE_API_KEY, which other "
      "users of the machine do not see");
  add(kNetwork, "--cors", flags->service.cors,
      "Origin whose pages may ask, or * for all; without it only the server's own page may");
  add(kNetwork, "--max-connections", flags->max_connections,
      "Open connections; above, the one that was idle longest is closed")
      ->check(between(8, 100000));

  constexpr const char* kSearch = "Search";
  add(kSearch, "--corpus", flags->place.corpus,
      "What /v1/headwise/search and the page search: a BEIR folder, a folder of texts, a JSONL, TSV or "
      "text "
      "file");
  add(kSearch, "--index", flags->place.index, "Its BM25 index (default: beside it, CORPUS.bm25)");
  add(kSearch, "--word-frequencies", flags->place.word_frequencies,
      "How common words are, lines of word <tab> number, instead of how common they are in this corpus: for "
      "small corpora");

  constexpr const char* kBounds = "Bounds";
  add(kBounds, "--max-queue", flags->service.queue.requests,
      "Requests that wait; above, 429. Choose what is answered before clients lose patience")
      ->check(between(1, 100000));
  add(kBounds, "--max-queue-tokens", flags->service.queue.tokens,
      "Tokens (estimated) that wait; above, 429. Tokens a second, from `headwise bench`, times the longest "
      "wait that you want")
      ->check(between(int64_t{1}, int64_t{1} << 40));
  add(kBounds, "--max-batch-tokens", flags->service.queue.batch_tokens,
      "Tokens (estimated) taken from the queue at one time, of requests with the same settings")
      ->check(between(int64_t{1}, int64_t{1} << 40));
  add(kBounds, "--max-body", flags->transport.max_body, "Bytes of a request's body; above, 413")
      ->check(between(size_t{1024}, size_t{1} << 30));
  add(kBounds, "--max-documents", flags->service.limits.max_documents, "Documents of a request; above, 413")
      ->check(between(1, 1000000));
  add(kBounds, "--drain-seconds", flags->drain_seconds,
      "After SIGTERM: how long requests that were taken may run on")
      ->check(between(0.0, 86400.0));
  add_option_flag(
      verb, flags->engine, "score",
      {"Result",
       "What scores are where a request does not say: raw, as `rerank` prints them; relevance, softmax "
       "or minmax, all within 0..1. Not given: raw in our own dialect, in others relevance where the "
       "heads that are read have a fit of it",
       false});
  add_option_flag(verb, flags->engine, "min-score",
                  {"Result", "What scores less is left out of answers; of --score's kind", false});
  verb.add_flag("--no-log", flags->no_log, "No line on stderr for each request")->group("Result");
  verb.add_flag("--no-warm-up", flags->no_warm_up, "Listen at once; the first request waits longer")
      ->group("Model");
  constexpr int64_t kMaxPromptTokens = 65536;
  flags->engine.max_prompt_tokens = kMaxPromptTokens;
  // Every request would pay for turning them into fp32 again.
  flags->engine.weights = ModelOptions::Weights::kFloat32;
  flags->engine.usual_keep_memory = kUsualKeepMemory;
  flags->engine.usual_long_passages = LongPassages::kChunk;
  add_engine_flags(verb, flags->engine);
  verb.get_option("--keep-memory")->default_str("1GiB");
  return [flags, &context]() -> Status {
    if (flags->service.api_key.empty()) note_empty_key(context);
    return run_serve(*flags, context);
  };
}

}  // namespace headwise
