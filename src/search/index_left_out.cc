// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The index in a build without Xapian (HEADWISE_SEARCH=OFF): there never is one.
#include <utility>

#include "search/index.h"

namespace headwise {

struct SearchIndex::State {
  std::filesystem::path file;
};

namespace {

tl::unexpected<Error> left_out() {
  return fail(
      ErrorCode::kUnsupported,
      "this build of headwise has no search (HEADWISE_SEARCH=OFF); rerank candidates that another search "
      "engine found, or build with libxapian-dev");
}

}  // namespace

Result<SearchIndex> SearchIndex::open(const SearchPlace&, ProgressSink*) { return left_out(); }
SearchIndex::SearchIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}
SearchIndex::SearchIndex(SearchIndex&&) noexcept = default;
SearchIndex& SearchIndex::operator=(SearchIndex&&) noexcept = default;
SearchIndex::~SearchIndex() = default;
Result<std::vector<SearchHit>> SearchIndex::search(std::string_view, int) { return left_out(); }
Result<std::vector<Passage>> SearchIndex::candidates(std::string_view, int) { return left_out(); }
int64_t SearchIndex::documents() const { return 0; }
const std::filesystem::path& SearchIndex::file() const { return state_->file; }
bool SearchIndex::built_now() const { return false; }

}  // namespace headwise
