headwise_test(tokenizer_test SOURCES tokenizer/bpe_test.cc tokenizer/chat_format_test.cc tokenizer/gguf_test.cc
                                     tokenizer/json_test.cc tokenizer/steps_test.cc tokenizer/text_test.cc
              LIBRARIES nlohmann_json::nlohmann_json)
target_include_directories(tokenizer_test SYSTEM PRIVATE ${HEADWISE_ONIGURUMA_INCLUDE} ${HEADWISE_UTF8PROC_INCLUDE})
