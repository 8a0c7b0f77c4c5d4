headwise_test(texts_test SOURCES texts/html_test.cc texts/markdown_test.cc texts/text_files_test.cc
              LABELS no-tsan)
