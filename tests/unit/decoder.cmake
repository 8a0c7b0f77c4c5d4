headwise_test(decoder_test SOURCES decoder/kept_image_test.cc)
