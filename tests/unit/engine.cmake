headwise_test(engine_test SOURCES engine/engine_test.cc engine/journal_test.cc LIBRARIES nlohmann_json::nlohmann_json)
