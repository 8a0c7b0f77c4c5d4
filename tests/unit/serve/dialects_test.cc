// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/dialects.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

namespace headwise::serve {
namespace {

const RequestLimits kLimits{.max_documents = 4, .max_queries = 3};

// The dialect of a body at a path, and what it makes of it.
struct Heard {
  std::string dialect;
  Result<RerankRequest> request;
};
Heard hear(const char* path, const char* body) {
  const auto json = parse_body(body);
  EXPECT_TRUE(json) << body;
  const Dialect* dialect = find_dialect(path, *json);
  return {dialect->name, dialect->parse(*json, kLimits)};
}

RerankAnswer answer_of(std::vector<ScoredPassage> results) {
  RerankAnswer answer;
  answer.queries.push_back(
      {.results = std::move(results), .heads = {{1, 2}}, .statistics = {}, .explanation = {}});
  answer.queries.front().statistics.prompt_tokens = 7;
  return answer;
}

TEST(Dialects, AreToldApartByPathThenBody) {
  const struct {
    const char* path;
    const char* body;
    const char* dialect;
  } rows[] = {
      {"/v2/rerank", R"({"query": "q", "documents": ["a"], "texts": ["b"]})", "cohere"},
      {"/v1/rerank", R"({"query": "q", "documents": ["a"]})", "jina"},
      {"/rerank", R"({"query": "q", "documents": ["a"], "top_n": 3})", "jina"},
      {"/rerank", R"({"query": "q", "texts": ["a"]})", "tei"},
      {"/rerank", R"({"query": "q", "texts": ["a"], "top_k": 1})", "tei"},
      {"/rerank", R"({"query": "q", "documents": ["a"], "top_k": 2})", "voyage"},
      {"/v1/rerank", R"({"query": "q", "documents": ["a"], "truncation": true})", "voyage"},
      {"/v1/rerank", R"({"query": "q", "documents": ["a"], "truncation": false, "top_k": null})", "voyage"},
      {"/reranking", R"({"query": "q", "documents": ["a"], "top_k": 1})", "jina"},
      {"/score", R"({"text_1": "q", "text_2": "a"})", "score"},
      {"/v1/headwise/rerank", R"({"query": "q", "documents": ["a"], "texts": []})", "headwise"},
  };
  for (const auto& row : rows) {
    const Heard heard = hear(row.path, row.body);
    EXPECT_EQ(heard.dialect, row.dialect) << row.path << " " << row.body;
    EXPECT_TRUE(heard.request) << row.body;
  }
  EXPECT_EQ(find_dialect("/nowhere", ParsedJson::object()), nullptr);
  EXPECT_TRUE(is_dialect_path("/v1/score"));
  EXPECT_FALSE(is_dialect_path("/health"));
}

// A member that is null is absent, and one that another dialect owns does not outweigh `documents` and
// `top_n`.
TEST(Dialects, NothingThatIsAbsentPicksOne) {
  const struct {
    const char* body;
    const char* dialect;
    int64_t top_n;
  } rows[] = {
      {R"({"query": "q", "documents": ["a", "b"], "texts": null})", "jina", 0},
      {R"({"query": "q", "documents": ["a", "b"], "texts": true, "top_n": 3})", "jina", 3},
      {R"({"query": "q", "documents": ["a", "b"], "texts": "c", "top_n": 3})", "jina", 3},
      {R"({"query": "q", "documents": ["a", "b"], "top_n": 1, "top_k": null})", "jina", 1},
      {R"({"query": "q", "documents": ["a", "b"], "top_n": 1, "truncation": true})", "jina", 1},
      {R"({"query": "q", "documents": ["a", "b"], "top_n": 1, "top_k": 2})", "jina", 1},
      {R"({"query": "q", "documents": ["a", "b"], "top_k": null, "truncation": null})", "jina", 0},
      {R"({"query": "q", "documents": ["a", "b"], "top_n": null, "top_k": 2})", "voyage", 2},
      {R"({"query": "q", "documents": null, "texts": ["a"], "top_n": null})", "tei", 0},
  };
  for (const auto& row : rows) {
    const Heard heard = hear("/v1/rerank", row.body);
    EXPECT_EQ(heard.dialect, row.dialect) << row.body;
    ASSERT_TRUE(heard.request) << row.body;
    EXPECT_EQ(heard.request->top_n, row.top_n) << row.body;
  }
}

TEST(Dialects, EveryPathTakesEveryBody) {
  for (const Dialect& dialect : dialects()) {
    for (const char* path : dialect.paths) {
      for (const char* body : {"[]", "null", "3", "\"x\"", "{}", R"({"texts": 1, "top_k": 2})"}) {
        const Heard heard = hear(path, body);
        ASSERT_FALSE(heard.request) << path << " " << body;
        EXPECT_FALSE(heard.request.error().message().empty());
      }
    }
  }
}

TEST(Dialects, ReadFields) {
  auto heard =
      hear("/v2/rerank",
           R"({"model": "m", "query": "q", "top_n": 2.0, "max_tokens_per_doc": 9, "score_scale": "minmax",
    "documents": ["a", {"text": "b", "title": "t", "id": 7}, {"text": "c", "id": "x", "score": 1.5}], "unknown": [1]})");
  ASSERT_TRUE(heard.request) << heard.request.error().message();
  const RerankRequest& request = *heard.request;
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.top_n, 2);
  EXPECT_EQ(request.score, ScoreKind::kMinmax);
  EXPECT_EQ(request.settings, (RequestSettings{{"long", "cut"}, {"max-tokens", "9"}}));
  ASSERT_EQ(request.queries.size(), 1U);
  const std::vector<Passage>& passages = request.queries[0].passages;
  ASSERT_EQ(passages.size(), 3U);
  EXPECT_EQ(passages[0].id, "1");
  EXPECT_EQ(passages[1].id, "7");
  EXPECT_EQ(passages[1].title, "t");
  EXPECT_EQ(passages[2].id, "x");
  EXPECT_EQ(passages[2].first_stage_score, 1.5);
}

