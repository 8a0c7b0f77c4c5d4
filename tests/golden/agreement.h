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
// The fixtures of a model: list, blocks, and blocks_span of tiny-llama. One that is missing throws.
std::vector<Fixture> fixtures_of(const std::string& name);

// Largest difference of the scores of all rows, relative, from what the fixture expects.
double largest_difference(const Fixture& fixture, const std::shared_ptr<const ModelWeights>& weights);
// Hidden states and per-head scores of every row set.
void expect_agreement(const Fixture& fixture, const std::shared_ptr<const ModelWeights>& weights);
// Hidden states of a prompt's first tokens alone, multiplied straight from stored weights, are those that the
// longer prompt has for them but for rounding, and the same bits at any number of threads; also where the
// very first ones were kept from a pass of their own.
void expect_few_rows_agree(const std::filesystem::path& model);
// bf16 and int8, where the processor has them: as near to fp32 as tolerances.tsv says, and the same bits with
// 1, 2 and 3 threads, full and truncated depth, stored and fp32 weights.
void expect_precisions(const Fixture& fixture, const std::filesystem::path& model);
// 1, 2 and 3 threads, full and truncated depth, stored and fp32 weights, a head alone and with others: equal
// bits.
void expect_same_bits(const Fixture& fixture, const std::filesystem::path& model);

}  // namespace headwise::golden
