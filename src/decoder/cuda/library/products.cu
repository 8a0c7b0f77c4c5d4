// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Linear products by cuBLASLt. An algorithm is chosen once for a matrix, at a fixed number of rows and
// without splitting the sum, so that a row's bits do not depend on the rows beside it. It must do for any
// number of rows.
#include <algorithm>
#include <iterator>
#include <string>

#include "decoder/cuda/library/handle.cuh"

namespace headwise::device {
namespace {

constexpr uint64_t kRowsOfChoice = 1024;
constexpr uint64_t kOtherRows[] = {1, 17, 256, 4096, 65536};
constexpr int kCandidates = 16;

// cuBLASLt's descriptions, given back whatever happens.
struct Description {
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t weights = nullptr;
  cublasLtMatrixLayout_t x = nullptr;
  cublasLtMatrixLayout_t out = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  ~Description() {
    if (preference != nullptr) cublasLtMatmulPreferenceDestroy(preference);
    if (out != nullptr) cublasLtMatrixLayoutDestroy(out);
    if (x != nullptr) cublasLtMatrixLayoutDestroy(x);
    if (weights != nullptr) cublasLtMatrixLayoutDestroy(weights);
    if (product != nullptr) cublasLtMatmulDescDestroy(product);
  }
};

cudaDataType_t cuda_type(NumberType type) { return type == kFloat ? CUDA_R_32F : CUDA_R_16BF; }

// Column-major, as cuBLAS thinks: out^T [outputs, rows] = (weights^T)^T [outputs, inputs] x^T [inputs, rows].
cublasStatus_t describe(const ProductArgs& args, uint64_t rows, Description& d) {
  const cudaDataType_t type = cuda_type(args.type);
  const auto outputs = static_cast<uint64_t>(args.outputs);
  const auto inputs = static_cast<uint64_t>(args.inputs);
  const cublasOperation_t turned = CUBLAS_OP_T;
  cublasStatus_t status = cublasLtMatmulDescCreate(&d.product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  const auto next = [&](cublasStatus_t done) {
    if (status == CUBLAS_STATUS_SUCCESS) status = done;
    return status == CUBLAS_STATUS_SUCCESS;
  };
  if (!next(status)) return status;
  if (!next(cublasLtMatmulDescSetAttribute(d.product, CUBLASLT_MATMUL_DESC_TRANSA, &turned, sizeof turned)))
    return status;
  if (!next(cublasLtMatrixLayoutCreate(&d.weights, type, inputs, outputs, args.inputs))) return status;
  if (!next(cublasLtMatrixLayoutCreate(&d.x, type, inputs, rows, args.x_stride))) return status;
  next(cublasLtMatrixLayoutCreate(&d.out, cuda_type(args.out_type), outputs, rows, args.out_stride));
  return status;
}

bool does_for(Handle& handle, const ProductArgs& args, const cublasLtMatmulAlgo_t& algorithm, uint64_t rows) {
  Description d;
  cublasLtMatmulHeuristicResult_t found{};
  return describe(args, rows, d) == CUBLAS_STATUS_SUCCESS &&
         cublasLtMatmulAlgoCheck(handle.products, d.product, d.weights, d.x, d.out, d.out, &algorithm,
                                 &found) == CUBLAS_STATUS_SUCCESS &&
         found.workspaceSize <= kWorkspaceBytes;
}

cublasStatus_t choose(Handle& handle, const ProductArgs& args, cublasLtMatmulAlgo_t& algorithm) {
  Description d;
  cublasStatus_t status = describe(args, kRowsOfChoice, d);
  if (status == CUBLAS_STATUS_SUCCESS) status = cublasLtMatmulPreferenceCreate(&d.preference);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  const uint64_t workspace = kWorkspaceBytes;
  const uint32_t no_split = CUBLASLT_REDUCTION_SCHEME_NONE;
  cublasLtMatmulPreferenceSetAttribute(d.preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                       sizeof workspace);
  cublasLtMatmulPreferenceSetAttribute(d.preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &no_split,
                                       sizeof no_split);
  cublasLtMatmulHeuristicResult_t found[kCandidates]{};
  int count = 0;
  status = cublasLtMatmulAlgoGetHeuristic(handle.products, d.product, d.weights, d.x, d.out, d.out,
                                          d.preference, kCandidates, found, &count);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  for (int i = 0; i < count; ++i) {
    if (found[i].state != CUBLAS_STATUS_SUCCESS) continue;
    const auto does = [&](uint64_t rows) { return does_for(handle, args, found[i].algo, rows); };
    if (!std::all_of(std::begin(kOtherRows), std::end(kOtherRows), does)) continue;
    algorithm = found[i].algo;
    return status;
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

}  // namespace

Outcome multiply(Handle* handle, int stream, const ProductArgs* args) {
  if (args->rows == 0) return kDone;
  const cudaError_t error = cudaSetDevice(handle->ordinal);
  if (error != cudaSuccess) return outcome_of(*handle, error, "a product");
  const ProductKey key{args->outputs, args->inputs, args->type, args->out_type};
  auto found = handle->algorithms.find(key);
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  if (found == handle->algorithms.end()) {
    cublasLtMatmulAlgo_t algorithm{};
    status = choose(*handle, *args, algorithm);
    if (status == CUBLAS_STATUS_SUCCESS) found = handle->algorithms.emplace(key, algorithm).first;
  }
  Description d;
  if (status == CUBLAS_STATUS_SUCCESS) status = describe(*args, static_cast<uint64_t>(args->rows), d);
  if (status == CUBLAS_STATUS_SUCCESS) {
    status = cublasLtMatmul(handle->products, d.product, &args->alpha, args->weights, d.weights, args->x, d.x,
                            &args->beta, args->out, d.out, args->out, d.out, &found->second,
                            handle->workspace, kWorkspaceBytes, handle->streams[stream]);
  }
  if (status == CUBLAS_STATUS_SUCCESS) return kDone;
  return failed(*handle, std::string("a product of ") + std::to_string(args->rows) + " rows, " +
                             std::to_string(args->inputs) + " inputs and " + std::to_string(args->outputs) +
                             " outputs: cuBLASLt says " + cublasLtGetStatusString(status));
}

}  // namespace headwise::device