TEST(Dialects, NullIsAbsentAndHugeIsAll) {
  auto heard =
      hear("/v1/rerank",
           R"({"query": "q", "documents": ["a"], "top_n": null, "return_documents": null, "model": null})");
  ASSERT_TRUE(heard.request);
  EXPECT_EQ(heard.request->top_n, 0);
  for (const char* huge : {"2147483648", "18446744073709551615", "1e30"}) {
    heard = hear("/v1/rerank",
                 (R"({"query": "q", "documents": ["a"], "top_n": )" + std::string(huge) + "}").c_str());
    ASSERT_TRUE(heard.request) << huge;
    EXPECT_EQ(heard.request->top_n, std::numeric_limits<int32_t>::max());
  }
}

TEST(Dialects, LimitsAreResourceLimits) {
  const auto many = hear("/v1/rerank", R"({"query": "q", "documents": ["a", "b", "c", "d", "e"]})");
  ASSERT_FALSE(many.request);
  EXPECT_EQ(many.request.error().code(), ErrorCode::kResourceLimit);
  EXPECT_NE(many.request.error().message().find("--max-documents"), std::string::npos);
  // Over all queries of a request.
  const auto spread =
      hear("/v1/headwise/rerank", R"({"queries": [{"query": "q", "documents": ["a", "b", "c"]},
                                                                  {"query": "q", "documents": ["a", "b"]}]})");
  ASSERT_FALSE(spread.request);
  EXPECT_EQ(spread.request.error().code(), ErrorCode::kResourceLimit);
}

TEST(Dialects, OwnSettingsAreFlags) {
  auto heard =
      hear("/v1/headwise/rerank",
           R"({"query": "q", "documents": ["a"], "heads": "8..11", "encoding": "list", "max_words": 0,
    "calibration": "na", "token_filter": "none", "rows": "query", "order": "shuffled", "seed": 3, "fuse": 0.25, "filter_after_sum": true,
    "explain": {"per_head": 999}})");
  ASSERT_TRUE(heard.request) << heard.request.error().message();
  EXPECT_EQ(heard.request->settings, (RequestSettings{{"heads", "8..11"},
                                                      {"encoding", "list"},
                                                      {"max-words", "0"},
                                                      {"calibration", "na"},
                                                      {"token-filter", "none"},
                                                      {"rows", "query"},
                                                      {"order", "shuffled"},
                                                      {"seed", "3"},
                                                      {"fuse", "0.25"},
                                                      {"filter-after-sum", "true"}}));
  ASSERT_TRUE(heard.request->explain);
  EXPECT_EQ(heard.request->explain->per_head, 64);
  heard = hear("/v1/headwise/rerank", R"({"query": "q", "documents": ["a"], "explain": false})");
  EXPECT_FALSE(heard.request->explain);
}

