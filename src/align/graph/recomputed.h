// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a piece of a graph that keeps its input alone: it runs once without a graph, and again
// when its gradients are wanted (Chen et al. 2016, arXiv 1604.06174). Memory for time.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

namespace headwise::graph {

// From one tensor to several, undefined ones among them allowed. It must give the same each time, and what it
// refers to must live until the backward pass is done.
using Piece = std::function<std::vector<torch::Tensor>(const torch::Tensor& input)>;

// What `piece` gives for `input`, without the undefined ones. The parameters inside get their gradients from
// the backward pass, also where `input` needs none.
std::vector<torch::Tensor> recomputed(const Piece& piece, const torch::Tensor& input);

}  // namespace headwise::graph
