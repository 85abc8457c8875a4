# SPDX-License-Identifier: MIT
# Says no to what cannot work, and what to take instead. docs/compilers.md says why.

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "asyncio-cpp runs on Linux only, for now; this is ${CMAKE_SYSTEM_NAME}.")
endif()

set(_compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
set(_instead "Install clang 19 (on Debian 12: apt-get install clang-19), and configure an empty build directory with "
            "-DCMAKE_CXX_COMPILER=clang++-19. docs/compilers.md has the rest.")
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
    message(FATAL_ERROR "asyncio-cpp needs clang 16 or newer, and this is ${_compiler}. " ${_instead})
  endif()
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    message(FATAL_ERROR "asyncio-cpp needs g++ 13 or newer, and this is ${_compiler}: it destroys objects twice in "
                        "ordinary statements with co_await, without a word. " ${_instead})
  endif()
elseif(NOT ASYNCIO_CPP_COMPILER_WARNED)
  message(WARNING
    "asyncio-cpp is tested with clang and g++ only, and this is ${_compiler}. docs/compilers.md has the rest.")
  # Once for each build directory: a warning that comes back at every run of CMake is one that nobody reads.
  set(ASYNCIO_CPP_COMPILER_WARNED TRUE CACHE INTERNAL "the warning about this compiler was given")
endif()
