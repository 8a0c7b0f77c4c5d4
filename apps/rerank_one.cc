// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// `rerank --query Q --documents FILE`: one query, one answer.
#include <chrono>
#include <utility>

#include "base/stopwatch.h"
#include "base/utf8.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "rerank_modes.h"

namespace headwise {

Status rerank_one(const RerankFlags& flags, const AppContext& context) {
  if (const auto at = first_invalid_utf8(flags.query)) {
    return fail(ErrorCode::kInvalidInput, "--query is not UTF-8: byte " + std::to_string(*at) +
                                              " starts no valid character; convert it, e.g. with iconv");
  }
  auto documents = read_passages(flags.documents);
  if (!documents) return fail(std::move(documents.error()).with_context("reading --documents"));
  std::vector<Passage> passages;
  for (const Document& document : documents->items()) {
    passages.push_back(
        {.id = document.id, .title = document.title, .text = document.text, .first_stage_score = {}});
  }
  rank_by_place(flags.engine, passages);
  auto engine = load_engine(flags.engine);
  if (!engine) return fail(std::move(engine.error()));

  const StopSignals signals;
  ProgressBar bar(context.verb, context.quiet);
  const auto begun = std::chrono::steady_clock::now();
  const auto ranking = engine->rank(flags.query, passages, &bar);
  bar.finish();
  if (!ranking) return fail(ranking.error());
  if (const std::string note =
          empty_note(ranking->statistics.empty_passages, static_cast<int64_t>(passages.size()));
      !note.empty()) {
    print_note(context.verb, context.quiet, note);
  }
  if (const std::string note = none_left_note(flags.engine, *ranking, passages.size()); !note.empty()) {
    print_note(context.verb, context.quiet, note);
  }
  const Answer answer{.query_id = flags.query_id.empty() ? "1" : flags.query_id,
                      .query = flags.query,
                      .passages = passages,
                      .ranking = &*ranking,
                      .heads = engine->describe_heads(ranking->heads),
                      .computed_by = engine->reranker.decoder(),
                      .seconds = seconds_since(begun)};
  const auto text = format_answer(answer, answer_format(flags, AnswerFormat::kTable));
  if (!text) return fail(text.error());
  return write_result(flags.output, *text);
}

}  // namespace headwise
