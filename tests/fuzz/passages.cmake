headwise_fuzz(kept_record kept_record_fuzz.cc)
