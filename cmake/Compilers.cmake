# Languages, standards and the compiler cache.

set(CMAKE_CXX_EXTENSIONS OFF)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  find_program(ANSER_CCACHE ccache)
  mark_as_advanced(ANSER_CCACHE)
  if(ANSER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # The precompiled header of the tests is cached only with this leniency about time stamps.
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${ANSER_CCACHE}")
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
  endif()
endif()

if(NOT ANSER_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    # Machine code for 8.0 and the portable form (PTX), from which newer devices compile when a program starts.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80)
    endif()
    enable_language(CUDA)
    if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know yet that nvcc does
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    endif()
    find_package(CUDAToolkit REQUIRED)
    set(ANSER_CUDA_FOUND ON)
  elseif(ANSER_CUDA STREQUAL "ON")
    message(FATAL_ERROR "anser: ANSER_CUDA=ON, but no CUDA compiler was found; "
                        "put nvcc on the PATH or set CMAKE_CUDA_COMPILER")
  endif()
endif()
