// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: threads that read records which are on disk alone, a piece of each in turn: a pass reads
// the first layer of all of them first, and runs while the rest comes. At first sight they are read past the
// page cache, which costs a fifth of the processor's time of reading through it; what is asked for again goes
// through it, and is read in place from then on. What stands in the page cache has its checksum looked at
// meanwhile.
//
// Thread rule: any number of callers. The threads start with the first call and end with the object.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "passages/arriving_record.h"
#include "passages/reading_memory.h"
#include "passages/segment_file.h"

namespace headwise {

class RecordReader {
 public:
  struct Wanted {
    std::shared_ptr<SegmentFile> file;  // null: nothing
    Place place;
  };

  RecordReader() = default;
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  // By place in `wanted`. Null: to be read in the mapping, where it is or since there is no memory for it.
  std::vector<std::shared_ptr<ArrivingRecord>> begin(std::span<const Wanted> wanted);

 private:
  struct Coming {
    std::shared_ptr<ArrivingRecord> record;
    std::shared_ptr<const SegmentFile::Descriptors> from;
  };
  // Of one thread.
  struct Share {
    std::vector<Coming> coming;
    std::vector<Wanted> unchecked;  // in the mapping
  };

  std::vector<Coming> make_room(std::span<const Wanted> wanted, std::span<const size_t> cold);
  void start(std::vector<Coming> coming, std::vector<Wanted> unchecked);
  void work(const std::stop_token& stop);

  ReadingMemory memory_;
  std::mutex mutex_;
  std::condition_variable_any more_;
  std::deque<Share> shares_;
  pid_t process_ = 0;                  // that started the threads
  std::vector<std::jthread> threads_;  // the last member: they end before the others
};

}  // namespace headwise
