// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/job_header.h"

#include "engine/options.h"
#include "heads/relevance_json.h"

namespace headwise {

std::string_view job_version() { return HEADWISE_VERSION; }

Json job_header(const Engine& engine, const std::string& format, const DatasetWork& work,
                const DatasetChoice* choice) {
  const DecoderDescription& decoder = engine.reranker.decoder();
  Json header;
  header["headwise_partial"] = 1;
  header["version"] = job_version();
  header["backend"] = decoder.backend;
  header["precision"] = decoder.precision;
  header["instruction-set"] = decoder.instruction_set;
  header["arithmetic"] = decoder.arithmetic;
  header["model"] = engine.model->fingerprint();
  header["format"] = format;
  if (choice != nullptr) {
    header["split"] = choice->split;
    header["depth"] = choice->depth;
    header["shard"] = choice->shard.empty() ? "1/1" : choice->shard;
  }
  header["queries"] = work.requests.size();
  header["texts and first stage"] = work.fingerprint;
  header["flags"] = options_that_decide(engine.settings, engine.reranker.options().heads.weights);
  const RerankerOptions& options = engine.reranker.options();
  if (options.score == ScoreKind::kRelevance && options.relevance) {
    header["relevance"] = relevance_json(*options.relevance);
  }
  return header;
}

}  // namespace headwise
