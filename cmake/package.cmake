# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Debian packages out of what install.cmake lays down: `cpack --config build/release/CPackConfig.cmake` writes headwise (the
# binary, the server as a systemd unit, the script that fetches the default model), headwise-dev (library, headers, CMake
# files) and, where libtorch was found, headwise-align.
install(FILES packaging/headwise.service DESTINATION lib/systemd/system COMPONENT headwise)
# A link in bin/ beside the program leads to the script, which finds its other half beside itself.
install(PROGRAMS scripts/fetch_model.py DESTINATION ${CMAKE_INSTALL_DATADIR}/headwise COMPONENT headwise)
install(FILES scripts/package_index.py DESTINATION ${CMAKE_INSTALL_DATADIR}/headwise COMPONENT headwise)
file(CREATE_LINK ../share/headwise/fetch_model.py ${PROJECT_BINARY_DIR}/headwise-fetch-model SYMBOLIC)
install(FILES ${PROJECT_BINARY_DIR}/headwise-fetch-model DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT headwise)
install(FILES packaging/copyright packaging/licences.tsv DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT headwise)

# The licences of what is compiled in; what is linked comes from packages with their own.
file(STRINGS packaging/licences.tsv compiled_in REGEX "^[^#].*\t-\t[^:]+$")
foreach(row IN LISTS compiled_in)
  string(REGEX REPLACE "^.*\t" "" package "${row}")
  if(EXISTS /usr/share/doc/${package}/copyright)
    install(FILES /usr/share/doc/${package}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR}/licences RENAME ${package}
            COMPONENT headwise)
  endif()
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL headwise dev)
if(HEADWISE_TRAINING)
  list(APPEND CPACK_COMPONENTS_ALL align)
endif()
set(CPACK_PACKAGE_NAME headwise)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "headwise contributors <headwise@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_HEADWISE_PACKAGE_NAME headwise)
set(CPACK_DEBIAN_HEADWISE_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_HEADWISE_PACKAGE_RECOMMENDS "python3, ca-certificates")
set(CPACK_COMPONENT_HEADWISE_DESCRIPTION "re-rank passages by a language model's attention heads
 Command line and HTTP server that order passages for a question by what the
 attention heads of a decoder language model look at. Nothing is generated.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME headwise-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS libexpected-dev)
set(CPACK_COMPONENT_DEV_DESCRIPTION "headwise as a C++ library
 Shared library, headers and CMake files.")
set(CPACK_DEBIAN_ALIGN_PACKAGE_NAME headwise-align)
set(CPACK_DEBIAN_ALIGN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_ALIGN_PACKAGE_DEPENDS "headwise (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_ALIGN_DESCRIPTION "training of attention heads for headwise
 The program behind `headwise align`; it needs libtorch.")
include(CPack)
