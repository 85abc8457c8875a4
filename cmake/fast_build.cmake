# SPDX-License-Identifier: MIT
# For those who work on the library itself: ccache and a fast linker, where they are present.

find_program(ASYNCIO_CPP_CCACHE ccache)
if(ASYNCIO_CPP_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  # A source compiled with a precompiled header is cached only if ccache need not look for macros inside that header.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${ASYNCIO_CPP_CCACHE}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Else the header's time stamp is part of it, and a header from the cache is never the one that was asked for.
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  else()
    # g++ would expand the precompiled header into the preprocessed text that ccache reads.
    add_compile_options(-fpch-preprocess)
  endif()
endif()

include(CheckLinkerFlag)
foreach(linker IN ITEMS mold lld)
  check_linker_flag(CXX -fuse-ld=${linker} ASYNCIO_CPP_HAS_${linker})
  if(ASYNCIO_CPP_HAS_${linker})
    add_link_options(-fuse-ld=${linker})
    break()
  endif()
endforeach()
