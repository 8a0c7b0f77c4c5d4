# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# The page that `serve` shows, and the description of its interface, inside headwise_serve: every file of web/. Included by
# src/serve/CMakeLists.txt it adds the rule; run by that rule (cmake -D WEB=... -D OUTPUT=... -P) it writes the source file.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(web ${PROJECT_SOURCE_DIR}/web)
  file(GLOB web_files CONFIGURE_DEPENDS ${web}/*)
  # The passages of the demo, which the page offers to try.
  file(GLOB demo_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/demo/*)
  string(MD5 web_names "${web_files};${demo_files}")  # a file that is gone changes the command
  set(web_source ${PROJECT_BINARY_DIR}/embedded_web_files.cc)
  add_custom_command(
    OUTPUT ${web_source}
    COMMAND ${CMAKE_COMMAND} -D "FOLDERS=${web};${PROJECT_SOURCE_DIR}/examples/demo" -D OUTPUT=${web_source} -D NAMES=${web_names}
            -P ${CMAKE_CURRENT_LIST_FILE}
    DEPENDS ${web_files} ${demo_files} ${CMAKE_CURRENT_LIST_FILE}
    COMMENT "Embedding the files of web/"
    VERBATIM)
  target_sources(headwise_serve PRIVATE ${web_source})
  return()
endif()

set(rows "")
set(count 0)
foreach(folder IN LISTS FOLDERS)
  get_filename_component(kind ${folder} NAME)
  file(GLOB names RELATIVE ${folder} ${folder}/*)
  foreach(name IN LISTS names)
    file(READ ${folder}/${name} text)
    if(kind STREQUAL "demo")
      set(name "demo/${name}")
    endif()
    string(APPEND rows "    {\"${name}\", R\"web(${text})web\"},\n")
    math(EXPR count "${count} + 1")
  endforeach()
endforeach()
file(
  WRITE ${OUTPUT}
  "// Made by cmake/embed_web.cmake from the files of web/ and examples/demo/.\n"
  "#include \"serve/web_files.h\"\n\n#include <array>\n\n"
  "namespace headwise::serve {\n\n"
  "std::span<const WebFile> web_files() {\n"
  "  static constexpr std::array<WebFile, ${count}> kFiles{{\n${rows}  }};\n  return kFiles;\n}\n\n"
  "}  // namespace headwise::serve\n")
