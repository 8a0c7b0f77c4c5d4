// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/metrics.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace headwise::serve {
namespace {

// 0.5 ms to 2 minutes: what a passage of twenty words and a list of a thousand take.
constexpr double kSeconds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                               0.5,    1,     2.5,    5,     10,   25,    60,   120};
constexpr double kTokens[] = {64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072};
constexpr double kRequests[] = {1, 2, 4, 8, 16, 32, 64};

std::string heading(std::string_view name, std::string_view help, std::string_view type) {
  return "# HELP " + std::string(name) + " " + std::string(help) + "\n# TYPE " + std::string(name) + " " +
         std::string(type) + "\n";
}

}  // namespace

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.12g", value);
  return text.data();
}

std::string gauge_text(std::string_view name, std::string_view help, double value,
                       const std::string& labels) {
  return heading(name, help, "gauge") + std::string(name) + (labels.empty() ? "" : "{" + labels + "}") + " " +
         number_text(value) + "\n";
}

std::string counter_text(std::string_view name, std::string_view help,
                         std::span<const std::pair<std::string_view, double>> values) {
  std::string out = heading(name, help, "counter");
  for (const auto& [labels, value] : values) {
    out += std::string(name) + (labels.empty() ? "" : "{" + std::string(labels) + "}") + " " +
           number_text(value) + "\n";
  }
  return out;
}

Histogram::Histogram(std::string name, std::string help, std::span<const double> bounds)
    : name_(std::move(name)),
      help_(std::move(help)),
      bounds_(bounds.begin(), bounds.end()),
      counts_(bounds.size() + 1, 0) {}

void Histogram::observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  const std::lock_guard lock(mutex_);
  ++counts_[static_cast<size_t>(bucket)];
  sum_ += value;
}

std::string Histogram::text() const {
  const std::lock_guard lock(mutex_);
  std::string out = heading(name_, help_, "histogram");
  uint64_t so_far = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    so_far += counts_[i];
    const std::string bound = i < bounds_.size() ? number_text(bounds_[i]) : "+Inf";
    out += name_ + "_bucket{le=\"" + bound + "\"} " + std::to_string(so_far) + "\n";
  }
  return out + name_ + "_sum " + number_text(sum_) + "\n" + name_ + "_count " + std::to_string(so_far) + "\n";
}

void Counter::add(const std::string& labels, double value) {
  const std::lock_guard lock(mutex_);
  values_[labels] += value;
}

std::string Counter::text() const {
  const std::lock_guard lock(mutex_);
  std::string out = heading(name_, help_, "counter");
  if (values_.empty()) return out + name_ + " 0\n";
  for (const auto& [labels, value] : values_) {
    out += name_ + (labels.empty() ? "" : "{" + labels + "}") + " " + number_text(value) + "\n";
  }
  return out;
}

Metrics::Metrics()
    : requests("headwise_requests_total", "Requests answered, by dialect and status."),
      abandoned("headwise_abandoned_total", "Requests whose client went away before the answer."),
      documents("headwise_documents_total", "Documents of the requests that were ranked."),
      request_seconds("headwise_request_seconds", "From the end of a request's body to its answer.",
                      kSeconds),
      queue_seconds("headwise_queue_seconds", "Time that a request waited for the engine.", kSeconds),
      tokenize_seconds("headwise_tokenize_seconds", "Time that a request's texts took to become tokens.",
                       kSeconds),
      inference_seconds("headwise_inference_seconds", "Time that the model took for a request.", kSeconds),
      prompt_tokens("headwise_prompt_tokens", "Tokens of a request's prompts.", kTokens),
      tokens_run("headwise_tokens_run",
                 "Tokens of a request that went through the model: its prompts' but for passages kept from "
                 "earlier requests.",
                 kTokens),
      batch_requests("headwise_batch_requests", "Requests taken from the queue at one time.", kRequests) {}

std::string Metrics::text() const {
  return requests.text() + abandoned.text() + documents.text() + request_seconds.text() +
         queue_seconds.text() + tokenize_seconds.text() + inference_seconds.text() + prompt_tokens.text() +
         tokens_run.text() + batch_requests.text();
}

}  // namespace headwise::serve
