// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the head sets that ship inside the library (the files of models/, put into it when it is
// built, so that an installed binary needs no data folder): lists that papers published, each with its
// source, and our own sets for models we measured.
//
//   const headwise::HeadSet* published = headwise::find_head_set("qrhead/llama-3.1-8b");
//   const headwise::HeadSet* ours = headwise::default_head_set(model->fingerprint());
//
// Names: models/catalogue/FAMILY/MODEL.json is "FAMILY/MODEL", models/FOLDER/heads.json is "FOLDER".
// Thread rule: all values are made once and never change; free to call from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "headwise/head_set.h"

namespace headwise {

struct CatalogueEntry {
  std::string name;
  HeadSet set;
};

// Sorted by name.
std::span<const CatalogueEntry> head_catalogue();
// Null when there is none of that name. Capitals do not matter.
const HeadSet* find_head_set(std::string_view name);
// The shipped set whose `model` is this fingerprint; null when there is none.
const HeadSet* default_head_set(std::string_view fingerprint);

}  // namespace headwise