TEST(Dialects, ScoresPairsUnderEveryName) {
  for (const char* body : {
           R"({"text_1": "q", "text_2": ["a", "b"]})",
           R"({"queries": "q", "documents": ["a", "b"]})",
           R"({"queries": ["q"], "items": ["a", "b"]})",
           R"({"data_1": "q", "data_2": ["a", "b"]})",
           R"({"text_1": null, "queries": "q", "text_2": null, "documents": ["a", "b"]})",
           R"({"query": {"text": "q"}, "documents": [{"content": "a"}, "b"]})",
           R"({"data_1": {"content": [{"type": "text", "text": "q"}]}, "items": ["a", "b"]})",
       }) {
    const auto one = hear("/score", body);
    ASSERT_TRUE(one.request) << body << one.request.error().message();
    ASSERT_EQ(one.request->queries.size(), 1U) << body;
    EXPECT_EQ(one.request->queries[0].text, "q");
    ASSERT_EQ(one.request->queries[0].passages.size(), 2U) << body;
    EXPECT_EQ(one.request->queries[0].passages[0].text, "a");
  }
  const auto pairs = hear("/score", R"({"queries": ["q", "r"], "documents": ["a", "b"]})");
  ASSERT_EQ(pairs.request->queries.size(), 2U);
  EXPECT_EQ(pairs.request->queries[1].text, "r");
  EXPECT_EQ(pairs.request->queries[1].passages[0].text, "b");
  const auto blank = hear("/score", R"({"queries": ["q", " "], "documents": ["a", "b"]})");
  ASSERT_FALSE(blank.request);
  EXPECT_EQ(blank.request.error().message(), "\"queries[1]\" is empty");
}

// Wherever a dialect of others has a place for it.
TEST(Dialects, TokenLimitsAreObeyed) {
  const struct {
    const char* path;
    const char* body;
    const char* tokens;
  } rows[] = {
      {"/v2/rerank", R"({"query": "q", "documents": ["a"], "max_tokens_per_doc": 7})", "7"},
      {"/v2/rerank", R"({"query": "q", "documents": ["a"], "max_tokens_per_doc": "7"})", "7"},
      {"/v1/rerank", R"({"query": "q", "documents": ["a"], "max_tokens_per_doc": 7})", "7"},
      {"/v1/rerank", R"({"query": "q", "documents": ["a"], "truncate_prompt_tokens": 9})", "9"},
      {"/rerank",
       R"({"query": "q", "documents": ["a"], "max_tokens_per_doc": 7, "truncate_prompt_tokens": 5})", "5"},
      {"/rerank",
       R"({"query": "q", "documents": ["a"], "max_tokens_per_doc": 7, "truncate_prompt_tokens": -1})", "7"},
      {"/score", R"({"text_1": "q", "text_2": "a", "max_tokens_per_doc": 8.0})", "8"},
      {"/score", R"({"text_1": "q", "text_2": "a", "truncate_prompt_tokens": 8})", "8"},
      {"/v1/headwise/rerank", R"({"query": "q", "documents": ["a"], "max_tokens_per_doc": 6})", "6"},
      {"/rerank", R"({"query": "q", "documents": ["a"], "max_tokens_per_doc": 0})", ""},
      {"/score", R"({"text_1": "q", "text_2": "a", "truncate_prompt_tokens": -1})", ""},
  };
  for (const auto& row : rows) {
    const Heard heard = hear(row.path, row.body);
    ASSERT_TRUE(heard.request) << row.path << row.body << heard.request.error().message();
    RequestSettings wanted;
    if (*row.tokens != '\0') wanted["max-tokens"] = row.tokens;
    // The own dialect says for itself what becomes of the rest.
    if (*row.tokens != '\0' && heard.dialect != "headwise") wanted["long"] = "cut";
    EXPECT_EQ(heard.request->settings, wanted) << row.path << row.body;
  }
  EXPECT_FALSE(hear("/v2/rerank", R"({"query": "q", "documents": ["a"], "max_tokens_per_doc": 0})").request);
  EXPECT_FALSE(
      hear("/v1/rerank", R"({"query": "q", "documents": ["a"], "truncate_prompt_tokens": -2})").request);
}

