// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/run_header.h"

#include "engine/options.h"

namespace headwise {

void describe(const DecoderDescription& decoder, Json& header) {
  header["backend"] = decoder.backend;
  header["precision"] = decoder.precision;
  header["instruction-set"] = decoder.instruction_set;
}

Result<Json> run_header(const Engine& engine, const DatasetChoice& choice, const DatasetWork& work,
                        const RunOutput& output) {
  Json header;
  header["headwise_partial"] = 1;
  header["version"] = output.version;
  describe(engine.reranker.decoder(), header);
  header["model"] = engine.model->fingerprint();
  header["format"] = output.format;
  header["split"] = choice.split;
  header["depth"] = choice.depth;
  header["shard"] = choice.shard.empty() ? "1/1" : choice.shard;
  header["queries"] = work.requests.size();
  header["texts and first stage"] = work.fingerprint;
  header["flags"] = options_that_decide(engine.settings, engine.reranker.options().heads.weights);
  return header;
}

}  // namespace headwise
