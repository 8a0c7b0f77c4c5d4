// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "kernels/gemm.h"

#include <omp.h>

#include <csignal>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/check.h"
#include "kernels/kernels.h"

namespace headwise::kernels {
namespace {

using dnnl::memory;
using Shape = std::tuple<int64_t, int64_t, int64_t>;  // rows, outputs, inputs

// Our instruction set is oneDNN's too, so that HEADWISE_ISA forces the whole engine. Must come before its
// first use.
dnnl::engine make_engine() {
  const auto table = select_kernels();
  const std::string_view level = table ? (*table)->name : "scalar";
  if (level == "avx2") dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
  if (level == "scalar") dnnl::set_max_cpu_isa(dnnl::cpu_isa::sse41);
  return {dnnl::engine::kind::cpu, 0};
}

const dnnl::engine& cpu() {
  static const dnnl::engine engine = make_engine();
  return engine;
}

memory::desc plain(int64_t rows, int64_t columns) {
  return {{rows, columns}, memory::data_type::f32, memory::format_tag::ab};
}

// oneDNN's own scratch memory belongs to the thread that made a primitive, and goes when primitives are
// destroyed by another: ours are made, used and destroyed by whichever thread calls, so each brings its own
// memory.
dnnl::primitive_attr own_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::matmul::primitive_desc describe(const memory::desc& x, const memory::desc& weights,
                                      const memory::desc& out) {
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), x, weights, out, own_scratchpad()};
#else
  return {dnnl::matmul::desc(x, weights, out), own_scratchpad(), cpu()};
#endif
}

// oneDNN asks OpenMP how many threads it may use; inside our own threads the answer must be one.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }

 private:
  int before_;
};

// A signal handler that runs on the thread of a oneDNN product damages the heap (Debian's 2.6.3 with AVX2;
// the test is Gemm.SignalsDoNoHarm). Its generated code probably keeps values on the stack where the
// handler's frame goes; that was not looked into. Signals from outside wait until the product is done, on
// this thread.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&all, own);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

// How oneDNN lays weights out: strides of (blocks of) inputs and outputs, and the blocks inside.
struct Blocks {
  std::vector<int64_t> strides;
  std::vector<int64_t> inner;    // lengths, outermost first
  std::vector<int64_t> of_axis;  // 0: inputs, 1: outputs
  friend bool operator==(const Blocks&, const Blocks&) = default;

  int64_t inner_outputs() const {
    int64_t outputs = 1;
    for (size_t i = 0; i < inner.size(); ++i) outputs *= of_axis[i] == 1 ? inner[i] : 1;
    return outputs;
  }
};

Blocks blocks_of(const memory::desc& layout) {
#if DNNL_VERSION_MAJOR >= 3
  return {layout.get_strides(), layout.get_inner_blks(), layout.get_inner_idxs()};
#else
  const auto& blocking = layout.data.format_desc.blocking;
  const auto inner = static_cast<size_t>(blocking.inner_nblks);
  return {{blocking.strides, blocking.strides + 2},
          {blocking.inner_blks, blocking.inner_blks + inner},
          {blocking.inner_idxs, blocking.inner_idxs + inner}};
#endif
}

// Around every call of oneDNN.
struct CallGuard {
  OneThread one_thread;
  SignalsWait signals_wait;
};

}  // namespace

struct PackedMatrix::State {
  int64_t outputs = 0;
  int64_t inputs = 0;
  bool any_rows = false;  // results do not depend on the number of rows of a call
  bool any_columns = false;
  memory::desc layout;
  AlignedBuffer<float> values;
};

PackedMatrix::PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;
PackedMatrix::~PackedMatrix() = default;
int64_t PackedMatrix::outputs() const { return state_ ? state_->outputs : 0; }
int64_t PackedMatrix::inputs() const { return state_ ? state_->inputs : 0; }
bool PackedMatrix::any_rows() const { return !state_ || state_->any_rows; }
bool PackedMatrix::any_columns() const { return state_ && state_->any_columns; }
size_t PackedMatrix::bytes() const { return state_ ? state_->layout.get_size() : 0; }

struct Gemm::State {
  // A primitive with memory objects whose addresses are set before each call.
  struct Call {
    dnnl::matmul primitive;
    memory x;
    memory weights;
    memory out;
    std::unordered_map<int, memory> arguments;
  };

  // The layout that oneDNN likes best for some weights at a full tile of rows; every call uses it.
  struct Layout {
    memory::desc weights;
    bool any_rows = false;
    bool any_columns = false;
  };

  dnnl::stream stream{cpu()};
  std::map<Shape, Call> calls;
  std::map<std::pair<int64_t, int64_t>, Layout> layouts;  // by outputs and inputs

