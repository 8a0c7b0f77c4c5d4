// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as the body of a request, at every path: an error, or a request whose texts are UTF-8 and whose
// number of documents is within bounds; and an answer to it that is JSON again.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "serve/dialects.h"

namespace {

using headwise::serve::RerankRequest;

constexpr headwise::serve::RequestLimits kLimits{.max_documents = 50, .max_queries = 10};

void require(bool true_statement) {
  if (!true_statement) std::abort();
}

void check_request(const RerankRequest& request) {
  size_t documents = 0;
  require(!request.queries.empty() && request.top_n >= 0);
  for (const headwise::serve::RerankQuery& query : request.queries) {
    require(!query.text.empty() && query.passages.empty() == (request.search_depth > 0));
    require(!headwise::first_invalid_utf8(query.text));
    for (const headwise::Passage& passage : query.passages) {
      require(!headwise::first_invalid_utf8(passage.text) && !headwise::first_invalid_utf8(passage.title));
    }
    documents += query.passages.size();
  }
  require(documents <= kLimits.max_documents);
}

headwise::serve::RerankAnswer some_answer(const RerankRequest& request) {
  headwise::serve::RerankAnswer answer;
  for (const headwise::serve::RerankQuery& query : request.queries) {
    headwise::serve::QueryAnswer one;
    for (size_t i = query.passages.size(); i > 0; --i) {
      one.results.push_back(
          {.index = static_cast<int>(i - 1), .score = static_cast<double>(i), .relevance = 0.5});
    }
    one.heads = {{0, 0}};
    answer.queries.push_back(std::move(one));
  }
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto body = headwise::serve::parse_body({reinterpret_cast<const char*>(data), size});
  if (!body) return 0;
  std::set<std::string_view> paths;
  for (const headwise::serve::Dialect& dialect : headwise::serve::dialects()) {
    paths.insert(dialect.paths.begin(), dialect.paths.end());
  }
  for (std::string_view path : paths) {
    const headwise::serve::Dialect* dialect = headwise::serve::find_dialect(path, *body);
    require(dialect != nullptr);
    const auto request = dialect->parse(*body, kLimits);
    if (!request) {
      require(!request.error().message().empty());
      dialect->error(headwise::serve::failure_of(request.error()), request.error().message());
      continue;
    }
    check_request(*request);
    const headwise::serve::Json shown =
        dialect->render(*request, some_answer(*request), {.id = "1", .model = "m"});
    require(headwise::serve::parse_body(headwise::serve::json_text(shown)).has_value());
  }
  return 0;
}
