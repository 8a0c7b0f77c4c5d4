// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the parts of a tokenizer.json other than its vocabulary: normalizer, pre_tokenizer,
// post_processor, added_tokens. A part or an option that is not known is kUnsupported and named.
#pragma once

#include <optional>
#include <vector>

#include "headwise/error.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"

namespace headwise {

Result<std::vector<NormalizerStep>> parse_normalizer(const JsonNode& place);
Result<std::vector<PreTokenizerStep>> parse_pre_tokenizer(const JsonNode& place);
// The id that the template puts in front of a single text; nothing when it puts none.
Result<std::optional<int64_t>> parse_bos(const JsonNode& post_processor);
// Ids as Hugging Face assigns them: the vocabulary's where it has the text, else counted on from its size. A
// file whose own ids differ is kInvalidInput.
Result<std::vector<AddedToken>> parse_added_tokens(const JsonNode& place, const Vocabulary& vocabulary,
                                                   const Normalizer& normalizer);

}  // namespace headwise
