// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How jemalloc, which this program is linked with where the build found it, keeps memory. Tensors of tens of
// megabytes come and go with every batch: memory is not given back, or clearing its pages would be a third of
// an update's time, and it is of huge pages and of one arena, so that the next batch finds it.

extern "C" {
extern const char* malloc_conf;  // jemalloc reads it before main()
__attribute__((visibility("default"))) const char* malloc_conf =
    "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always,narenas:1,oversize_threshold:0";
}
