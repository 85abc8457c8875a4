# SPDX-License-Identifier: MIT
# `cmake --install`: headers, libraries, the CMake package and the pkg-config file.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# A directory of its own, because <asyncio/...> is a name that other libraries use too.
set(header_dir "${CMAKE_INSTALL_INCLUDEDIR}/asyncio-cpp")
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/asyncio-cpp")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/asyncio" DESTINATION "${header_dir}" FILES_MATCHING PATTERN "*.h")

# One export file for each component, so that who does not ask for a component does not need what it depends on.
install(TARGETS asyncio-cpp EXPORT asyncio-cpp-targets INCLUDES DESTINATION "${header_dir}")
install(EXPORT asyncio-cpp-targets NAMESPACE asyncio-cpp:: DESTINATION "${package_dir}")
if(TARGET asyncio-cpp-testing)
  install(TARGETS asyncio-cpp-testing EXPORT asyncio-cpp-testing-targets INCLUDES DESTINATION "${header_dir}")
  install(EXPORT asyncio-cpp-testing-targets NAMESPACE asyncio-cpp:: DESTINATION "${package_dir}")
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/asyncio-cpp-config.cmake.in"
  "${PROJECT_BINARY_DIR}/asyncio-cpp-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/asyncio-cpp-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/asyncio-cpp-config.cmake" "${PROJECT_BINARY_DIR}/asyncio-cpp-config-version.cmake"
  DESTINATION "${package_dir}")

# The .pc file finds its prefix from its own place: the prefix may still change at `cmake --install --prefix`.
file(RELATIVE_PATH prefix_from_pc "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/asyncio-cpp.pc.in" "${PROJECT_BINARY_DIR}/asyncio-cpp.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/asyncio-cpp.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
