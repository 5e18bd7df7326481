# anser_development: what this project asks of its own sources and of nobody else's. Never exported.

add_library(anser_development INTERFACE)

set(warnings -Wall -Wextra -Wpedantic -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND warnings -Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds
       -Wno-stringop-overflow -Wno-uninitialized)  # false in GCC 12: bugs 105593, 105651, 105762
endif()
target_compile_options(anser_development INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>")
# The files that nvcc generates use GNU line markers and shadow names freely.
# 554 is said of conversion operators even where a requires-clause takes them away.
target_compile_options(anser_development INTERFACE
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra;-diag-suppress=554>")
if(ANSER_WARNINGS_AS_ERRORS)
  target_compile_options(anser_development INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Werror> $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
endif()

set(ANSER_NATIVE_OPTIONS "")
if(ANSER_NATIVE)
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-march=native ANSER_KNOWS_MARCH_NATIVE)
  if(ANSER_KNOWS_MARCH_NATIVE)
    set(ANSER_NATIVE_OPTIONS -march=native)
    target_compile_options(anser_development INTERFACE
      $<$<COMPILE_LANGUAGE:CXX>:-march=native> $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-march=native>)
  endif()
endif()

if(ANSER_SANITIZE)
  set(sanitize -fsanitize=${ANSER_SANITIZE})
  target_compile_options(anser_development INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:${sanitize};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
  target_link_options(anser_development INTERFACE ${sanitize})
endif()
