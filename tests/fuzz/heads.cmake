headwise_fuzz(head_set head_set_fuzz.cc)
headwise_fuzz(labels labels_fuzz.cc)
headwise_fuzz(router router_fuzz.cc)
