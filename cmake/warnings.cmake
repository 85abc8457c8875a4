# SPDX-License-Identifier: MIT
# asyncio_warnings(target): the project's warnings, on its own targets only and never passed on to a user's.

function(asyncio_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Clang's -Wconversion leaves `small += 1` and constants that fit alone; that of g++ does not.
    target_compile_options(${target} PRIVATE -Wconversion)
  endif()
  if(ASYNCIO_CPP_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
