// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What a model must show against a fixture: transformers' hidden states and scores, and the same bits however
// the work is cut. tests/golden/README.md says what the files hold and what difference is accepted.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "golden/fixture.h"

namespace headwise::golden {

std::filesystem::path golden_folder();
// The fixtures (list, blocks, blocks_span) of a folder; those that exist.
std::vector<Fixture> fixtures_of(const std::filesystem::path& folder);

// Hidden states and per-head scores of every row set.
void expect_agreement(const Fixture& fixture, const std::shared_ptr<const ModelWeights>& weights);
// 1, 2 and 3 threads, full and truncated depth, stored and fp32 weights, a head alone and with others: equal
// bits.
// Hidden states of a prompt's first tokens alone, a pass that is cut by outputs, are those that the longer
// prompt, cut by rows, has for them: the same bits at any number of threads.
void expect_same_bits_of_few_rows(const std::filesystem::path& model);
void expect_same_bits(const Fixture& fixture, const std::filesystem::path& model);

}  // namespace headwise::golden
