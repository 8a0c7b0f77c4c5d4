// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Attention and read-out of every instruction set against the definition: head widths with and without whole
// vectors, contexts, causal starts inside and across key tiles; and the property everything else leans on,
// that a row's result does not depend on the rows beside it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "unit/kernels/random_values.h"

namespace headwise::kernels {
namespace {

// Random keys and values of one kv head in storage layout; slots that no segment uses hold zeros.
struct Store {
  int64_t width;
  int64_t slots;
  std::vector<float> keys;
  std::vector<float> values;

  Store(int64_t head_width, int64_t slot_count, float deviation)
      : width(head_width),
        slots(slot_count),
        keys(random_values(slot_count * head_width, 11, deviation)),
        values(static_cast<size_t>(slot_count * padded_width(head_width)), 0.0f) {
    const auto filled = random_values(slot_count * head_width, 12);
    for (int64_t slot = 0; slot < slot_count; ++slot) {
      for (int64_t d = 0; d < head_width; ++d) {
        values[static_cast<size_t>(slot * padded_width(head_width) + d)] =
            filled[static_cast<size_t>(slot * head_width + d)];
      }
    }
  }
};

struct Case {
  int64_t width;
  int64_t rows;
  int64_t first_row;
  std::vector<KeyRange> context;
  int64_t own_begin;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (int64_t width : {8, 16, 40, 64, 80, 128}) {
    for (int64_t rows :
         {int64_t{1}, int64_t{2}, int64_t{5}, int64_t{6}, int64_t{7}, int64_t{13}, kQueryTile}) {
      all.push_back({width, rows, 0, {}, 0});
      all.push_back({width, rows, 61, {}, 64});
      all.push_back({width, rows, 3, {{0, 5}, {64, 128}, {128, 191}}, 192});
    }
  }
  return all;
}

int64_t slots_of(const Case& c) { return round_up(c.own_begin + c.first_row + c.rows, kKeyTile); }

Visibility visibility(const Case& c) {
  return {c.context.data(), static_cast<int64_t>(c.context.size()), c.own_begin, c.first_row};
}

std::vector<float> attend(const KernelTable& table, const Case& c, const Store& store,
                          const std::vector<float>& queries) {
  std::vector<float> out(static_cast<size_t>(c.rows * c.width), NAN);
  std::vector<float> scratch(static_cast<size_t>(attend_scratch(c.width)), NAN);
  AttendArgs args;
  args.queries = queries.data();
  args.query_stride = c.width;
  args.rows = c.rows;
  args.keys = store.keys.data();
  args.values = store.values.data();
  args.head_width = c.width;
  args.visible = visibility(c);
  args.out = out.data();
  args.out_stride = c.width;
  args.scratch = scratch.data();
  table.attend(args);
  return out;
}

std::vector<float> read(const KernelTable& table, const Case& c, const Store& store,
                        const std::vector<float>& queries) {
  std::vector<float> sums(static_cast<size_t>(store.slots), 0.0f);
  std::vector<float> scratch(static_cast<size_t>(read_scratch(store.slots)), NAN);
  ReadArgs args;
  args.queries = queries.data();
  args.query_stride = c.width;
  args.rows = c.rows;
  args.keys = store.keys.data();
  args.head_width = c.width;
  args.visible = visibility(c);
  args.key_count = store.slots;
  args.attention_sum = sums.data();
  args.scratch = scratch.data();
  table.read(args);
  return sums;
}

TEST(Attention, AgreesWithTheDefinition) {
  for (const KernelTable* table : vector_tables()) {
    for (const Case& c : cases()) {
      // Logits of a few units, and of a few hundred: a softmax that nearly picks one key.
      for (float deviation : {0.5f, 8.0f}) {
        const Store store(c.width, slots_of(c), deviation);
        const auto queries = random_values(c.rows * c.width, 13, 0.7f);
        const auto ours = attend(*table, c, store, queries);
        const auto definition = attend(*definition_table(), c, store, queries);
        for (size_t i = 0; i < ours.size(); ++i) {
          ASSERT_NEAR(ours[i], definition[i], 5e-5)
              << table->name << " width " << c.width << " rows " << c.rows;
        }
        const auto our_sums = read(*table, c, store, queries);
        const auto sums = read(*definition_table(), c, store, queries);
        double total = 0.0;
        for (size_t i = 0; i < sums.size(); ++i) {
          ASSERT_NEAR(our_sums[i], sums[i], 1e-4 * sums[i] + 1e-7)
              << table->name << " width " << c.width << " key " << i;
          total += our_sums[i];
        }
        EXPECT_NEAR(total, static_cast<double>(c.rows), 1e-4 * static_cast<double>(c.rows))
            << "a row's attention sums to 1";
      }
    }
  }
}

TEST(Attention, HiddenKeysGetNothing) {
  const Case c{64, 7, 61, {{0, 5}}, 64};
  for (const KernelTable* table : available_kernels()) {
    const Store store(c.width, slots_of(c), 1.0f);
    const auto sums = read(*table, c, store, random_values(c.rows * c.width, 13));
    for (int64_t key = 0; key < store.slots; ++key) {
      const bool visible = key < 5 || (key >= 64 && key <= 64 + 61 + 6);
      EXPECT_EQ(sums[static_cast<size_t>(key)] > 0.0f, visible) << table->name << " key " << key;
    }
  }
}

TEST(Attention, ARowDoesNotDependOnItsNeighbours) {
  for (const KernelTable* table : available_kernels()) {
    const Case whole{64, kQueryTile, 40, {{0, 70}}, 128};
    const Store store(whole.width, slots_of(whole), 2.0f);
    const auto queries = random_values(whole.rows * whole.width, 13);
    const auto together = attend(*table, whole, store, queries);
    for (int64_t first = 0; first < whole.rows; first += 5) {
      for (int64_t rows : {1, 3, 4}) {
        Case part = whole;
        part.first_row += first;
        part.rows = std::min(rows, whole.rows - first);
        const std::vector<float> some(queries.begin() + first * whole.width,
                                      queries.begin() + (first + part.rows) * whole.width);
        const auto alone = attend(*table, part, store, some);
        for (size_t i = 0; i < alone.size(); ++i) {
          ASSERT_EQ(alone[i], together[static_cast<size_t>(first * whole.width) + i])
              << table->name << " row " << first;
        }
      }
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
