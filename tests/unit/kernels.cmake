headwise_test(kernels_test SOURCES kernels/attention_test.cc kernels/elementwise_test.cc kernels/gemm_test.cc
              kernels/rows_test.cc)
