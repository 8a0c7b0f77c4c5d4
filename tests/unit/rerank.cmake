headwise_test(rerank_test SOURCES rerank/attribution_test.cc rerank/final_scores_test.cc rerank/fusion_test.cc
                                  rerank/head_selection_test.cc rerank/instruction_test.cc rerank/passage_parts_test.cc
                                  rerank/passage_text_test.cc rerank/prompt_test.cc rerank/relevance_test.cc
                                  rerank/score_kind_test.cc rerank/scoring_test.cc rerank/text_windows_test.cc
                                  rerank/token_memory_test.cc
              LIBRARIES nlohmann_json::nlohmann_json)
