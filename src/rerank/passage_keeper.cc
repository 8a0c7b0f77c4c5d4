// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/passage_keeper.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "base/check.h"
#include "passages/budget_file.h"
#include "rerank/prompt_pieces.h"
#include "rerank/reading.h"
#include "rerank/received_attention.h"

namespace headwise {
namespace {

using Slot = PassageKeeper::Slot;
using Ids = std::vector<int32_t>;

// Of one pass that encodes passages: enough rows to fill the products of any number of threads, few enough
// that what it keeps is some tens of megabytes.
constexpr int64_t kPassTokens = 2048;

struct BySlotTokens {
  bool operator()(Slot a, Slot b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }
};

// Passages of which no part is among those that wait, which are in order.
int64_t whole_passages(const PromptPieces& pieces, size_t passages, std::span<const Slot> waiting) {
  std::vector<bool> waits(passages, false);
  for (size_t i = 0; i < pieces.parts.size(); ++i) {
    if (!std::binary_search(waiting.begin(), waiting.end(), pieces.slot(i), BySlotTokens())) continue;
    waits[static_cast<size_t>(pieces.parts[i].passage)] = true;
  }
  return std::count(waits.begin(), waits.end(), false);
}

std::vector<Slot> slots_of(const BuiltPrompt& prompt) {
  std::vector<Slot> slots;
  for (const int segment : prompt.segments.passages) slots.push_back(prompt.layout.ids_of(segment));
  return slots;
}

// How many of the slots go into one pass.
size_t pass_length(std::span<const Slot> slots) {
  size_t count = 0;
  int64_t tokens = 0;
  while (count < slots.size()) {
    tokens += static_cast<int64_t>(slots[count].size());
    if (count > 0 && tokens > kPassTokens) break;
    ++count;
  }
  return count;
}

// A budget without a place to keep anything: every passage is read so, and encoded for each request.
bool keeps(const KeepOptions& keep) { return keep.any() || !keep.budget.whole(); }

}  // namespace

Status check_keep_options(const RerankerOptions& options) {
  const KeepOptions& keep = options.keep;
  if (!keep.any() && keep.type != KeptType::kFloat32) {
    return fail(ErrorCode::kUsage,
                "--keep-type is for passages that are kept, and none are: add --keep-memory 1GiB or --keep "
                "DIR, with --encoding blocks");
  }
  if (keeps(keep) && options.encoding != Encoding::kBlocks) {
    return fail(
        ErrorCode::kUsage,
        "--keep, --keep-memory and --keep-budget cannot be had with --encoding list: there each "
        "passage sees the ones before it, so what is kept of it would serve this very list alone; use "
        "--encoding blocks");
  }
  if (keep.store.empty() && (keep.store_bytes > 0 || keep.second_sight)) {
    return fail(ErrorCode::kUsage,
                "--keep-store-bytes and --keep-second-sight are for a store; add --keep DIR");
  }
  return {};
}

Result<std::unique_ptr<PassageKeeper>> PassageKeeper::open(std::shared_ptr<const Model> model,
                                                           const RerankerOptions& options,
                                                           const PromptRules& rules, int deepest_layer,
                                                           Decoder& decoder) {
  if (!keeps(options.keep)) return nullptr;
  if (model->config().rope_scaling.kind == RopeScaling::Kind::kLongrope) {
    return fail(
        ErrorCode::kUnsupported,
        "passages of this model cannot be kept: its positions turn otherwise in long prompts than in "
        "short ones (longrope), so a passage's keys depend on the prompt; leave --keep, --keep-memory "
        "and --keep-budget out");
  }
  auto pieces = tokenize_slots(model->tokenizer(), rules, {}, {});
  HW_RETURN_IF_ERROR(pieces);
  const int deepest = std::max(deepest_layer, options.keep_layer);
  auto form = keep_form_of(options.keep, model->fingerprint(), deepest + 1);
  HW_RETURN_IF_ERROR(form);
  auto cache = PassageCache::open(options.keep, {.model = model->fingerprint(),
                                                 .wording = rules.wording.name,
                                                 .prefix = std::move(pieces->prefix),
                                                 .deepest_layer = deepest,
                                                 .decoder = decoder.describe(),
                                                 .form = std::move(*form)});
  HW_RETURN_IF_ERROR(cache);
  return std::unique_ptr<PassageKeeper>(new PassageKeeper(std::move(model), std::move(*cache), decoder));
}

void PassageKeeper::find_prefix() {
  if (prefix_ == nullptr) prefix_ = cache_->find_prefix();
  // Passages are encoded with it, and kept.
  if (!reaches(prefix_) || !prefix_->intact()) prefix_ = nullptr;
}

void PassageKeeper::take_prefix(Segment segment) {
  prefix_ = std::move(segment);
  cache_->keep_prefix(prefix_);
}

bool PassageKeeper::serves(std::span<const HeadId> heads) const {
  return std::all_of(heads.begin(), heads.end(),
                     [&](const HeadId id) { return id.layer <= cache_->context().deepest_layer; });
}

std::vector<PassageKeeper::Segment> PassageKeeper::find(std::span<const Slot> slots) {
  std::vector<Segment> found = cache_->find(slots);
  HW_CHECK(found.size() == slots.size());
  for (Segment& segment : found) {
    if (!reaches(segment)) segment = nullptr;
  }
  return found;
}

// The cache has seen to tokens and place; one that ends too early costs an encoding, not the request.
bool PassageKeeper::reaches(const Segment& segment) const {
  return segment != nullptr && segment->layers() == cache_->context().deepest_layer + 1;
}

uint64_t PassageKeeper::bytes_as_run(Slot slot) const {
  const ModelConfig& config = model_->config();
  const auto floats_a_layer = static_cast<uint64_t>(config.kv_heads * config.head_width);
  const auto layers = static_cast<uint64_t>(cache_->context().deepest_layer);
  return slot.size() * floats_a_layer * (2 * layers + 1) * sizeof(float);
}

Result<PassageKeeper::Part> PassageKeeper::prepare(const BuiltPrompt& prompt, ProgressSink* progress) {
  find_prefix();
  const std::vector<Slot> slots = slots_of(prompt);
  std::vector<Segment> found = find(slots);
  // By their tokens: a passage that comes twice is kept once.
  std::map<Slot, std::vector<size_t>, BySlotTokens> missing;
  Part part;
  part.tokens_run = prompt.layout.tokens();
  for (size_t i = 0; i < slots.size(); ++i) {
    if (found[i] == nullptr) {
      missing[slots[i]].push_back(i);
    } else {
      ++part.passages_kept;
    }
  }
  if (cache_->context().form.as_run()) {
    uint64_t room = cache_->room();
    for (const auto& [slot, places] : missing) {
      const uint64_t bytes = bytes_as_run(slot);
      if (bytes > room) continue;
      room -= bytes;
      part.keep.push_back(prompt.segments.passages[places.front()]);
    }
  } else if (!missing.empty()) {
    std::vector<Slot> wanted;
    for (const auto& [slot, places] : missing) wanted.push_back(slot);
    if (prefix_ == nullptr) part.tokens_run += static_cast<int64_t>(cache_->context().prefix.size());
    auto encoded = encode(wanted, progress);
    HW_RETURN_IF_ERROR(encoded);
    size_t place = 0;
    for (const auto& [slot, places] : missing) {
      for (const size_t i : places) found[i] = (*encoded)[place];
      part.tokens_run += static_cast<int64_t>(slot.size());
      ++place;
    }
  }
  const auto give = [&](int segment, const Segment& kept) {
    part.given.push_back({segment, kept});
    part.tokens_run -= prompt.layout.segment(segment).tokens;
  };
  for (size_t i = 0; i < slots.size(); ++i) {
    if (found[i] != nullptr) give(prompt.segments.passages[i], found[i]);
  }
  if (prefix_ != nullptr) {
    give(prompt.segments.prefix, prefix_);
  } else {
    part.keep.push_back(prompt.segments.prefix);
  }
  if (!part.keep.empty()) part.keep_until = cache_->context().deepest_layer;
  part.late = late_.find(prompt);  // nothing where the form is as run: then passages may be missing
  return part;
}

bool PassageKeeper::intact(const Part& part) {
  // All of them: those that are not are gone from the next look.
  const auto damaged =
      std::ranges::count_if(part.given, [](const GivenSegment& given) { return !given.kept->intact(); });
  return damaged == 0;
}

void PassageKeeper::take(const BuiltPrompt& prompt, const Part& part, const DecodeResult& decoded) {
  std::vector<Slot> slots;
  std::vector<Segment> segments;
  for (size_t i = 0; i < part.keep.size(); ++i) {
    if (part.keep[i] == prompt.segments.prefix) {
      take_prefix(decoded.kept[i]);
    } else {
      slots.push_back(prompt.layout.ids_of(part.keep[i]));
      segments.push_back(decoded.kept[i]);
    }
  }
  if (!slots.empty()) cache_->keep(slots, segments);
  late_.keep(prompt, decoded.late);
}

Result<std::vector<PassageKeeper::Segment>> PassageKeeper::encode_pass(std::span<const Slot> slots,
                                                                       ProgressSink* progress) {
  const KeptContext& context = cache_->context();
  PromptLayout layout;
  const int prefix = layout.add_segment(context.prefix, 0, {});
  std::vector<int> keep;
  for (const Slot slot : slots) {
    const Ids ids(slot.begin(), slot.end());
    keep.push_back(layout.add_segment(ids, static_cast<int64_t>(context.prefix.size()), {prefix}));
  }
  DecodeRequest request;
  std::optional<ReceivedAttention> received;
  if (context.form.tokens == BudgetTokens::kReceived) {
    received.emplace(model_->config(), context.deepest_layer, layout, keep);
    received->ask(request);
  }
  std::vector<GivenSegment> given;
  if (prefix_ != nullptr) {
    given.push_back({prefix, prefix_});
  } else {
    keep.push_back(prefix);
  }
  request.prompt = &layout;
  request.given = given;
  request.keep = keep;
  request.keep_until = context.deepest_layer;
  request.progress = progress;
  auto decoded = decoder_.run(request);
  HW_RETURN_IF_ERROR(decoded);
  std::vector<Segment> segments = std::move(decoded->kept);
  if (prefix_ == nullptr) {
    take_prefix(std::move(segments.back()));
    segments.pop_back();
  }
  if (context.form.as_run()) return segments;
  for (size_t i = 0; i < segments.size(); ++i) {
    segments[i] = segments[i]->reduced(context.form, received ? received->of(i) : std::span<const float>());
    HW_CHECK(segments[i] != nullptr);  // as run, and the form is one of its layers'
  }
  return segments;
}

Result<std::vector<PassageKeeper::Segment>> PassageKeeper::encode(std::span<const Slot> slots,
                                                                  ProgressSink* progress) {
  std::vector<Segment> all;
  while (!slots.empty()) {
    const std::span<const Slot> now = slots.first(pass_length(slots));
    auto segments = encode_pass(now, progress);
    HW_RETURN_IF_ERROR(segments);
    cache_->keep(now, *segments);
    all.insert(all.end(), segments->begin(), segments->end());
    slots = slots.subspan(now.size());
  }
  return all;
}

Result<KeepReport> PassageKeeper::build(const PromptRules& rules, std::span<const Passage> passages,
                                        ProgressSink* progress) {
  std::vector<int> order(passages.size());
  std::iota(order.begin(), order.end(), 0);
  auto pieces = tokenize_slots(model_->tokenizer(), rules, passages, order);
  HW_RETURN_IF_ERROR(pieces);
  std::vector<Ids> ids;
  for (size_t i = 0; i < pieces->parts.size(); ++i) ids.push_back(pieces->slot(i));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  const std::vector<Slot> slots(ids.begin(), ids.end());
  const std::vector<bool> there = cache_->exists(slots);
  std::vector<Slot> missing;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!there[i]) missing.push_back(slots[i]);
  }
  find_prefix();
  KeepReport report;
  RankingStatistics counts;
  count_parts(pieces->parts, passages.size(), counts);
  report.truncated_passages = counts.truncated_passages;
  size_t part = 0;
  for (size_t i = 0; i < passages.size(); ++i) {
    const auto place = static_cast<int>(i);
    if (part == pieces->parts.size() || pieces->parts[part].passage != place) report.empty.push_back(place);
    while (part < pieces->parts.size() && pieces->parts[part].passage == place) ++part;
  }
  report.kept_before = static_cast<int64_t>(pieces->parts.size() - missing.size());
  const std::span<const Slot> all(missing);
  for (size_t done = 0; done < all.size();) {
    const std::span<const Slot> now = all.subspan(done, pass_length(all.subspan(done)));
    if (prefix_ == nullptr) report.tokens_run += static_cast<int64_t>(cache_->context().prefix.size());
    auto segments = encode(now, progress);
    HW_RETURN_IF_ERROR(segments);
    for (const Slot slot : now) report.tokens_run += static_cast<int64_t>(slot.size());
    for (const Segment& segment : *segments) report.bytes += segment->bytes();
    done += now.size();
    report.encoded += static_cast<int64_t>(now.size());
    if (progress != nullptr) {
      progress->advance("passages", whole_passages(*pieces, passages.size(), all.subspan(done)),
                        static_cast<int64_t>(passages.size()));
    }
  }
  return report;
}

}  // namespace headwise
