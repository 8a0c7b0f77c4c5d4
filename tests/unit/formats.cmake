headwise_test(formats_test SOURCES formats/dequantize_test.cc formats/gguf_attack_test.cc formats/gguf_test.cc
                                   formats/safetensors_test.cc)
headwise_test(config_test SOURCES model/config_gguf_test.cc model/config_test.cc LIBRARIES nlohmann_json::nlohmann_json)
