// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/pass_tables.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace headwise::device {

PassTables::PassTables(const DecodeRequest& request, const PassPlan& plan, const ModelConfig& config,
                       const std::vector<const SegmentOnDevice*>& given, const FreshKeys& fresh,
                       int64_t tile_rows, const AttendParts& parts)
    : plan_(plan) {
  ids_ = add(plan.ids);
  positions_ = add(plan.positions);
  add_segments(request);
  add_attend_tasks(config, tile_rows, parts);
  const int layers = static_cast<int>(plan.demands.size());
  for (int layer = 0; layer < layers; ++layer) {
    const std::vector<KeyRun> runs = runs_of(layer, request, given, fresh);
    for (const KeyRun& run : runs) key_counts_.push_back(run.count);
    // Fresh keys stand in the same place in every layer.
    runs_.push_back(layer > 0 && given.empty() ? runs_.front() : add(runs));
    const std::vector<int>& heads = plan.heads_by_layer[static_cast<size_t>(layer)];
    const bool read = !heads.empty();
    heads_.push_back(read ? add(std::vector<int32_t>(heads.begin(), heads.end())) : Array{});
    read_tasks_.push_back(read ? add(read_tasks(runs)) : Array{});
  }
}

void PassTables::add_segments(const DecodeRequest& request) {
  const std::vector<PromptSegment>& segments = request.prompt->segments;
  for (size_t s = 0; s < segments.size(); ++s) {
    const std::vector<int>& context = segments[s].context;
    views_.push_back({static_cast<int32_t>(s), static_cast<int32_t>(contexts_.size()),
                      static_cast<int32_t>(context.size()), static_cast<int32_t>(plan_.segments[s].row)});
    contexts_.insert(contexts_.end(), context.begin(), context.end());
  }
  view_array_ = add(views_);
  context_array_ = add(contexts_);
  std::vector<RowGroupView> groups;
  for (const ReadRows& group : plan_.groups) {
    groups.push_back(
        {group.segment, static_cast<int32_t>(group.first_row), static_cast<int32_t>(group.rows)});
  }
  groups_ = add(groups);
}

std::vector<KeyRun> PassTables::runs_of(int layer, const DecodeRequest& request,
                                        const std::vector<const SegmentOnDevice*>& given,
                                        const FreshKeys& fresh) const {
  std::vector<KeyRun> runs(plan_.segments.size());
  for (size_t i = 0; i < given.size(); ++i) {
    runs[static_cast<size_t>(request.given[i].segment)] = given[i]->layers[static_cast<size_t>(layer)];
  }
  const int64_t number = bytes_of(fresh.type);
  for (size_t s = 0; s < runs.size(); ++s) {
    const SegmentPlace& place = plan_.segments[s];
    KeyRun& run = runs[s];
    run.place = static_cast<int32_t>(place.place);
    if (place.given != nullptr) continue;
    run.keys = fresh.heads + (place.row * fresh.stride + fresh.keys_at) * number;
    run.values = fresh.heads + (place.row * fresh.stride + fresh.values_at) * number;
    run.stride = fresh.stride;
    run.count = static_cast<int32_t>(place.rows);
    run.first_position = static_cast<int32_t>(request.prompt->segments[s].first_position);
  }
  return runs;
}

bool PassTables::is_read(size_t segment, int64_t first_row, int64_t end_row) const {
  return std::any_of(plan_.groups.begin(), plan_.groups.end(), [&](const ReadRows& group) {
    return group.segment == static_cast<int>(segment) && group.first_row < end_row &&
           first_row < group.first_row + group.rows;
  });
}

