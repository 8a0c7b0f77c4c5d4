headwise_test(report_test SOURCES report/evaluation_page_test.cc report/heads_page_test.cc
              LABELS no-tsan)
