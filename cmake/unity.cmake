# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Fewer, larger translation units for builds that compile everything once (CMAKE_UNITY_BUILD, which scripts/test sets when it
# configures): the standard library's and other people's headers are read once a folder, which takes a third of the time. A
# build made by hand compiles file by file, so that a change costs one file.
#
# In such a build the files of one folder share one unnamed namespace. Two that give the same name to different things do not
# compile together: rename one, or name the file here.
set(CMAKE_UNITY_BUILD_BATCH_SIZE 12)
set(HEADWISE_COMPILED_ALONE
    checkpoint.cc
    config_gguf.cc
    config_hf.cc
    cuda_decoder.cc
    cuda_golden_test.cc
    explain_print.cc
    head_map.cc
    heads_page.cc
    heads_show_print.cc
    kernel_reference.cc
    layer_spec_test.cc
    npy.cc
    pre_tokenizer.cc
    rerank_answer.cc
    rerank_table.cc
    reranker_test.cc
    route_report.cc
    router_file.cc
    rows_test.cc
    run_reader_test.cc
    safetensors_test.cc
    score_store.cc
    search.cc
    service.cc
    target_file.cc
    training_page.cc
    weights.cc)

# headwise_unity(TARGET [FOLDER...]): called when all sources are listed. With folders of src/, each of these is one unit and files
# of other folders are compiled alone; without, units are cut by CMAKE_UNITY_BUILD_BATCH_SIZE.
function(headwise_unity target)
  get_target_property(sources ${target} SOURCES)
  get_target_property(directory ${target} SOURCE_DIR)
  if(ARGN)
    set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
  endif()
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${directory})
    cmake_path(GET source FILENAME name)
    string(REGEX REPLACE "^${PROJECT_SOURCE_DIR}/src/([a-z_]+)/.*" "\\1" folder ${source})
    if(name IN_LIST HEADWISE_COMPILED_ALONE)
      set_property(SOURCE ${source} TARGET_DIRECTORY ${target} PROPERTY SKIP_UNITY_BUILD_INCLUSION ON)
    elseif(folder IN_LIST ARGN)
      set_property(SOURCE ${source} TARGET_DIRECTORY ${target} PROPERTY UNITY_GROUP ${folder})
    endif()
  endforeach()
endfunction()
