// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/index_check.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/file.h"

namespace headwise {
namespace {

constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kVersion = 1;
constexpr uint64_t kNoPage = ~uint64_t{0};
constexpr size_t kPageHeader = 16;
constexpr size_t kNodeHeader = 8;
constexpr uint16_t kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04, kMeta = 0x08;
constexpr uint16_t kKinds = 0x6f;  // the bits that say what a page is
constexpr uint16_t kBigData = 0x01;
constexpr uint16_t kIntegerKey = 0x08;
constexpr uint16_t kNoFolder = 0x4000;  // how it was opened, which LMDB writes down

struct PageHeader {
  uint64_t number;
  uint16_t unused;
  uint16_t flags;
  uint16_t lower;  // of an overflow page: its pages, with `upper`
  uint16_t upper;
};
struct Node {
  uint16_t low, high, flags, key_bytes;
};
struct Tree {
  uint32_t page_bytes;  // of the first tree; of the second: nothing
  uint16_t flags;
  uint16_t depth;
  uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};
struct Meta {
  uint32_t magic, version;
  uint64_t address, map_bytes;
  Tree free, main;
  uint64_t last_page, transaction;
};

template <typename T>
T at(std::span<const std::byte> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(ErrorCode::kInvalidInput, "the index is damaged: " + what);
}

class Walk {
 public:
  Walk(std::span<const std::byte> file, const Meta& meta)
      : file_(file), page_bytes_(meta.free.page_bytes), last_page_(meta.last_page), used_(last_page_ + 1) {
    used_[0] = used_[1] = true;
  }

  Status tree(const Tree& tree, bool free_list) {
    counted_ = {};
    free_list_ = free_list;
    last_key_.reset();
    if (tree.root == kNoPage) {
      if (tree.depth != 0 || tree.entries != 0) return damaged("an empty tree that has entries");
      return {};
    }
    if (tree.depth == 0 || tree.depth > 32) return damaged("a tree of impossible depth");
    HW_RETURN_IF_ERROR(walk(tree.root, tree.depth));
    if (counted_.branch_pages != tree.branch_pages || counted_.leaf_pages != tree.leaf_pages ||
        counted_.overflow_pages != tree.overflow_pages || counted_.entries != tree.entries) {
      return damaged("counts that do not agree");
    }
    return {};
  }

 private:
  std::string page_name(uint64_t number) const { return "page " + std::to_string(number); }

  Status use(uint64_t number) {
    if (number > last_page_ || used_[number]) return damaged(page_name(number) + " is used twice");
    used_[number] = true;
    return {};
  }

  Result<std::span<const std::byte>> page(uint64_t number, uint16_t kind) {
    HW_RETURN_IF_ERROR(use(number));
    if (number >= file_.size() / page_bytes_) return damaged(page_name(number) + " is cut off");
    const auto bytes = file_.subspan(number * page_bytes_, page_bytes_);
    const auto header = at<PageHeader>(bytes, 0);
    if (header.number != number || (header.flags & kKinds) != kind) {
      return damaged(page_name(number) + " is another page");
    }
    return bytes;
  }

  Status walk(uint64_t number, int levels) {
    const bool leaf = levels == 1;
    const auto bytes = page(number, leaf ? kLeaf : kBranch);
    HW_RETURN_IF_ERROR(bytes);
    ++(leaf ? counted_.leaf_pages : counted_.branch_pages);
    const auto header = at<PageHeader>(*bytes, 0);
    if (header.lower < kPageHeader || header.lower % 2 != 0 || header.lower > header.upper ||
        header.upper > page_bytes_) {
      return damaged(page_name(number) + " has impossible bounds");
    }
    const size_t nodes = (header.lower - kPageHeader) / 2;
    if (nodes < (leaf || free_list_ ? 1U : 2U)) return damaged(page_name(number) + " has too few nodes");
    for (size_t n = 0; n < nodes; ++n) {
      const size_t place = at<uint16_t>(*bytes, kPageHeader + 2 * n);
      if (place % 2 != 0 || place < header.upper || place + kNodeHeader > page_bytes_) {
        return damaged(page_name(number) + " has a node outside");
      }
      const auto node = at<Node>(*bytes, place);
      if (place + kNodeHeader + node.key_bytes > page_bytes_) {
        return damaged(page_name(number) + " has a key that runs out of it");
      }
      const auto body = bytes->subspan(place + kNodeHeader);
      if (leaf) {
        HW_RETURN_IF_ERROR(entry(node, body));
      } else {
        HW_RETURN_IF_ERROR(child(node, body, n > 0, levels));
      }
    }
    return {};
  }

  // The keys under a branch's node are not below the node's key; the first node's key is not read.
  Status child(const Node& node, std::span<const std::byte> body, bool has_key, int levels) {
    const uint64_t below = node.low | uint64_t{node.high} << 16 | uint64_t{node.flags} << 32;
    if (has_key) {
      const std::string_view key(reinterpret_cast<const char*>(body.data()), node.key_bytes);
      if (!ascends(key, true)) return damaged("keys out of order");
      bound_ = std::string(key);
    }
    return walk(below, levels - 1);
  }

