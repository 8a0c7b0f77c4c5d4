// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: counters and histograms in Prometheus' text format (version 0.0.4).
//
// Thread rule: all members from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headwise::serve {

class Histogram {
 public:
  // Upper bounds, ascending; a last one, +Inf, is added.
  Histogram(std::string name, std::string help, std::span<const double> bounds);
  void observe(double value);
  std::string text() const;

 private:
  const std::string name_;
  const std::string help_;
  const std::vector<double> bounds_;
  mutable std::mutex mutex_;
  std::vector<uint64_t> counts_;  // one a bucket, not summed up
  double sum_ = 0.0;
};

// One number for each set of labels.
class Counter {
 public:
  Counter(std::string name, std::string help) : name_(std::move(name)), help_(std::move(help)) {}
  // `labels` is what stands between the braces: dialect="cohere",status="200". Never text from a client.
  void add(const std::string& labels = "", double value = 1.0);
  std::string text() const;

 private:
  const std::string name_;
  const std::string help_;
  mutable std::mutex mutex_;
  std::map<std::string, double> values_;
};

// A gauge that is asked for when it is shown; `labels` as Counter::add has them.
std::string gauge_text(std::string_view name, std::string_view help, double value,
                       const std::string& labels = "");
// A counter that somebody else counts; `values` by what stands between the braces, "" for none.
std::string counter_text(std::string_view name, std::string_view help,
                         std::span<const std::pair<std::string_view, double>> values);
std::string number_text(double value);

struct Metrics {
  Metrics();
  Counter requests;
  Counter abandoned;
  Counter documents;
  Histogram request_seconds;
  Histogram queue_seconds;
  Histogram tokenize_seconds;
  Histogram inference_seconds;
  Histogram prompt_tokens;
  Histogram tokens_run;
  Histogram batch_requests;

  std::string text() const;
};

}  // namespace headwise::serve
