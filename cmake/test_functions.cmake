# SPDX-License-Identifier: MIT
# What tests/CMakeLists.txt is written with.
include(GoogleTest)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# What a test is compiled and linked with; the same for all, or they could not share the precompiled header.
function(asyncio_test_settings target)
  target_link_libraries(${target} PRIVATE asyncio-cpp GTest::gtest_main)
  if(TARGET asyncio-cpp-testing)
    target_link_libraries(${target} PRIVATE asyncio-cpp-testing)
  endif()
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  asyncio_warnings(${target})
endfunction()

# asyncio_test_headers(<gtest/gtest.h> ...): the one precompiled header of all areas.
function(asyncio_test_headers)
  file(CONFIGURE OUTPUT precompiled.cpp CONTENT "// Exists for the sake of the precompiled header.\n")
  add_library(asyncio-test-headers OBJECT "${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp")
  asyncio_test_settings(asyncio-test-headers)
  target_precompile_headers(asyncio-test-headers PRIVATE ${ARGN})
endfunction()

# asyncio_test_area(sync BACKENDS tests/sync/lock_test.cpp ...): one program for an area, and one CTest test for each
# TEST in it. BACKENDS runs every test once on each kernel interface, as epoll.X and io_uring.X. SLOW leaves the area to
# `make test-all`. LIBRARIES names what it links beside the library itself. Paths are from the project's root.
function(asyncio_test_area area)
  cmake_parse_arguments(PARSE_ARGV 1 arg "BACKENDS;SLOW" "" "LIBRARIES")
  set(target ${area}_test)
  list(TRANSFORM arg_UNPARSED_ARGUMENTS PREPEND "${PROJECT_SOURCE_DIR}/")
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS})
  asyncio_test_settings(${target})
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  target_precompile_headers(${target} REUSE_FROM asyncio-test-headers)

  # The kit ends a test that takes too long, and tells why. CTest comes after it, for what the kit does not see.
  set(properties TIMEOUT 120)
  if(arg_SLOW)
    set(properties TIMEOUT 600 LABELS slow ENVIRONMENT_MODIFICATION ASYNCIO_TEST_TIMEOUT=set:570)
  endif()
  if(arg_BACKENDS)
    foreach(backend IN ITEMS epoll io_uring)
      gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST TEST_PREFIX ${backend}.
        PROPERTIES ENVIRONMENT ASYNCIO_BACKEND=${backend} ${properties})
    endforeach()
  else()
    gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST PROPERTIES ${properties})
  endif()
endfunction()

# asyncio_manual_area(README.md include/asyncio/lock.h ...): a program of the code in documents and headers.
function(asyncio_manual_area)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/manual.py")
  foreach(document IN LISTS ARGN)
    cmake_path(GET document STEM name)
    foreach(file IN ITEMS "${PROJECT_SOURCE_DIR}/${document}" "${CMAKE_CURRENT_SOURCE_DIR}/manual/${name}.h")
      if(EXISTS "${file}")
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
      endif()
    endforeach()
  endforeach()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/manual/world.h")
  execute_process(COMMAND "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/tools/manual.py"
    --out "${CMAKE_CURRENT_BINARY_DIR}/manual" ${ARGN} OUTPUT_VARIABLE sources COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" sources "${sources}")
  add_executable(manual_test ${sources})
  asyncio_test_settings(manual_test)
  # What an example leaves open: a task that nobody awaits here, a function that is only shown, the rest of its body.
  target_compile_options(manual_test PRIVATE -Wno-unused -Wno-unused-parameter -Wno-shadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(manual_test PRIVATE
      -Wno-undefined-internal -Wno-unneeded-internal-declaration -Wno-exceptions)
  else()
    target_compile_options(manual_test PRIVATE -Wno-terminate)
  endif()
  gtest_discover_tests(manual_test DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 60)
endfunction()

# asyncio_compile_fail(NAME...): tests/compile_fail/NAME.cpp must not compile, and the compiler must say why.
function(asyncio_compile_fail)
  # No excerpt of the source in the message: else the expected text could be found there, in a comment, say.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(no_excerpt -fno-caret-diagnostics)
  else()
    set(no_excerpt -fno-diagnostics-show-caret)
  endif()
  foreach(case IN LISTS ARGN)
    add_test(NAME compile_fail.${case} COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/compile_fail/check.py"
      "${CMAKE_CURRENT_SOURCE_DIR}/compile_fail/${case}.cpp" -- "${CMAKE_CXX_COMPILER}" -std=c++20 -Wall -Wextra -Werror
      ${no_excerpt} -I "${PROJECT_SOURCE_DIR}/include")
    set_tests_properties(compile_fail.${case} PROPERTIES TIMEOUT 60)
  endforeach()
endfunction()

# asyncio_compile(NAME...): tests/compile/NAME.cpp must compile, optimised and not, without a single warning of a
# user's.
function(asyncio_compile)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS}")
  foreach(case IN LISTS ARGN)
    foreach(level IN ITEMS -O0 -O2)
      add_test(NAME compile.${case}${level} COMMAND "${CMAKE_CXX_COMPILER}" ${flags} -std=c++20 ${level} -Wall -Wextra
        -Wpedantic -Wshadow -Wnon-virtual-dtor -Wconversion -Werror -I "${PROJECT_SOURCE_DIR}/include"
        -c "${CMAKE_CURRENT_SOURCE_DIR}/compile/${case}.cpp" -o "${CMAKE_CURRENT_BINARY_DIR}/compile-${case}${level}.o")
      set_tests_properties(compile.${case}${level} PROPERTIES TIMEOUT 120)
    endforeach()
  endforeach()
endfunction()

# asyncio_tool_test(NAME ARGUMENT...): tools/NAME.py must exit with 0.
function(asyncio_tool_test name)
  add_test(NAME tools.${name} COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tools/${name}.py" ${ARGN})
  set_tests_properties(tools.${name} PROPERTIES TIMEOUT 600 WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
endfunction()
