# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# What `cmake --install` lays down: the binary, the public headers, the library, and the files that make
# find_package(headwise CONFIG) give a target headwise::headwise.
#
# The installed library is shared, the one that the binary and the tests link is static; both are made of the same object
# files. A static library would make every user find Oniguruma, utf8proc and the rest again when they link; the
# shared one records them itself, so its users need nothing but the headers of tl::expected. The tests, in turn, call
# private functions, which the shared library does not promise to keep.
include(CMakePackageConfigHelpers)

add_library(headwise_shared SHARED $<TARGET_OBJECTS:headwise>)
target_include_directories(headwise_shared INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                     $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(headwise_shared INTERFACE cxx_std_20)
# CMake marks what a subdirectory linked with the subdirectory's scope; every library is found at the top, so the marks go.
get_target_property(parts headwise LINK_LIBRARIES)
list(FILTER parts EXCLUDE REGEX "^::@")
target_link_libraries(headwise_shared PUBLIC tl::expected PRIVATE ${parts})
# Only our own namespace is exported: nothing of a third-party library's inlined code can clash with a user's copy.
target_link_options(headwise_shared PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map)
set_target_properties(
  headwise_shared
  PROPERTIES LINKER_LANGUAGE CXX
             OUTPUT_NAME headwise
             EXPORT_NAME headwise
             VERSION ${PROJECT_VERSION}
             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
             LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
# A library outside the system's folders is still found after the install.
set_target_properties(headwise_shared headwise_cli PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/headwise)
install(TARGETS headwise_shared EXPORT headwise LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
        NAMELINK_COMPONENT dev)
install(DIRECTORY include/headwise DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev FILES_MATCHING PATTERN "*.h")
install(EXPORT headwise NAMESPACE headwise:: FILE headwise-targets.cmake DESTINATION ${config_folder}
        COMPONENT dev)
configure_package_config_file(cmake/headwise-config.cmake.in headwise-config.cmake
                              INSTALL_DESTINATION ${config_folder})
# 0.x: any minor version may change the interface.
write_basic_package_version_file(headwise-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/headwise-config.cmake ${PROJECT_BINARY_DIR}/headwise-config-version.cmake
        DESTINATION ${config_folder} COMPONENT dev)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT headwise)
