headwise_fuzz(hf_config hf_config_fuzz.cc)
headwise_fuzz(adapter adapter_fuzz.cc)
