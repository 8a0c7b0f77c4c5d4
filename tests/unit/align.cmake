if(HEADWISE_TRAINING)
  # Not under sanitizers: libtorch is not built with them.
  headwise_test(align_test SOURCES align/adamw_test.cc align/batch_order_test.cc align/graded_lists_test.cc align/join_test.cc align/losses_test.cc align/target_file_test.cc
                align/training_model_test.cc align/workers_test.cc LIBRARIES headwise_training LABELS no-dev no-tsan)
  # libtorch keeps two threads busy: nothing that minds time beside it.
  set_tests_properties(align_test PROPERTIES PROCESSORS 2)
endif()
