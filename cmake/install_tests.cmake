# SPDX-License-Identifier: MIT
# The library as a user gets it, static and shared. This build is installed and found; FetchContent builds the other
# kind of library, which is then installed and found as well: so that the library is compiled only once more.
if(BUILD_SHARED_LIBS)
  set(this shared)
  set(other static)
  set(other_is_shared OFF)
else()
  set(this static)
  set(other shared)
  set(other_is_shared ON)
endif()

function(asyncio_install_test name kind)
  set(work "${CMAKE_CURRENT_BINARY_DIR}/install")
  add_test(NAME install.${name} COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/install/check.py"
    --compiler "${CMAKE_CXX_COMPILER}" --prefix "${work}/${kind}" --work "${work}/${name}" ${ARGN})
  set_tests_properties(install.${name} PROPERTIES TIMEOUT 600 PROCESSORS 2)
endfunction()

asyncio_install_test(package_${this} ${this} package --build "${PROJECT_BINARY_DIR}")
asyncio_install_test(pkg_config_${this} ${this} pkg-config)
asyncio_install_test(fetch_${other} ${other} fetch --source "${PROJECT_SOURCE_DIR}" --shared ${other_is_shared})
asyncio_install_test(package_${other} ${other} package)
asyncio_install_test(pkg_config_${other} ${other} pkg-config)

set_tests_properties(install.package_${this} PROPERTIES FIXTURES_SETUP installed_${this})
set_tests_properties(install.fetch_${other} PROPERTIES FIXTURES_SETUP installed_${other})
set_tests_properties(install.pkg_config_${this} PROPERTIES FIXTURES_REQUIRED installed_${this})
set_tests_properties(install.package_${other} install.pkg_config_${other}
  PROPERTIES FIXTURES_REQUIRED installed_${other})