TEST(Dialects, SayWhoRefusesACut) {
  const struct {
    const char* body;
    std::optional<Failure> failure;
  } rows[] = {
      {R"({"query": "q", "texts": ["a"], "truncate": false})", Failure::kContextExceeded},
      {R"({"query": "q", "texts": ["a"], "truncate": "False"})", Failure::kContextExceeded},
      {R"({"query": "q", "texts": ["a"], "truncate": true})", std::nullopt},
      {R"({"query": "q", "texts": ["a"], "truncate": null})", std::nullopt},
      {R"({"query": "q", "texts": ["a"], "truncation_direction": "Right"})", std::nullopt},
      {R"({"query": "q", "texts": ["a"], "truncation_direction": "Left"})", Failure::kContextExceeded},
      {R"({"query": "q", "documents": ["a"], "truncation_side": "left"})", Failure::kInvalidRequest},
      {R"({"query": "q", "documents": ["a"], "truncation_side": "right"})", std::nullopt},
      {R"({"query": "q", "documents": ["a"], "truncation": false})", Failure::kInvalidRequest},
      {R"({"query": "q", "documents": ["a"], "truncation": true})", std::nullopt},
  };
  for (const auto& row : rows) {
    const Heard heard = hear("/rerank", row.body);
    ASSERT_TRUE(heard.request) << row.body << heard.request.error().message();
    const auto& refusal = heard.request->refuses_cut;
    EXPECT_EQ(refusal ? std::optional(refusal->failure) : std::nullopt, row.failure) << row.body;
  }
  EXPECT_FALSE(hear("/rerank", R"({"query": "q", "texts": ["a"], "truncation_direction": "Up"})").request);
}

TEST(Dialects, TakeAnInstructionWhereverItStands) {
  const struct {
    const char* path;
    const char* body;
  } rows[] = {
      {"/v1/rerank", R"({"query": "q", "documents": ["a"], "instruction": "find"})"},
      {"/v2/rerank", R"({"query": "q", "documents": ["a"], "instruct": "find"})"},
      {"/rerank", R"({"query": "q", "texts": ["a"], "instruction": "find"})"},
      {"/score", R"({"queries": "q", "items": ["a"], "chat_template_kwargs": {"instruction": "find"}})"},
      {"/v1/rerank",
       R"({"query": "q", "documents": ["a"], "instruction": "x", "chat_template_kwargs": {"instruction": "find"}})"},
      {"/v1/headwise/rerank", R"({"query": "q", "documents": ["a"], "instruction": "find"})"},
      {"/v1/headwise/search", R"({"query": "q", "instruction": "find"})"},
  };
  for (const auto& row : rows) {
    const Heard heard = hear(row.path, row.body);
    ASSERT_TRUE(heard.request) << row.body << heard.request.error().message();
    EXPECT_EQ(heard.request->instruction, "find") << row.body;
  }
  EXPECT_FALSE(hear("/v1/rerank", R"({"query": "q", "documents": ["a"], "instruction": 3})").request);
  const auto each = hear("/v1/headwise/rerank",
                         R"({"instruction": "all", "queries": [{"query": "q", "documents": ["a"]},
                             {"query": "q", "documents": ["a"], "instruction": "one"}]})");
  ASSERT_TRUE(each.request);
  EXPECT_EQ(each.request->instruction, "all");
  EXPECT_EQ(each.request->queries[0].instruction, "");
  EXPECT_EQ(each.request->queries[1].instruction, "one");
}

TEST(Dialects, RawScoresOfTeiAreRaw) {
  EXPECT_EQ(hear("/rerank", R"({"query": "q", "texts": ["a"], "raw_scores": true})").request->score,
            ScoreKind::kRaw);
  EXPECT_EQ(hear("/rerank", R"({"query": "q", "texts": ["a"], "raw_scores": "false"})").request->score,
            std::nullopt);
  EXPECT_EQ(hear("/rerank", R"({"query": "q", "texts": ["a"], "raw_scores": true, "score_scale": "softmax"})")
                .request->score,
            ScoreKind::kSoftmax);
}

