// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: everything but its own tokens that a kept passage depends on. Two engines may read each
// other's kept passages where it agrees, and nowhere else: it is part of every key, and what a store's
// manifest holds. Nothing about place or neighbours is in it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "decoder/kept_form.h"
#include "headwise/decoder_description.h"

namespace headwise {

inline constexpr int kKeptFormat = 1;  // of images, records and keys

struct KeptContext {
  std::string model;            // Model::fingerprint(): weights, adapter included
  std::string wording;          // the template's name, for messages
  std::vector<int32_t> prefix;  // ids in front of every passage
  int deepest_layer = 0;        // layers below are kept whole, of this one the keys
  DecoderDescription decoder;
  KeptForm form;

  // As a manifest shows it: a member for each thing that decides, and the template's name, which does not.
  // The instruction set decides in fp32 alone: other types are approximations wherever they were made.
  nlohmann::ordered_json describe() const;
  // Of what decides: 32 hexadecimal digits.
  std::string digest() const;
};

// Of what decides in a describe(), which may have been read from a file.
std::string context_digest(const nlohmann::ordered_json& description);

// What differs between a store's manifest and this context, in words ("template: the store has 'blocks', this
// engine 'blocks-short'"), parted by "; "; empty: nothing.
std::string difference(const nlohmann::ordered_json& manifest, const KeptContext& context);

}  // namespace headwise
