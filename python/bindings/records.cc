// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The table of record member names for Python: every reader of passages knows the same ones.
#include <nanobind/stl/string.h>

#include "bindings/py_engine.h"
#include "formats/record_names.h"

namespace headwise::python {
namespace {

struct MemberWord {
  RecordMember member;
  const char* word;
};
constexpr MemberWord kWords[] = {{RecordMember::kOther, ""},
                                 {RecordMember::kId, "id"},
                                 {RecordMember::kTitle, "title"},
                                 {RecordMember::kText, "text"},
                                 {RecordMember::kScore, "score"}};

nb::tuple key_of(const std::string& key) {
  const RecordKey found = record_key(key);
  const MemberWord* row = kWords;
  while (row->member != found.member) ++row;
  return nb::make_tuple(row->word, found.place);
}

}  // namespace

void bind_records(nb::module_& module) {
  module.def("record_key", &key_of, nb::sig("def record_key(key: str) -> tuple[str, int]"),
             "What a passage's key says (id, title, text, score or \"\"), and its place: less wins.");
  module.attr("TEXT_NAMES") = names_of(RecordMember::kText);
}

}  // namespace headwise::python
