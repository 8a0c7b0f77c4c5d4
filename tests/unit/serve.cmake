headwise_test(serve_test SOURCES serve/dialects_test.cc serve/job_queue_test.cc serve/metrics_test.cc serve/openapi_test.cc serve/readers_test.cc serve/service_test.cc
                                 serve/token_estimate_test.cc serve/transport_test.cc
              LIBRARIES headwise_serve)
