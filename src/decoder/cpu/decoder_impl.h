// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the decoder's inside, for the files that make it: decoder.cc (prompts of any length,
// tile by tile) and decoder_few_rows.cc (prompts of one tile).
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/threads.h"
#include "decoder/cpu/activations.h"
#include "decoder/cpu/packing.h"
#include "decoder/cpu/stored_products.h"
#include "decoder/decoder.h"
#include "kernels/kernels.h"
#include "model/rotary.h"

namespace headwise {

// Rows of one attention call: a piece of a segment.
struct QueryTile {
  const PromptSegment* segment;
  int64_t first_row;  // in the segment
  int64_t rows;
};

// Rows of one call of the linear layers, over segments' ends.
struct RowTile {
  int64_t begin;
  int64_t rows;
  int64_t padded;  // rows that the products touch; those beyond `rows` only at the end of the prompt
  bool has_query_rows;
};

class Decoder::Impl {
 public:
  Impl(std::shared_ptr<const ModelWeights> weights, int threads, const kernels::KernelTable& ops)
      : shared_weights_(std::move(weights)),
        weights_(*shared_weights_),
        config_(weights_.config),
        ops_(ops),
        pool_(threads),
        workers_(static_cast<size_t>(pool_.size())),
        packers_(static_cast<size_t>(pool_.size())),
        rotary_(weights_.spec.rotary.front()),
        few_products_(weights_, ops_, pool_),
        packed_(weights_.form<PackedLayers>()) {}

  Result<DecodeStatistics> run(const DecodeRequest& request);
  int threads() const { return pool_.size(); }

 private:
  void prepare(const DecodeRequest& request);
  void embed();
  void run_layer(const PackedLayer& layer, const LayerDemand& demand);
  // The same for a prompt that one row tile holds.
  void run_few_rows(int layer, const LayerDemand& demand);
  void attend();
  // Norm, then q, k, v of a row tile; without values and only the demanded heads where demand.whole is false.
  void project_tile(const PackedLayer& layer, const LayerDemand& demand, const RowTile& tile,
                    WorkerScratch& worker);
  void project_key(const PackedLayer& layer, int head, const RowTile& tile, const float* normed,
                   WorkerScratch& worker);
  void project_value(const PackedLayer& layer, int head, const RowTile& tile, const float* normed,
                     WorkerScratch& worker);
  void project_query(const PackedLayer& layer, int head, const RowTile& tile, const float* normed,
                     WorkerScratch& worker);
  // A head's rows with their bias.
  void project_head(const kernels::PackedMatrix& panel, const std::vector<float>& bias, int head,
                    const RowTile& tile, const float* normed, WorkerScratch& worker, float* out);
  void rotate_rows(const std::vector<float>& norm, const RowTile& tile, float* x, float scale);
  void norm_rows(const std::vector<float>& norm, const RowTile& tile, int64_t rows, float* out);
  void store_keys(const float* rows, int64_t kv_head, const RowTile& tile);
  void store_values(const float* rows, int64_t kv_head, const RowTile& tile);
  void attend_tile(int64_t head, const QueryTile& tile, WorkerScratch& worker);
  // Output projection and residual, norm, MLP and residual of a row tile.
  void finish_tile(const PackedLayer& layer, const RowTile& tile, WorkerScratch& worker);
  void read_layer(int layer, const std::vector<int>& heads);
  void place_kept(const KeptTokens& kept, int layer);
  void keep_tokens(KeptTokens& kept) const;

  // Runs `work` on every row tile, cut so that the layer's matrices do not write over a neighbour's rows.
  template <typename Work>
  void for_each_tile(const PackedLayer& layer, const Work& work) {
    const std::vector<RowTile>& tiles = layer.any_rows() ? even_tiles_ : whole_tiles_;
    pool_.parallel_for(static_cast<int64_t>(tiles.size()), [&](int64_t i, int w) {
      work(tiles[static_cast<size_t>(i)], workers_[static_cast<size_t>(w)]);
    });
  }
  const float* keys_of(int64_t head) const {
    return buffers_.key_KS.data() +
           head / (config_.heads / config_.kv_heads) * prompt_->key_count * config_.head_width;
  }
  const float* values_of(int64_t head) const {
    return buffers_.value_KS.data() + head / (config_.heads / config_.kv_heads) * prompt_->key_count *
                                          kernels::padded_width(config_.head_width);
  }
  float query_scale() const {
    return static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_width)));
  }
  float* queries_of(int64_t head) {
    return buffers_.query_HTD.data() + head * buffers_.padded_tokens * config_.head_width;
  }

  std::shared_ptr<const ModelWeights> shared_weights_;
  const ModelWeights& weights_;
  const ModelConfig& config_;
  const kernels::KernelTable& ops_;
  ThreadPool pool_;
  std::vector<WorkerScratch> workers_;
  std::vector<Packer> packers_;
  RotaryTable rotary_;
  PackedLayer scratch_layer_;
  Activations buffers_;

  // Of the request in hand.
  const DecodeRequest* request_ = nullptr;
  const PromptLayout* prompt_ = nullptr;
  std::vector<std::vector<int>> heads_by_layer_;
  std::vector<QueryTile> query_tiles_;
  std::vector<RowTile> whole_tiles_;  // of kRowTile rows
  std::vector<RowTile> even_tiles_;   // the last ones smaller: the same work for every thread
  bool few_rows_ = false;             // one row tile holds the prompt
  StoredProducts few_products_;
  AlignedBuffer<float> few_keys_;    // [K, 64, D], of a prompt of few rows
  AlignedBuffer<float> few_values_;  // [K, 64, D]
  AlignedBuffer<float> attention_sums_;
  PackedLayers& packed_;
};

}  // namespace headwise
