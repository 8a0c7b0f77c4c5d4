// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: asks the system for records before they are read. Records are layer after layer, and a
// pass reads the first layer of all of them first: so a piece of each record in turn, by a thread of its own,
// since asking waits where the disk is busy. A pass then runs while the rest comes. What has come is added to
// the records' checksums, so that little of that is left to do when the pass ends.
//
// Thread rule: any number of callers. The thread starts with the first call and ends with the object.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "passages/segment_file.h"

namespace headwise {

class ReadAhead {
 public:
  struct Wanted {
    std::shared_ptr<SegmentFile> file;
    Place place;
  };

  ReadAhead() = default;
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  void ask(std::vector<Wanted> wanted);

 private:
  void work(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any more_;
  std::deque<std::vector<Wanted>> asked_;
  pid_t process_ = 0;    // that started the thread
  std::jthread thread_;  // the last member: it ends before the others
};

}  // namespace headwise
