headwise_test(base_test SOURCES base/child_process_test.cc base/execution_context_test.cc base/file_test.cc base/fingerprint_test.cc base/home_test.cc base/shown_text_test.cc
              base/threads_test.cc base/utf8_test.cc)