  // LMDB compares keys of the free list as numbers of 8 bytes, others as bytes.
  bool ascends(std::string_view key, bool may_equal) const {
    if (free_list_ && key.size() != sizeof(uint64_t)) return false;
    const auto before = [this](const std::string& a, std::string_view b) {
      if (!free_list_) return std::string_view(a) < b;
      uint64_t x = 0, y = 0;
      std::memcpy(&x, a.data(), sizeof x);
      std::memcpy(&y, b.data(), sizeof y);
      return x < y;
    };
    if (last_key_ && !before(*last_key_, key)) return false;
    if (bound_ && !before(*bound_, key) && !(may_equal && *bound_ == key)) return false;
    return true;
  }

  Status entry(const Node& node, std::span<const std::byte> body) {
    ++counted_.entries;
    const std::string_view key(reinterpret_cast<const char*>(body.data()), node.key_bytes);
    if (key.empty() || !ascends(key, true)) return damaged("keys out of order");
    last_key_ = std::string(key);
    bound_.reset();
    const size_t bytes = node.low | size_t{node.high} << 16;
    std::span<const std::byte> value = body.subspan(node.key_bytes);
    if (node.flags == kBigData) {
      if (value.size() < sizeof(uint64_t)) return damaged("a value outside its page");
      const auto found = overflow(at<uint64_t>(value, 0), bytes);
      HW_RETURN_IF_ERROR(found);
      value = *found;
    } else if (node.flags != 0 || bytes > value.size()) {
      return damaged("a value outside its page");
    }
    if (free_list_) return free_pages(value.first(bytes));
    for (const EntryShape& shape : {kPassageShape, kSegmentShape, kStateShape}) {
      const bool alike = key.size() == shape.key_bytes && static_cast<unsigned char>(key[0]) == shape.first &&
                         bytes == shape.value_bytes;
      if (alike) return {};
    }
    return damaged("an entry of no known shape");
  }

  Result<std::span<const std::byte>> overflow(uint64_t number, size_t bytes) {
    const uint64_t pages = (kPageHeader - 1 + bytes) / page_bytes_ + 1;
    const auto first = page(number, kOverflow);
    HW_RETURN_IF_ERROR(first);
    const auto header = at<PageHeader>(*first, 0);
    if ((header.lower | uint32_t{header.upper} << 16) != pages ||
        number + pages > file_.size() / page_bytes_) {
      return damaged(page_name(number) + " has another length");
    }
    for (uint64_t more = 1; more < pages; ++more) HW_RETURN_IF_ERROR(use(number + more));
    counted_.overflow_pages += pages;
    return file_.subspan(number * page_bytes_ + kPageHeader, pages * page_bytes_ - kPageHeader);
  }

  // A count, then page numbers, falling.
  Status free_pages(std::span<const std::byte> list) {
    const size_t most = list.size() / sizeof(uint64_t);
    const uint64_t count = most == 0 ? kNoPage : at<uint64_t>(list, 0);
    if (count >= most) return damaged("a list of free pages that runs out");
    uint64_t before = kNoPage;
    for (uint64_t i = 1; i <= count; ++i) {
      const auto number = at<uint64_t>(list, i * sizeof(uint64_t));
      if (number >= before) return damaged("free pages out of order");
      HW_RETURN_IF_ERROR(use(number));
      before = number;
    }
    return {};
  }

  std::span<const std::byte> file_;
  uint64_t page_bytes_;
  uint64_t last_page_;
  std::vector<bool> used_;
  bool free_list_ = false;
  Tree counted_{};
  std::optional<std::string> last_key_;  // of the last entry
  std::optional<std::string> bound_;     // of the branch node above, until its first entry
};

// The one that LMDB takes: of the later transaction.
Result<Meta> choose_meta(std::span<const std::byte> file) {
  std::optional<Meta> chosen;
  uint64_t page_bytes = 0;
  for (uint64_t number = 0; number < 2; ++number) {
    const uint64_t offset = number * page_bytes;
    if (offset + kPageHeader + sizeof(Meta) > file.size()) return damaged("it is cut short");
    const auto header = at<PageHeader>(file, offset);
    const auto meta = at<Meta>(file, offset + kPageHeader);
    page_bytes = meta.free.page_bytes;
    if ((header.flags & kKinds) != kMeta || meta.magic != kMagic || meta.version != kVersion ||
        page_bytes < 4096 || page_bytes > 32768 || !std::has_single_bit(page_bytes) ||
        (chosen && chosen->free.page_bytes != page_bytes)) {
      return damaged("its first pages are no LMDB file's");
    }
    if (!chosen || meta.transaction > chosen->transaction) chosen = meta;
  }
  if ((chosen->free.flags & ~kNoFolder) != kIntegerKey || chosen->main.flags != 0) {
    return damaged("flags that it was not made with");
  }
  // Free pages at the end need not be in the file; a list of them is in it, so that it is not much longer.
  if (chosen->last_page < 1 || chosen->last_page / 1024 > file.size() / page_bytes + 1) {
    return damaged("more pages than the file can have");
  }
  return *chosen;
}

}  // namespace

Status check_index(std::span<const std::byte> file) {
  const auto meta = choose_meta(file);
  HW_RETURN_IF_ERROR(meta);
  Walk walk(file, *meta);
  HW_RETURN_IF_ERROR(walk.tree(meta->main, false));
  return walk.tree(meta->free, true);
}

Status check_index_head(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  HW_RETURN_IF_ERROR(file);
  HW_RETURN_IF_ERROR(choose_meta(file->bytes()));
  return {};
}

Status check_index_file(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  HW_RETURN_IF_ERROR(file);
  return check_index(file->bytes());
}

}  // namespace headwise
