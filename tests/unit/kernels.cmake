headwise_test(kernels_test SOURCES kernels/attention_test.cc kernels/elementwise_test.cc kernels/key_tiles_test.cc kernels/linear_test.cc
              kernels/panels_test.cc kernels/reduced_test.cc kernels/rows_test.cc kernels/tables_test.cc ${PROJECT_SOURCE_DIR}/tests/support/kernel_tables.cc
              LIBRARIES headwise_kernel_support)
