# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# The head-set files of models/ inside the library. Included by CMakeLists.txt it adds the rule; run by that rule
# (cmake -D MODELS=... -D OUTPUT=... -P) it writes the source file. A name comes from the path:
# models/catalogue/FAMILY/MODEL.json is FAMILY/MODEL, models/FOLDER/heads.json is FOLDER.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(models ${PROJECT_SOURCE_DIR}/models)
  # Data, not sources: a new file is found by the next build.
  file(GLOB head_set_files CONFIGURE_DEPENDS ${models}/catalogue/*/*.json ${models}/*/heads.json)
  string(MD5 head_set_names "${head_set_files}")  # a file that is gone changes the command
  set(head_set_source ${PROJECT_BINARY_DIR}/embedded_head_sets.cc)
  add_custom_command(
    OUTPUT ${head_set_source}
    COMMAND ${CMAKE_COMMAND} -D MODELS=${models} -D OUTPUT=${head_set_source} -D NAMES=${head_set_names}
            -P ${CMAKE_CURRENT_LIST_FILE}
    DEPENDS ${head_set_files} ${CMAKE_CURRENT_LIST_FILE}
    COMMENT "Embedding the head sets of models/"
    VERBATIM)
  target_sources(headwise PRIVATE ${head_set_source})
  return()
endif()

file(GLOB paths RELATIVE ${MODELS} ${MODELS}/catalogue/*/*.json ${MODELS}/*/heads.json)
set(rows "")
foreach(path IN LISTS paths)
  string(REGEX REPLACE "^catalogue/(.*)\\.json$" "\\1" name "${path}")
  string(REGEX REPLACE "^(.*)/heads\\.json$" "\\1" name "${name}")
  file(READ ${MODELS}/${path} text)
  string(APPEND rows "    {\"${name}\", R\"json(${text})json\"},\n")
endforeach()
list(LENGTH paths count)
file(
  WRITE ${OUTPUT}
  "// Made by cmake/embed_head_sets.cmake from the files of models/.\n"
  "#include \"heads/embedded_head_sets.h\"\n\n#include <array>\n\n"
  "namespace headwise {\n\n"
  "std::span<const EmbeddedHeadSet> embedded_head_sets() {\n"
  "  static constexpr std::array<EmbeddedHeadSet, ${count}> kSets{{\n${rows}  }};\n  return kSets;\n}\n\n"
  "}  // namespace headwise\n")
