// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: several processes that train one model together, each on its own batches: what they tell
// each other between updates. Values meet in c10d's TCPStore (libtorch has it without gloo, MPI or NCCL),
// which rank 0 or torchrun keeps; every worker adds them up in the order of ranks, so that all have the same
// bits. A gradient of a few million values takes milliseconds where an update takes seconds.
//
// Thread rule: one caller. Errors: kIo when a worker does not come or is gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "headwise/error.h"

namespace c10d {
class TCPStore;
}

namespace headwise {

struct WorkersOptions {
  int count = 1;
  int rank = 0;  // 0 .. count - 1; rank 0 keeps log, checkpoint and result
  std::string host = "127.0.0.1";
  int port = 29500;
  bool store_runs = false;  // torchrun keeps the store already
};

class TrainingWorkers {
 public:
  // One worker: nothing is opened, and every exchange is a no-op.
  TrainingWorkers() = default;
  // Waits for all of them.
  static Result<TrainingWorkers> join(const WorkersOptions& options);

  int count() const { return options_.count; }
  int rank() const { return options_.rank; }
  bool leads() const { return options_.rank == 0; }

  // The values of all workers, added up. All call it with as many values, in the same order of calls.
  Status add_up(std::vector<float>& values);
  // Rank 0's bytes, for all.
  Status share(std::string& bytes);
  // The last call: rank 0 stays until the others are through, since it keeps the store.
  Status leave();

 private:
  Result<std::string> wait_for(const std::string& key);
  WorkersOptions options_;
  std::shared_ptr<c10d::TCPStore> store_;
  int64_t exchanges_ = 0;
};

}  // namespace headwise
