// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "golden/bits/query_vector.h"

#include "base/check.h"
#include "route/query_embedding.h"

namespace headwise::golden {

Result<std::vector<float>> query_vector(const std::shared_ptr<const Model>& model, int layer, int threads,
                                        std::string_view query) {
  auto embedder = QueryEmbedder::create(model, layer < 0 ? usual_embedding_layer(*model) : layer, threads);
  HW_RETURN_IF_ERROR(embedder);
  return embedder->embed(query);
}

}  // namespace headwise::golden
