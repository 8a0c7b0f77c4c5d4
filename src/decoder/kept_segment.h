// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: keys and values that one segment has in every layer of a pass: taken out of it
// (DecodeRequest::keep) and given to later ones (DecodeRequest::given), which then do not run the segment's
// tokens and get the same bits as if they had. In the form of the backend that made it, and for that alone.
//
// Thread rule: immutable; any number of passes may read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headwise {

class KeptSegment {
 public:
  virtual ~KeptSegment() = default;

  virtual int64_t tokens() const = 0;          // of the segment
  virtual int64_t first_position() const = 0;  // keys are turned by their positions
  virtual int layers() const = 0;              // from the first one on
  virtual size_t bytes() const = 0;
  // Of one key/value head of a layer, [keys, D], in fp32; empty where the pass had no use for them: values
  // and unread heads in its deepest layer.
  virtual std::vector<float> keys(int layer, int kv_head) const = 0;
  virtual std::vector<float> values(int layer, int kv_head) const = 0;
};

}  // namespace headwise
