headwise_test(engine_test SOURCES engine/engine_test.cc engine/found_models_test.cc engine/options_test.cc engine/resolve_test.cc
              LIBRARIES nlohmann_json::nlohmann_json)

# The tiny model's adapter as if it shipped: embedded by the rule that embeds those of models/. The program's own
# embedded_adapters() takes the place of the library's, which is not linked then.
set(shipped ${CMAKE_CURRENT_BINARY_DIR}/shipped)
foreach(file adapter_config.json adapter_model.safetensors)
  configure_file(${PROJECT_SOURCE_DIR}/tests/data/adapters/lora/${file} ${shipped}/tiny/adapter/${file} COPYONLY)
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/tests/data/adapters/shipped_heads.json ${shipped}/tiny/adapter/heads.json COPYONLY)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/shipped_adapters.cc
  COMMAND ${CMAKE_COMMAND} -D MODELS=${shipped} -D OUTPUT=${CMAKE_CURRENT_BINARY_DIR}/shipped_adapters.cc -P
          ${PROJECT_SOURCE_DIR}/cmake/embed_adapters.cmake
  DEPENDS ${PROJECT_SOURCE_DIR}/cmake/embed_adapters.cmake ${shipped}/tiny/adapter/heads.json
  VERBATIM)
headwise_test(shipped_adapter_test SOURCES engine/shipped_adapter_test.cc ${CMAKE_CURRENT_BINARY_DIR}/shipped_adapters.cc)
target_compile_definitions(shipped_adapter_test PRIVATE SHIPPED_FOLDER="${shipped}/tiny/adapter")
