headwise_fuzz(keep_budget keep_budget_fuzz.cc)
headwise_fuzz(kept_record kept_record_fuzz.cc)
