headwise_test(config_test SOURCES model/config_families_test.cc model/config_gguf_test.cc model/config_test.cc
              LABELS no-tsan LIBRARIES nlohmann_json::nlohmann_json)
headwise_test(model_test SOURCES model/adapter_test.cc model/layer_spec_test.cc model/stored_layer_test.cc model/weights_test.cc)
