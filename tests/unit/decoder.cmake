headwise_test(decoder_test SOURCES decoder/attend_plan_test.cc decoder/kept_form_test.cc decoder/kept_image_test.cc decoder/routed_mlp_test.cc)
headwise_test(device_test SOURCES decoder/device_attention_test.cc decoder/device_rows_test.cc)
