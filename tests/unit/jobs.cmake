headwise_test(jobs_test SOURCES jobs/dataset_job_test.cc jobs/journal_test.cc LIBRARIES nlohmann_json::nlohmann_json)
