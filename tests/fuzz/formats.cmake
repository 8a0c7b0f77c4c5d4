headwise_fuzz(gguf gguf_fuzz.cc)
headwise_fuzz(safetensors safetensors_fuzz.cc)
headwise_fuzz(safetensors_index safetensors_index_fuzz.cc)
headwise_fuzz(texts texts_fuzz.cc)
