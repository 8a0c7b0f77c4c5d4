headwise_test(eval_test SOURCES eval/measures_test.cc eval/measure_names_test.cc eval/middle_zone_test.cc
                                eval/significance_test.cc
              LABELS no-tsan)
