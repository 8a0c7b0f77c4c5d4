// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What the service answers besides rankings: health, the model, metrics, the page and the description of the
// interface.
#include <unistd.h>

#include <array>
#include <cstdio>

#include "serve/service.h"
#include "serve/web_files.h"

namespace headwise::serve {
namespace {

struct ContentType {
  std::string_view ending;
  const char* type;
};
constexpr std::array<ContentType, 6> kTypes{{
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".jsonl", "application/x-ndjson; charset=utf-8"},
}};

const char* type_of(std::string_view name) {
  for (const ContentType& row : kTypes) {
    if (name.ends_with(row.ending)) return row.type;
  }
  return "text/plain; charset=utf-8";
}

// A page of ours runs our scripts and asks this server, nothing else.
HttpResponse file_response(const WebFile& file) {
  HttpResponse response;
  response.content_type = type_of(file.name);
  response.body = file.text;
  response.headers = {{"Content-Security-Policy",
                       "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
                       "'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
                      {"Cache-Control", "no-cache"},
                      {"Referrer-Policy", "no-referrer"}};
  return response;
}

double resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0.0;
  long size = 0, resident = 0;
  const int read = std::fscanf(file, "%ld %ld", &size, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) : 0.0;
}

// What became of the passages that were asked about, and what is kept of them.
std::string kept_text(const KeepStatistics& kept) {
  const auto number = [](uint64_t count) { return static_cast<double>(count); };
  const std::pair<std::string_view, double> found[] = {{"result=\"hit\"", number(kept.hits)},
                                                       {"result=\"store_hit\"", number(kept.store_hits)},
                                                       {"result=\"miss\"", number(kept.misses)}};
  const std::pair<std::string_view, double> evictions[] = {{"", number(kept.evictions)}};
  const std::pair<std::string_view, double> errors[] = {{"", number(kept.store_errors)}};
  return counter_text("headwise_kept_passages_total",
                      "Passages of requests: kept in memory, kept in the store, or encoded.", found) +
         counter_text("headwise_kept_evictions_total", "Passages that gave way in memory to others.",
                      evictions) +
         counter_text("headwise_kept_store_errors_total",
                      "Times that the store did not answer, or held what it should not.", errors) +
         gauge_text("headwise_kept_passages", "Passages kept in memory.", number(kept.passages)) +
         gauge_text("headwise_kept_bytes", "Memory of the passages that are kept there.", number(kept.bytes));
}

}  // namespace

void Service::add_page_routes() {
  for (const WebFile& file : web_files()) {
    const std::string path = file.name == "index.html"  ? "/"
                             : file.name == "docs.html" ? "/docs"
                                                        : "/" + std::string(file.name);
    routes_.push_back(
        {"GET", path, true, [&file](const HttpRequest&, RequestTrace&) { return file_response(file); }});
  }
}

HttpResponse Service::health() {
  const JobQueue::Load load = queue_.load();
  const bool stopping = draining_;
  const bool lost = device_lost_;
  Json json;
  json["status"] = stopping ? "stopping" : lost ? "device lost" : "ok";
  json["model"] = engine_.card().id;
  json["version"] = options_.version;
  json["queue"] = {{"waiting", load.waiting}, {"running", load.running}, {"tokens", load.tokens}};
  HttpResponse response;
  response.status = stopping || lost ? 503 : 200;
  response.body = json_text(json);
  return response;
}

HttpResponse Service::models() {
  const ModelCard& card = engine_.card();
  Json model;
  model["id"] = card.id;
  model["object"] = "model";
  model["created"] = std::chrono::duration_cast<std::chrono::seconds>(started_.time_since_epoch()).count();
  model["owned_by"] = "headwise";
  model["fingerprint"] = card.fingerprint;
  model["backend"] = card.backend;
  model["precision"] = card.precision;
  model["context"] = card.context;
  model["layers"] = card.layers;
  model["heads_per_layer"] = card.heads_per_layer;
  model["heads"] = card.heads;
  model["encoding"] = card.encoding;
  model["calibration"] = card.calibration;
  model["head_sets"] = card.head_sets;
  model["adapters"] = card.adapters;
  model["corpus_documents"] = card.corpus_documents;
  model["max_documents"] = options_.limits.max_documents;
  Json json;
  json["object"] = "list";
  json["data"] = Json::array({std::move(model)});
  HttpResponse response;
  response.body = json_text(json);
  return response;
}

HttpResponse Service::metrics() {
  const JobQueue::Load load = queue_.load();
  const ModelCard& card = engine_.card();
  const std::string computes = "backend=\"" + card.backend + "\",precision=\"" + card.precision +
                               "\",instruction_set=\"" + card.instruction_set + "\"";
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  const auto started = std::chrono::duration<double>(started_.time_since_epoch()).count();
  response.body =
      metrics_.text() + kept_text(engine_.kept()) +
      gauge_text("headwise_model_info", "What computes scores.", 1.0, computes) +
      gauge_text("headwise_queue_requests", "Requests that wait.", static_cast<double>(load.waiting)) +
      gauge_text("headwise_running_requests", "Requests taken from the queue and not answered yet.",
                 static_cast<double>(load.running)) +
      gauge_text("headwise_queue_tokens", "Estimated tokens waiting and running.",
                 static_cast<double>(load.tokens)) +
      gauge_text("headwise_connections", "Open connections.",
                 options_.connections ? static_cast<double>(options_.connections()) : 0.0) +
      gauge_text("process_resident_memory_bytes", "Resident memory.", resident_bytes()) +
      gauge_text("process_start_time_seconds", "Start of the server, seconds since 1970.", started);
  return response;
}

}  // namespace headwise::serve
