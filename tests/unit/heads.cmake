headwise_test(heads_test SOURCES heads/head_map_test.cc heads/head_set_test.cc)
