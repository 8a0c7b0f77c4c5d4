headwise_test(heads_test SOURCES heads/head_map_test.cc heads/head_set_test.cc heads/logistic_test.cc heads/relevance_fit_test.cc heads/reliability_test.cc)
