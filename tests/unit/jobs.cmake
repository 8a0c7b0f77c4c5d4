headwise_test(jobs_test SOURCES jobs/journal_test.cc LIBRARIES nlohmann_json::nlohmann_json)
