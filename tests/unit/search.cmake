if(HEADWISE_APPS)
  if(HEADWISE_SEARCH)
    headwise_test(search_test SOURCES search/terms_test.cc LIBRARIES headwise_search)
  endif()
  # What a build without Xapian has instead of an index: compiled here, so that it stays whole.
  headwise_test(search_left_out_test SOURCES search/left_out_test.cc ${PROJECT_SOURCE_DIR}/src/search/index_left_out.cc)
endif()
