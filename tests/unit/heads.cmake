headwise_test(heads_test SOURCES heads/head_set_test.cc)
