// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a head set, the small JSON file that says which heads of which model are read, how, and
// how that was found (docs/formats.md#head-sets). Also reads and writes the lists of the published code:
// QRHead's YAML (`attn_head_set: "16-19,16-2"`) and CoRe's JSON (`{"16-19": score}`).
//
//   auto set = headwise::read_head_set("models/smollm2-135m-instruct/heads.json");
//
// Thread rule: plain values and free functions without state.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/head_selection.h"
#include "headwise/model.h"
#include "headwise/relevance.h"

namespace headwise {

// What a set that names no fingerprint knows of its model: lists from papers name it and no file of it. Only
// the shape can be checked: that a model of this shape is the one named is the user's word.
struct HeadSetTarget {
  std::string name;  // "Llama-3.1-8B-Instruct"
  int layers = 0;
  int heads = 0;  // query heads of a layer
};

struct HeadSet {
  std::string model;                    // fingerprint; empty in published lists
  std::optional<HeadSetTarget> target;  // "for" in the file; without it and `model`: any model with the heads
  std::vector<HeadId> heads;            // best first
  std::vector<double> weights;          // empty or one a head
  std::vector<double> head_scores;      // the method's score of each head; empty when it gives none
  std::string method;                   // "qr", "core", ...
  // How the heads were meant to be read; empty where the file does not say.
  std::string prompt_template, encoding, calibration, token_filter, rows;
  std::string keep_budget;  // likewise, with `blocks`: what rows see of a passage, in the words of KeepBudget
  std::vector<std::string> data;          // what it was found on: "dl21 (53 queries)"
  std::optional<double> ndcg;             // nDCG@10 there
  std::optional<RelevanceFit> relevance;  // of scores that are read as the set says
  std::string source;                     // paper, repository, file and commit, for published lists

  HeadSelection selection() const;
};

enum class HeadSetFormat { kHeadwise, kQrHead, kCore };

// The format is found from the content. kNotFound, kInvalidInput (names file and member).
Result<HeadSet> read_head_set(const std::filesystem::path& path);
Result<HeadSet> parse_head_set(std::string_view text);
std::string format_head_set(const HeadSet& set, HeadSetFormat format);

// The set that lies beside an adapter (a folder in PEFT's layout), where there is one: its heads.json.
std::optional<std::filesystem::path> head_set_beside(const std::filesystem::path& adapter);
// kInvalidInput, naming both, when the set belongs to another model or to one of another shape; kUsage when a
// head lies outside the model.
Status check_head_set(const HeadSet& set, const Model& model);
// The same for a model that is known by name and shape only, such as that of a head-score store.
Status check_head_set(const HeadSet& set, const std::string& fingerprint, int layers, int heads);

}  // namespace headwise
