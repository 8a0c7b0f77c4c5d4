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
#include <memory>
#include <span>
#include <vector>

#include "decoder/kept_form.h"
#include "headwise/error.h"

namespace headwise {

// Whoever has the bytes of an image: keeps them as long as it lives.
class ImageBytes {
 public:
  virtual ~ImageBytes() = default;
  // Returns when the first `bytes` of the image can be read: those of a disk may still be on their way.
  virtual void await(size_t /*bytes*/) const {}
  // They are those that were kept. Waits for all of them.
  virtual bool intact() const { return true; }
};

// Bytes that are there and right.
std::shared_ptr<const ImageBytes> held(std::shared_ptr<const void> owner);

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

  // The whole of it as bytes, for a file or another process on a machine of the same kind: a header that
  // says what it is, then layer after layer. Lives as long as the segment.
  virtual std::span<const std::byte> image() const = 0;
  // The numbers are those that were kept: asked before anything that was computed of them is given away.
  // Bytes that come from a disk are looked at here, not before the pass, which then runs while they come.
  virtual bool intact() const { return true; }
  // The same in another form, made of this one, which must be as run. `received` [layers, tokens] is the mean
  // attention that each token received, for BudgetTokens::kReceived; empty otherwise.
  virtual std::shared_ptr<const KeptSegment> reduced(const KeptForm& form,
                                                     std::span<const float> received) const = 0;
};

// What image() gave, read where it stands, on a multiple of 64. kInvalidInput when it is no whole image; what
// the numbers are is not checked: whoever stores images stores a checksum beside them, and bytes->intact() is
// what KeptSegment::intact() says. Waits for the image's head alone.
Result<std::shared_ptr<const KeptSegment>> read_kept_segment(std::span<const std::byte> image,
                                                             std::shared_ptr<const ImageBytes> bytes);

}  // namespace headwise
