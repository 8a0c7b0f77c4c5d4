if(HEADWISE_APPS)
  headwise_test(search_test SOURCES search/index_test.cc search/postings_test.cc search/terms_test.cc LIBRARIES headwise_search)
endif()
