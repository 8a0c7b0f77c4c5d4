if(HEADWISE_APPS)
  headwise_test(search_test SOURCES search/terms_test.cc LIBRARIES headwise_search)
endif()
