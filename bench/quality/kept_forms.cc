// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a data set's scores with its passages kept in one form after another, for
// docs/evaluation.md#kept-passages: each query's passages are encoded once. Writes a line of JSON a query to
// OUTPUT once all are done; until then they stand in OUTPUT.partial, and the same command goes on from there.
// bench/quality/kept_forms_table.py starts it and makes the table.
//
//   headwise_kept_forms --dataset DIR --run FILE --output FILE [--depth N] [--skip N] [--queries N]
//       [--max-words N] [--adapter NAME] [--threads N] [--budget-file FILE] FORM ...
//
// FORM is a type and, behind a colon, a budget: fp32, int8, "fp32:1/4,tokens=norm", "int8:1,split=join:13".
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "headwise/engine.h"
#include "jobs/dataset_job.h"
#include "jobs/job_header.h"
#include "passages/budget_file.h"
#include "rerank/form_reader.h"

namespace {

using namespace headwise;  // NOLINT(google-build-using-namespace): a program of its own, not a header

struct NamedForm {
  std::string name;
  KeptForm form;
};

[[noreturn]] void stop(const Error& error) {
  std::fprintf(stderr, "headwise_kept_forms: %s\n", error.to_string().c_str());
  std::exit(exit_status(error.code()));
}

template <typename T>
T value_or_exit(Result<T> result) {
  if (!result) stop(result.error());
  return std::move(*result);
}

KeptForm read_form(const std::string& text, const std::string& budget_file, const Engine& engine,
                   int layers) {
  const size_t colon = text.find(':');
  KeepOptions options;
  options.type = value_or_exit(parse_kept_type(std::string_view(text).substr(0, colon)));
  if (colon != std::string::npos) options.budget = value_or_exit(parse_keep_budget(text.substr(colon + 1)));
  if (options.budget.split == BudgetSplit::kDepth) options.budget.file = budget_file;
  return value_or_exit(keep_form_of(options, engine.model->fingerprint(), layers));
}

struct Shown : ProgressSink {
  void advance(std::string_view what, int64_t done, int64_t total) override {
    std::fprintf(stderr, "%lld/%lld %.*s\n", static_cast<long long>(done), static_cast<long long>(total),
                 static_cast<int>(what.size()), what.data());
  }
  bool stop_requested() const override { return false; }
};

Result<std::string> read_query(FormReader& reader, const std::vector<NamedForm>& forms,
                               const DatasetRequest& request, ProgressSink* sink) {
  HW_RETURN_IF_ERROR(reader.encode(request.query, request.passages, sink));
  Json record{{"query", request.id}, {"candidates", Json::array()}, {"forms", Json::object()}};
  for (const Passage& passage : request.passages) record["candidates"].push_back(passage.id);
  for (const auto& [name, form] : forms) {
    const auto scores = reader.scores(form, sink);
    HW_RETURN_IF_ERROR(scores);
    record["forms"][name] = {{"bytes", reader.bytes() / request.passages.size()}, {"scores", *scores}};
  }
  return record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags{
      {"depth", "40"},  {"skip", "0"},   {"queries", "0"}, {"max-words", "80"}, {"adapter", "default"},
      {"threads", "0"}, {"dataset", ""}, {"run", ""},      {"budget-file", ""}, {"output", ""}};
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      names.push_back(word);
    } else if (flags.contains(word.substr(2)) && i + 1 < argc) {
      flags[word.substr(2)] = argv[++i];
    } else {
      stop(Error(ErrorCode::kUsage, "unknown flag " + word + ", or its value is missing"));
    }
  }
  if (names.empty() || flags["output"].empty())
    stop(Error(ErrorCode::kUsage, "--output FILE and FORM ... are missing"));
  DatasetChoice choice;
  choice.dataset = flags["dataset"];
  choice.run = flags["run"];
  choice.depth = std::stoi(flags["depth"]);
  choice.skip = std::stoi(flags["skip"]);
  choice.queries = std::stoi(flags["queries"]);
  EngineSettings settings;
  settings.adapter = flags["adapter"];
  settings.max_words = std::stoi(flags["max-words"]);
  settings.threads = std::stoi(flags["threads"]);
  DatasetWork work = value_or_exit(gather_work(choice));
  const Engine engine = value_or_exit(load_engine(settings));
  FormReader reader = value_or_exit(FormReader::create(engine.model, engine.reranker.options(), true));
  std::vector<NamedForm> forms;
  Json header = job_header(engine, "kept forms", work, &choice);
  for (const std::string& name : names) {
    forms.push_back({name, read_form(name, flags["budget-file"], engine, reader.layers())});
    header["forms"][name] = forms.back().form.shares;
  }
  DatasetJob job =
      value_or_exit(DatasetJob::open(std::move(work), flags["output"] + ".partial", header, false));
  Shown shown;
  const auto answer = [&](const DatasetRequest& request, ProgressSink* sink) {
    return read_query(reader, forms, request, sink);
  };
  if (const Status done = job.run(answer, &shown); !done) stop(done.error());
  if (const Status written = write_file_atomically(flags["output"], job.joined()); !written) {
    stop(written.error());
  }
  job.close();
  return 0;
}
