headwise_test(passages_test SOURCES passages/budget_file_test.cc passages/cold_records_test.cc passages/kept_context_test.cc passages/memory_tier_test.cc
              passages/passage_cache_test.cc passages/passage_store_test.cc passages/server_tier_test.cc)
# Not under ThreadSanitizer: its children are forks, and thousands of damaged stores take ten times as long there. Threads
# that share a store are in passages_test.
headwise_test(passages_faults_test SOURCES passages/store_damage_test.cc passages/store_faults_test.cc LABELS no-tsan)
