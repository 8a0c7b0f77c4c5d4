headwise_test(formats_test SOURCES formats/dequantize_test.cc formats/gguf_attack_test.cc formats/gguf_test.cc
                                   formats/safetensors_test.cc
              LABELS no-tsan)
