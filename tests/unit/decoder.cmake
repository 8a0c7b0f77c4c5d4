headwise_test(decoder_test SOURCES decoder/kept_form_test.cc decoder/kept_image_test.cc)
