# SPDX-License-Identifier: MIT
# Says no to what cannot work, and warns of what works with care. docs/compilers.md has the whole table.

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "asyncio-cpp runs on Linux only, for now; this is ${CMAKE_SYSTEM_NAME}.")
endif()

set(_compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
    message(FATAL_ERROR "asyncio-cpp needs clang 16 or newer (this is ${_compiler}): see docs/compilers.md.")
  endif()
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
    message(FATAL_ERROR "asyncio-cpp needs g++ 12 or newer (this is ${_compiler}): see docs/compilers.md.")
  elseif(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13 AND NOT ASYNCIO_CPP_COMPILER_WARNED)
    message(WARNING "${_compiler} miscompiles some statements with co_await, for instance a temporary lambda that "
                    "captures by value. The library works around what it can; docs/compilers.md says what to avoid "
                    "in your own code. clang 19 has none of these bugs.")
    # Once for each build directory: a warning that comes back at every run of CMake is one that nobody reads.
    set(ASYNCIO_CPP_COMPILER_WARNED TRUE CACHE INTERNAL "the warning about this compiler was given")
  endif()
elseif(NOT ASYNCIO_CPP_COMPILER_WARNED)
  message(WARNING "asyncio-cpp is tested with clang and g++ only (this is ${_compiler}): see docs/compilers.md.")
  set(ASYNCIO_CPP_COMPILER_WARNED TRUE CACHE INTERNAL "the warning about this compiler was given")
endif()
