foreach(name passages qrels run)
  headwise_fuzz(${name} ${name}_fuzz.cc)
endforeach()
