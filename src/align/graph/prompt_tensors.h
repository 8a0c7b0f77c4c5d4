// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a built prompt as the index tensors that the training graph works with. The tokens of a
// prompt stand in this order, in both encodings: base (`blocks`: what stands before the passages; `list`: the
// passages too), slots (`blocks` only: each passage with its separator, which sees the base and itself),
// instruction, queries (each sees everything before the first of them, and itself). What it is not: the
// decoder's layout (decoder/prompt_layout.h), which it is made of.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "rerank/prompt_builder.h"

namespace headwise {

// T tokens, P passages, Q queries (the content-free one, where there is one, is the last), R rows of the
// longest query, S summed tokens.
struct PromptTensors {
  torch::Tensor ids;        // [T] int64
  torch::Tensor positions;  // [T] int64
  int64_t base = 0;         // tokens
  int64_t instruction_begin = 0;
  int64_t query_begin = 0;
  int64_t shared_rows = 0;  // instruction rows that are read: all of them or none

  torch::Tensor slot_tokens;   // [P, M] int64; the places after a slot's end hold its last token
  torch::Tensor slot_places;   // [slot tokens] int64, into the flat [P * M]
  torch::Tensor query_tokens;  // [Q, R], likewise
  torch::Tensor query_places;
  torch::Tensor query_rows;  // [Q, R] int64: the places of query_tokens among the n tokens of all queries
  torch::Tensor rows_read;   // [Q, n] float: 1 for a row of the query that is read
  torch::Tensor row_count;   // [Q] float: rows read, shared ones included

  torch::Tensor summed_tokens;    // [S] int64, below instruction_begin
  torch::Tensor summed_passages;  // [S] int64: whose
  torch::Tensor tokens_of;        // [P] float: summed tokens of each passage
  bool content_free = false;

  int64_t tokens() const { return ids.size(0); }
  int64_t passages() const { return tokens_of.size(0); }
  int64_t queries() const { return query_tokens.size(0); }
  int64_t instruction() const { return query_begin - instruction_begin; }
};

PromptTensors prompt_tensors(const BuiltPrompt& prompt, const torch::Device& device);

// The rows' own prompt, where they see no slots: base, instruction and queries, close together. What is said
// of slots and summed tokens is the whole prompt's still.
PromptTensors without_slots(const PromptTensors& prompt);
// The same as a prompt of its own, which has no slots.
PromptTensors rows_alone(const PromptTensors& prompt);
// Of [T, ...] the tokens that are no slot's: what rows see before a join.
torch::Tensor leave_slots_out(const torch::Tensor& x, const PromptTensors& prompt);

}  // namespace headwise
