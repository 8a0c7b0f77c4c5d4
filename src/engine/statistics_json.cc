// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "engine/statistics_json.h"

namespace headwise {

nlohmann::ordered_json statistics_json(const RankingStatistics& statistics) {
  return {{"prompt_tokens", statistics.prompt_tokens},
          {"tokens_run", statistics.tokens_run},
          {"passage_tokens", statistics.passage_tokens},
          {"passages_kept", statistics.passages_kept},
          {"truncated_passages", statistics.truncated_passages},
          {"empty_passages", statistics.empty_passages},
          {"windows", statistics.windows},
          {"layers_run", statistics.layers_run},
          {"heads_read", statistics.heads_read}};
}

}  // namespace headwise
