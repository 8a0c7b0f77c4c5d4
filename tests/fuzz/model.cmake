headwise_fuzz(hf_config hf_config_fuzz.cc)
