headwise_test(route_test SOURCES route/labels_test.cc route/router_math_test.cc route/routing_test.cc)
