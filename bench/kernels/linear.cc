// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the linear layers as the decoder runs them (tiles of 64 rows over our threads, q, k and
// v cut by heads) beside oneDNN: one matmul over all rows, its own threads, weights in its preferred layout.
// Both in one run, turn by turn; medians. JSON on stdout.
//
//   headwise_bench_linear [tokens] [threads] [rounds]
#include "kernels/linear.h"

#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <oneapi/dnnl/dnnl.hpp>
#include <thread>
#include <vector>

#include "base/threads.h"
#include "measure.h"

namespace {

using dnnl::memory;
using headwise::bench::median_seconds;
using headwise::bench::some_values;
using headwise::bench::timed;
using headwise::kernels::kRowTile;
using headwise::kernels::Linear;
using headwise::kernels::LinearType;
using headwise::kernels::PackedLinear;
using headwise::kernels::PreparedMemory;

// A projection of SmolLM2-135M: `panels` matrices of [outputs, inputs].
struct Projection {
  const char* name;
  int64_t panels;
  int64_t outputs;
  int64_t inputs;
};
constexpr Projection kProjections[] = {{"qkv", 15, 64, 576},
                                       {"output", 1, 576, 576},
                                       {"gate", 1, 1536, 576},
                                       {"up", 1, 1536, 576},
                                       {"down", 1, 576, 1536}};

// oneDNN alone: [tokens, inputs] x [inputs, outputs] in one call.
class WholeMatmul {
 public:
  WholeMatmul(int64_t tokens, int64_t outputs, int64_t inputs, const float* x, const float* weights,
              float* out)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    const memory::desc x_layout({tokens, inputs}, memory::data_type::f32, memory::format_tag::ab);
    const memory::desc any({inputs, outputs}, memory::data_type::f32, memory::format_tag::any);
    const memory::desc out_layout({tokens, outputs}, memory::data_type::f32, memory::format_tag::ab);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc description(engine_, x_layout, any, out_layout);
#else
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(x_layout, any, out_layout), engine_);
#endif
    memory stored({{inputs, outputs}, memory::data_type::f32, memory::format_tag::ba}, engine_,
                  const_cast<float*>(weights));
    memory packed(description.weights_desc(), engine_);
    dnnl::reorder(stored, packed).execute(stream_, stored, packed);
    stream_.wait();
    primitive_ = dnnl::matmul(description);
    arguments_ = {{DNNL_ARG_SRC, memory(x_layout, engine_, const_cast<float*>(x))},
                  {DNNL_ARG_WEIGHTS, packed},
                  {DNNL_ARG_DST, memory(out_layout, engine_, out)}};
  }
  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul primitive_;
  std::unordered_map<int, memory> arguments_;
};

}  // namespace

int main(int argc, char** argv) {
  const int64_t tokens = argc > 1 ? std::atoll(argv[1]) : 1700;
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 15;
  headwise::ThreadPool pool(threads);
  const Linear linear(*headwise::kernels::available_kernels().back());
  const int64_t tiles = (tokens + kRowTile - 1) / kRowTile;
  omp_set_num_threads(threads);
  double our_total = 0.0;
  double their_total = 0.0;
  headwise::bench::print_machine(headwise::kernels::available_kernels().back()->name, threads);
  std::printf(", \"tokens\": %lld, \"onednn\": \"%d.%d.%d\", \"projections\": [",
              static_cast<long long>(tokens), dnnl_version()->major, dnnl_version()->minor,
              dnnl_version()->patch);
  for (const Projection& p : kProjections) {
    const int64_t columns = p.panels * p.outputs;
    const std::vector<float> x = some_values(tiles * kRowTile * p.inputs);
    const std::vector<float> weights = some_values(columns * p.inputs);
    std::vector<float> ours(static_cast<size_t>(tiles * kRowTile * columns));
    std::vector<float> theirs(ours.size());
    std::vector<PackedLinear> packed(static_cast<size_t>(p.panels));
    for (int64_t panel = 0; panel < p.panels; ++panel) {
      linear.pack(weights.data() + panel * p.outputs * p.inputs, p.outputs, p.inputs, LinearType::kFloat32,
                  packed[static_cast<size_t>(panel)]);
    }
    WholeMatmul whole(tokens, columns, p.inputs, x.data(), weights.data(), theirs.data());
    std::vector<double> our_seconds;
    std::vector<double> their_seconds;
    for (int round = 0; round < rounds + 2; ++round) {
      const auto run_ours = [&] {
        pool.parallel_for(tiles, [&](int64_t tile, int) {
          PreparedMemory memory;  // fp32 takes none
          const auto rows = linear.prepare(x.data() + tile * kRowTile * p.inputs,
                                           std::min(kRowTile, tokens - tile * kRowTile), p.inputs,
                                           LinearType::kFloat32, memory);
          for (int64_t panel = 0; panel < p.panels; ++panel) {
            linear.multiply(rows, packed[static_cast<size_t>(panel)],
                            ours.data() + (panel * tiles + tile) * kRowTile * p.outputs);
          }
        });
      };
      run_ours();  // the sleep below lets cores and threads fall asleep; in a pass they never do
      const double our_time = timed(run_ours);
      whole.run();
      const double their_time = timed([&] { whole.run(); });
      // OpenMP's idle threads spin for a while and would hold a core of ours.
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (round < 2) continue;  // caches, and code that oneDNN makes
      our_seconds.push_back(our_time);
      their_seconds.push_back(their_time);
    }
    const double flops = 2.0 * static_cast<double>(tokens * columns * p.inputs);
    const double our_time = median_seconds(our_seconds);
    const double their_time = median_seconds(their_seconds);
    our_total += our_time;
    their_total += their_time;
    std::printf("%s\n  {\"name\": \"%s\", \"ours_gflops\": %.1f, \"onednn_gflops\": %.1f, \"ratio\": %.3f}",
                &p == kProjections ? "" : ",", p.name, flops / our_time / 1e9, flops / their_time / 1e9,
                their_time / our_time);
  }
  std::printf("],\n \"layer_ratio\": %.3f}\n", their_total / our_total);
  return 0;
}