  const Layout& layout(int64_t outputs, int64_t inputs) {
    if (const auto found = layouts.find({outputs, inputs}); found != layouts.end()) return found->second;
    const auto description = best(outputs, inputs);
    Layout made{description.weights_desc(), is_brgemm(description)};
    // Groups of outputs stand one behind the other, each as oneDNN would lay it out by itself.
    const Blocks blocks = blocks_of(made.weights);
    made.any_columns =
        made.any_rows && outputs % kColumnGrain == 0 && kColumnGrain % blocks.inner_outputs() == 0;
    for (int64_t part = kColumnGrain; part <= kMostColumns && made.any_columns; part += kColumnGrain) {
      const auto alone = best(part, inputs);
      made.any_columns = is_brgemm(alone) && blocks_of(alone.weights_desc()) == blocks;
    }
    return layouts.emplace(std::pair(outputs, inputs), made).first->second;
  }

  static dnnl::matmul::primitive_desc best(int64_t outputs, int64_t inputs) {
    const memory::desc any({inputs, outputs}, memory::data_type::f32, memory::format_tag::any);
    return describe(plain(kRowTile, inputs), any, plain(kRowTile, outputs));
  }
  static bool is_brgemm(const dnnl::matmul::primitive_desc& description) {
    return std::string_view(description.impl_info_str()).starts_with("brg");
  }

  void reorder(const float* weights, int64_t outputs, int64_t inputs, const memory::desc& layout, float* to) {
    // Row-major [outputs, inputs] is the transpose that oneDNN calls "ba" of [inputs, outputs].
    const memory::desc stored({inputs, outputs}, memory::data_type::f32, memory::format_tag::ba);
    memory source(stored, cpu(), const_cast<float*>(weights));
    memory target(layout, cpu(), to);
    dnnl::reorder(source, target).execute(stream, source, target);
    stream.wait();
  }

  void execute(Call& call, const float* x, const float* weights, float* out) {
    call.x.set_data_handle(const_cast<float*>(x));
    call.weights.set_data_handle(const_cast<float*>(weights));
    call.out.set_data_handle(out);
    call.primitive.execute(stream, call.arguments);
    stream.wait();
  }

  Call& call(const Shape& shape, const memory::desc& layout) {
    if (auto found = calls.find(shape); found != calls.end()) return found->second;
    const auto [rows, outputs, inputs] = shape;
    const memory::desc x = plain(rows, inputs);
    const memory::desc out = plain(rows, outputs);
    const auto description = describe(x, layout, out);
    Call made{dnnl::matmul(description),
              memory(x, cpu(), nullptr),
              memory(layout, cpu(), nullptr),
              memory(out, cpu(), nullptr),
              {}};
    made.arguments = {{DNNL_ARG_SRC, made.x}, {DNNL_ARG_WEIGHTS, made.weights}, {DNNL_ARG_DST, made.out}};
    if (const memory::desc scratchpad = description.scratchpad_desc(); scratchpad.get_size() > 0) {
      made.arguments.emplace(DNNL_ARG_SCRATCHPAD, memory(scratchpad, cpu()));
    }
    return calls.emplace(shape, std::move(made)).first->second;
  }
};

Gemm::Gemm() : state_(std::make_unique<State>()) {}
Gemm::Gemm(Gemm&&) noexcept = default;
Gemm& Gemm::operator=(Gemm&&) noexcept = default;
Gemm::~Gemm() = default;

void Gemm::pack(const float* weights, int64_t outputs, int64_t inputs, PackedMatrix& packed) {
  const CallGuard guard;
  if (!packed.state_) packed.state_ = std::make_unique<PackedMatrix::State>();
  PackedMatrix::State& state = *packed.state_;
  if (state.outputs != outputs || state.inputs != inputs) {
    const State::Layout& layout = state_->layout(outputs, inputs);
    state.layout = layout.weights;
    state.any_rows = layout.any_rows;
    state.any_columns = layout.any_columns;
    state.outputs = outputs;
    state.inputs = inputs;
    state.values.reserve(state.layout.get_size() / sizeof(float) + 1);
  }
  state_->reorder(weights, outputs, inputs, state.layout, state.values.data());
}

void Gemm::multiply(const float* x, int64_t rows, const PackedMatrix& weights, float* out) {
  HW_CHECK(rows > 0 && rows <= kRowTile && weights.state_ != nullptr);
  const CallGuard guard;
  const PackedMatrix::State& packed = *weights.state_;
  const int64_t padded = packed.any_rows ? rows : kRowTile;
  State::Call& call = state_->call({padded, packed.outputs, packed.inputs}, packed.layout);
  state_->execute(call, x, packed.values.data(), out);
}

void Gemm::multiply_columns(const float* x, int64_t rows, const PackedMatrix& weights, int64_t first,
                            int64_t outputs, float* out) {
  HW_CHECK(rows > 0 && rows <= kRowTile && weights.any_columns());
  const PackedMatrix::State& packed = *weights.state_;
  HW_CHECK(first % kColumnGrain == 0 && first + outputs <= packed.outputs);
  HW_CHECK(outputs > 0 && outputs % kColumnGrain == 0 && outputs <= kMostColumns);
  const CallGuard guard;
  const Blocks blocks = blocks_of(packed.layout);
  const int64_t offset = first / blocks.inner_outputs() * blocks.strides[1];
  State::Call& call =
      state_->call({rows, outputs, packed.inputs}, state_->layout(outputs, packed.inputs).weights);
  state_->execute(call, x, packed.values.data() + offset, out);
}

}  // namespace headwise::kernels
