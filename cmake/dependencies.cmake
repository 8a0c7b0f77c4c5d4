# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Every third-party library, in one place. docs/architecture.md#third-party-libraries says why each was chosen.
find_package(Threads REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)
if(HEADWISE_APPS)
  find_package(CLI11 REQUIRED)
endif()
find_package(PkgConfig REQUIRED)

# Oniguruma (libonig-dev): the regular expressions of tokenizer files; the engine that Hugging Face tokenizers uses.
# utf8proc (libutf8proc-dev): Unicode normal forms and general categories. Linked by file: nothing for an installed
# headwise to find again.
find_path(HEADWISE_ONIGURUMA_INCLUDE NAMES oniguruma.h)
find_library(HEADWISE_ONIGURUMA_LIBRARY NAMES onig)
find_path(HEADWISE_UTF8PROC_INCLUDE NAMES utf8proc.h)
find_library(HEADWISE_UTF8PROC_LIBRARY NAMES utf8proc)
foreach(part ONIGURUMA_INCLUDE ONIGURUMA_LIBRARY UTF8PROC_INCLUDE UTF8PROC_LIBRARY)
  if(NOT HEADWISE_${part})
    message(FATAL_ERROR "HEADWISE_${part} not found: run scripts/setup, or install libonig-dev and libutf8proc-dev")
  endif()
endforeach()

# Kept passages (src/passages). LMDB (liblmdb-dev): the index of a folder of them. hiredis (libhiredis-dev): the protocol of
# Redis and Valkey. xxHash (libxxhash-dev): its header alone, compiled in. Linked by file, as above.
find_path(HEADWISE_LMDB_INCLUDE NAMES lmdb.h)
find_library(HEADWISE_LMDB_LIBRARY NAMES lmdb)
find_path(HEADWISE_HIREDIS_INCLUDE NAMES hiredis/hiredis.h)
find_library(HEADWISE_HIREDIS_LIBRARY NAMES hiredis)
find_path(HEADWISE_XXHASH_INCLUDE NAMES xxhash.h)
foreach(part LMDB_INCLUDE LMDB_LIBRARY HIREDIS_INCLUDE HIREDIS_LIBRARY XXHASH_INCLUDE)
  if(NOT HEADWISE_${part})
    message(FATAL_ERROR "HEADWISE_${part} not found: run scripts/setup, or install liblmdb-dev, libhiredis-dev and libxxhash-dev")
  endif()
endforeach()

# headwise::NAME for what pkg-config knows as MODULE and Debian as PACKAGE. What follows is added to the message where it
# is missing.
function(headwise_pkg_config name module package)
  string(TOUPPER HEADWISE_${name} prefix)
  pkg_check_modules(${prefix} IMPORTED_TARGET ${module})
  if(NOT ${prefix}_FOUND)
    message(FATAL_ERROR "${module} not found: run scripts/setup, or install ${package}${ARGN}")
  endif()
  add_library(headwise::${name} ALIAS PkgConfig::${prefix})
endfunction()

if(HEADWISE_APPS)
  # cpp-httplib: HTTP/1.1 for `serve`. Debian builds it as a library, with OpenSSL; the definitions that its pkg-config file
  # names decide how its types are laid out.
  headwise_pkg_config(httplib cpp-httplib libcpp-httplib-dev)
  # The BM25 index of `search`. SQLite: its file. ICU: where words begin and end. Snowball's libstemmer: their stems; by file,
  # as above.
  headwise_pkg_config(sqlite sqlite3 libsqlite3-dev)
  headwise_pkg_config(icu icu-uc libicu-dev)
  find_path(HEADWISE_STEMMER_INCLUDE NAMES libstemmer.h)
  find_library(HEADWISE_STEMMER_LIBRARY NAMES stemmer)
  if(NOT HEADWISE_STEMMER_INCLUDE OR NOT HEADWISE_STEMMER_LIBRARY)
    message(FATAL_ERROR "libstemmer not found: run scripts/setup, or install libstemmer-dev")
  endif()
endif()

# libtorch, for `headwise align` alone: Debian's libtorch-dev, or whatever find_package(Torch) finds. HEADWISE_TORCH_DIR
# points at another one (include/ and lib/), such as the folder of PyPI's torch, whose CMake files ask for the very CUDA
# it was built with. Without libtorch everything else is built.
option(HEADWISE_ALIGN "Build headwise-align where libtorch is found" ON)
set(HEADWISE_TORCH_DIR "" CACHE PATH "A libtorch with include and lib folders to use instead of find_package(Torch)")
set(HEADWISE_TRAINING OFF)
if(HEADWISE_APPS AND HEADWISE_ALIGN AND HEADWISE_TORCH_DIR)
  set(TORCH_INCLUDE_DIRS "${HEADWISE_TORCH_DIR}/include" "${HEADWISE_TORCH_DIR}/include/torch/csrc/api/include")
  set(TORCH_LIBRARIES "")
  foreach(library torch torch_cpu c10)
    list(APPEND TORCH_LIBRARIES "${HEADWISE_TORCH_DIR}/lib/lib${library}.so")
  endforeach()
  set(HEADWISE_TRAINING ON)
elseif(HEADWISE_APPS AND HEADWISE_ALIGN)
  find_package(Torch QUIET)
  if(TORCH_FOUND)
    set(HEADWISE_TRAINING ON)
  else()
    message(STATUS "libtorch not found: headwise-align is not built (install libtorch-dev)")
  endif()
endif()