void PassTables::add_attend_tasks(const ModelConfig& config, int64_t tile_rows, const AttendParts& parts) {
  const int64_t heads = config.heads / config.kv_heads;
  std::vector<AttendTask> all;
  std::vector<SplitRow> split;
  std::vector<SplitRow> read_split;
  for (size_t s = 0; s < plan_.segments.size(); ++s) {
    const int64_t rows = plan_.segments[s].rows * heads;
    for (int64_t first = 0; first < rows; first += tile_rows) {
      const AttendTask task{static_cast<int32_t>(s), static_cast<int32_t>(first),
                            static_cast<int32_t>(std::min(tile_rows, rows - first))};
      if (parts.runs[s].empty()) all.push_back(task);
      for (size_t p = 0; p < parts.runs[s].size(); ++p) {
        AttendTask part = task;
        std::tie(part.run_begin, part.run_end) = parts.runs[s][p];
        part.part_row =
            static_cast<int32_t>(parts.first_row[s] + static_cast<int64_t>(p) * plan_.segments[s].rows);
        all.push_back(part);
      }
    }
    for (int64_t row = 0; !parts.runs[s].empty() && row < plan_.segments[s].rows; ++row) {
      const SplitRow combined{
          static_cast<int32_t>(plan_.segments[s].row + row), static_cast<int32_t>(parts.first_row[s] + row),
          static_cast<int32_t>(plan_.segments[s].rows), static_cast<int32_t>(parts.runs[s].size())};
      split.push_back(combined);
      if (is_read(s, row, row + 1)) read_split.push_back(combined);
    }
  }
  std::reverse(all.begin(), all.end());  // rows that see most come first: the tail is short
  std::vector<AttendTask> read;
  std::copy_if(all.begin(), all.end(), std::back_inserter(read), [&](const AttendTask& task) {
    return is_read(static_cast<size_t>(task.segment), task.first / heads,
                   (task.first + task.rows - 1) / heads + 1);
  });
  all_tasks_ = add(all);
  read_rows_tasks_ = add(read);
  all_split_rows_ = add(split);
  read_split_rows_ = add(read_split);
}

std::vector<ReadTask> PassTables::read_tasks(const std::vector<KeyRun>& runs) const {
  std::vector<ReadTask> tasks;
  for (size_t g = 0; g < plan_.groups.size(); ++g) {
    const ReadRows& group = plan_.groups[g];
    if (group.rows == 0) continue;
    const SegmentView& view = views_[static_cast<size_t>(group.segment)];
    for (int32_t r = 0; r <= view.contexts; ++r) {
      const bool own = r == view.contexts;
      const int32_t seen =
          own ? view.own : contexts_[static_cast<size_t>(view.context_begin) + static_cast<size_t>(r)];
      const int64_t keys = own ? group.first_row + group.rows : runs[static_cast<size_t>(seen)].count;
      for (int64_t first = 0; first < keys; first += kTileKeys) {
        tasks.push_back({static_cast<int32_t>(g), r, static_cast<int32_t>(first),
                         static_cast<int32_t>(std::min(kTileKeys, keys - first))});
      }
    }
  }
  return tasks;
}

void PassTables::bring(Queue& queue, const Memory& host, const Memory& there) {
  there_ = &there;
  std::memcpy(host.at(), tables_.bytes().data(), tables_.bytes().size());
  queue.copy(there.at(), host.at(), tables_.bytes().size(), kToDevice);
}

KeysSeen PassTables::seen(int layer) const {
  KeysSeen seen{};
  seen.runs = at<KeyRun>(runs_[static_cast<size_t>(layer)]);
  seen.contexts = at<int32_t>(context_array_);
  seen.segments = at<SegmentView>(view_array_);
  return seen;
}

void PassTables::set_tasks(AttendArgs& args, bool read_rows_alone) const {
  const Array& tasks = read_rows_alone ? read_rows_tasks_ : all_tasks_;
  args.tasks = at<AttendTask>(tasks);
  args.task_count = tasks.count;
}

void PassTables::set_rows(CombineArgs& args, bool read_rows_alone) const {
  const Array& rows = read_rows_alone ? read_split_rows_ : all_split_rows_;
  args.rows = at<SplitRow>(rows);
  args.row_count = rows.count;
}

void PassTables::set_tasks(ReadArgs& args, int layer) const {
  const Array& tasks = read_tasks_[static_cast<size_t>(layer)];
  const Array& heads = heads_[static_cast<size_t>(layer)];
  args.groups = at<RowGroupView>(groups_);
  args.group_count = groups_.count;
  args.tasks = at<ReadTask>(tasks);
  args.task_count = tasks.count;
  args.heads = at<int32_t>(heads);
  args.head_count = heads.count;
  args.key_count = plan_.key_count;
}

std::vector<LayerKeys> PassTables::layer_keys(int layer) const {
  std::vector<LayerKeys> keys;
  for (size_t s = 0; s < plan_.segments.size(); ++s) {
    const SegmentPlace& place = plan_.segments[s];
    keys.push_back({place.place, key_counts_[static_cast<size_t>(layer) * plan_.segments.size() + s], {}});
    if (place.given != nullptr) keys.back().tokens = place.given->layer(layer).kept;
  }
  return keys;
}

}  // namespace headwise::device