TEST(Scores, KeepOrderAndSum) {
  RerankRequest request;
  const QueryAnswer answer = answer_of({{2, 3.0}, {0, 1.0}, {1, -1.0}}).queries.front();
  EXPECT_EQ(shown_results(request, answer)[1].score, 1.0);
  request.score = ScoreKind::kSoftmax;
  auto shown = shown_results(request, answer);
  EXPECT_NEAR(shown[0].score + shown[1].score + shown[2].score, 1.0, 1e-15);
  EXPECT_NEAR(shown[1].score / shown[0].score, std::exp(-2.0), 1e-15);
  request.score = ScoreKind::kMinmax;
  request.top_n = 2;
  shown = shown_results(request, answer);
  ASSERT_EQ(shown.size(), 2U);
  EXPECT_EQ(shown[0].score, 1.0);
  EXPECT_EQ(shown[1].score, 0.5);
}

TEST(Bodies, SayWhatIsWrong) {
  for (const char* body : {"", "{", "nonsense", "{\"a\": \"\xff\"}", R"({"a": "\ud800"})", R"({"a": NaN})"}) {
    const auto parsed = parse_body(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_NE(parsed.error().message().find("not JSON"), std::string::npos);
    EXPECT_LT(parsed.error().message().size(), 300U);
  }
  EXPECT_FALSE(parse_body(std::string(100000, '[')));
  EXPECT_TRUE(parse_body(std::string(16, '[') + std::string(16, ']')));
  EXPECT_FALSE(parse_body(std::string(17, '[') + std::string(17, ']')));
}

TEST(Answers, HaveTheShapeOfTheirDialect) {
  const AnswerContext context{.id = "id1", .model = "m", .created = 5};
  const RerankAnswer answer = answer_of({{1, 2.0}, {0, 1.0}});
  const auto render = [&](const char* path, const char* body) {
    const auto json = parse_body(body);
    const Dialect* dialect = find_dialect(path, *json);
    return json_text(dialect->render(*dialect->parse(*json, kLimits), answer, context));
  };
  EXPECT_EQ(render("/rerank", R"({"query": "q", "texts": ["a", "b"], "return_text": true})"),
            R"([{"index":1,"score":2.0,"text":"b"},{"index":0,"score":1.0,"text":"a"}])");
  EXPECT_EQ(
      render("/rerank", R"({"query": "q", "documents": ["a", "b"], "top_k": 1, "return_documents": true})"),
      R"({"object":"list","data":[{"index":1,"relevance_score":2.0,"document":"b"}],"model":"m",)"
      R"("score_scale":"raw","usage":{"total_tokens":7}})");
  EXPECT_EQ(
      render("/v1/score", R"({"text_1": "q", "text_2": ["a", "b"]})"),
      R"({"id":"id1","object":"list","created":5,"model":"m","data":[{"index":0,"object":"score","score":1.0},)"
      R"({"index":1,"object":"score","score":2.0}],"score_scale":"raw","usage":{"prompt_tokens":7,"total_tokens":7}})");
  const std::string jina =
      render("/v1/rerank", R"({"query": "q", "documents": ["a", "b"], "return_documents": true})");
  EXPECT_NE(jina.find(R"("results":[{"index":1,"relevance_score":2.0,"document":{"text":"b"}})"),
            std::string::npos)
      << jina;
}

TEST(Errors, HaveOneTable) {
  EXPECT_EQ(error_body(Failure::kOverloaded, "m"),
            R"({"message":"m","error":{"code":429,"message":"m","type":"overloaded_error"}})");
  EXPECT_EQ(tei_error_body(Failure::kInvalidRequest, "m"), R"({"error":"m","error_type":"Validation"})");
  EXPECT_EQ(failure_of(Error(ErrorCode::kResourceLimit, "")), Failure::kContextExceeded);
  EXPECT_EQ(failure_of(Error(ErrorCode::kNotFound, "")), Failure::kInvalidRequest);
  EXPECT_EQ(failure_of_status(413), Failure::kBodyTooLarge);
  EXPECT_EQ(failure_of_status(418), Failure::kInvalidRequest);
  EXPECT_EQ(failure_of_status(502), Failure::kServer);
}

}  // namespace
}  // namespace headwise::serve
