# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# The adapters of models/*/adapter inside the library. Included by CMakeLists.txt it adds the rule; run by that rule
# (cmake -D MODELS=... -D OUTPUT=... -P) it writes the source file, which takes the tensors in as they are with the
# assembler's .incbin: as a C++ array, millions of numbers would cost the compiler minutes.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(models ${PROJECT_SOURCE_DIR}/models)
  # Data, not sources: a new file is found by the next build.
  file(GLOB adapter_files CONFIGURE_DEPENDS ${models}/*/adapter/heads.json ${models}/*/adapter/adapter_config.json
       ${models}/*/adapter/adapter_model.safetensors)
  string(MD5 adapter_names "${adapter_files}")  # a file that is gone changes the command
  set(adapter_source ${PROJECT_BINARY_DIR}/embedded_adapters.cc)
  add_custom_command(
    OUTPUT ${adapter_source}
    COMMAND ${CMAKE_COMMAND} -D MODELS=${models} -D OUTPUT=${adapter_source} -D NAMES=${adapter_names}
            -P ${CMAKE_CURRENT_LIST_FILE}
    DEPENDS ${adapter_files} ${CMAKE_CURRENT_LIST_FILE}
    COMMENT "Embedding the adapters of models/"
    VERBATIM)
  target_sources(headwise PRIVATE ${adapter_source})
  set_property(SOURCE ${adapter_source} PROPERTY OBJECT_DEPENDS "${adapter_files}")
  return()
endif()

file(GLOB folders ${MODELS}/*/adapter)
set(symbols "")
set(rows "")
set(count 0)
foreach(folder IN LISTS folders)
  if(NOT EXISTS ${folder}/heads.json)
    continue()
  endif()
  file(READ ${folder}/heads.json heads)
  file(READ ${folder}/adapter_config.json config)
  set(symbol headwise_embedded_adapter_${count})
  string(
    APPEND symbols
    "asm(R\"asm(\n  .pushsection .rodata\n  .balign 64\n  .hidden ${symbol}\n  .globl ${symbol}\n${symbol}:\n"
    "  .incbin \"${folder}/adapter_model.safetensors\"\n  .hidden ${symbol}_end\n  .globl ${symbol}_end\n${symbol}_end:\n"
    "  .byte 0\n  .popsection\n)asm\");\n"
    "extern \"C\" __attribute__((visibility(\"hidden\"))) const std::byte ${symbol}[], ${symbol}_end[];\n")
  string(APPEND rows "      {R\"json(${heads})json\", R\"json(${config})json\", {${symbol}, ${symbol}_end}},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(
  WRITE ${OUTPUT}
  "// Made by cmake/embed_adapters.cmake from the files of models/.\n"
  "#include \"engine/embedded_adapters.h\"\n\n#include <array>\n\n${symbols}\n"
  "namespace headwise {\n\n"
  "std::span<const EmbeddedAdapter> embedded_adapters() {\n"
  "  static const std::array<EmbeddedAdapter, ${count}> kAdapters{{\n${rows}  }};\n  return kAdapters;\n}\n\n"
  "}  // namespace headwise\n")
