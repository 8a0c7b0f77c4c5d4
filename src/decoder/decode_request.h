// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what one pass is asked for, and what it says when it is done.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "decoder/kept_segment.h"
#include "decoder/layer_attention.h"
#include "decoder/prompt_layout.h"
#include "headwise/head_selection.h"
#include "headwise/progress.h"

namespace headwise {

// Query rows whose attention is wanted, summed: tokens [token_begin, token_begin + tokens) of one segment.
struct RowGroup {
  int64_t token_begin = 0;
  int64_t tokens = 0;
};

// How a layer's matrices are multiplied. The two differ in rounding, so it is the asker's choice and never
// follows from the number of tokens: a passage alone has the bits that it has beside others.
enum class LinearChoice {
  kPacked,  // weights packed, then products of many rows: for prompts
  kStored,  // straight from stored weights, no packing: for a few dozen tokens
};

// A segment of the layout whose tokens are not run.
struct GivenSegment {
  int segment = 0;
  std::shared_ptr<const KeptSegment> kept;
};

// Hidden states [tokens, C] of a segment's rows as they enter a layer.
using HiddenRows = std::vector<float>;

// Rows that are alike in many passes below a layer, because what differs is seen from that layer on. Those of
// an earlier pass are taken up where they enter it, and its layers below are not run for them.
struct LateRows {
  int segment = -1;  // the layout's last one, which no other sees, with rows that run; -1: there is none
  int layer = 0;     // nobody reads their attention below it
  std::shared_ptr<const HiddenRows> hidden;  // null: they run from the start, and DecodeResult::late has them
};

struct DecodeRequest {
  const PromptLayout* prompt = nullptr;
  std::span<const HeadId> heads;  // heads to read, any order
  std::span<const RowGroup>
      rows;                 // groups of query rows; none in a given segment; none at all: nothing is read
  bool full_depth = false;  // run every layer whole
  LinearChoice linear = LinearChoice::kPacked;
  std::span<const GivenSegment> given;
  LateRows late;
  std::span<const int> keep;  // segments whose keys and values are wanted, as they were run
  // Layers that `keep` wants: those below whole, of this one the keys of every kv head; the pass goes as deep
  // at least, also where it reads no heads. -1: what the heads that are read ask for.
  int keep_until = -1;
  // Called once per layer with read heads, in layer order.
  std::function<void(const LayerAttention&)> on_layer;
  // For tests and embeddings: hidden states [rows, C] of the tokens that ran, in their order, after a whole
  // layer; null when not wanted. With it layers up to `hidden_until` run whole (-1: all of them), and none
  // after that one.
  std::function<void(int layer, const float* hidden)> on_hidden;
  int hidden_until = -1;
  ProgressSink* progress = nullptr;  // may be null
};

struct DecodeResult {
  int layers_run = 0;
  double read_seconds = 0.0;                             // part of the pass spent on reading attention
  std::vector<std::shared_ptr<const KeptSegment>> kept;  // by place in `keep`
  // What LateRows asks for; null where it was given, the pass ends before the layer, or the backend does not
  // know how.
  std::shared_ptr<const HiddenRows> late;
};

}  // namespace headwise
