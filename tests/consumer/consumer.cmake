# Builds and runs one of the consumers; called by ctest with the settings of the build under test.
cmake_minimum_required(VERSION 3.25)

# run(<what> <command>...): stops with the output where the command fails.
function(run what)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message("${output}")
    message(FATAL_ERROR "consumer (${WAY}): ${what} failed")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(source "${ROOT}/tests/consumer/${WAY}")
set(build "${WORK}/build")
file(REMOVE_RECURSE "${WORK}")

set(options ${OPTIONS})
if(CCACHE)
  list(APPEND options -DCMAKE_CXX_COMPILER_LAUNCHER=${CCACHE})
endif()
if(SANITIZE)  # a library built with sanitizers is linked by programs built with them
  list(APPEND options "-DCMAKE_CXX_FLAGS=-O0 -fsanitize=${SANITIZE}")
endif()
if(WAY STREQUAL "find_package")
  run("the installation" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/prefix" --config "${CONFIG}")
  list(APPEND options "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
else()
  list(APPEND options -DANSER_SOURCE=${ROOT} -DANSER_ONEDNN=${ONEDNN} -DANSER_OPENMP=${OPENMP} -DANSER_CUDA=${CUDA})
endif()

run("the configuration" "${CMAKE_COMMAND}" -S "${source}" -B "${build}" -G "${GENERATOR}" ${options})
run("the build" "${CMAKE_COMMAND}" --build "${build}" --config "${CONFIG}" -j 2 --target consumers)
run("a consumer" "${CMAKE_COMMAND}" --build "${build}" --config "${CONFIG}" --target run_consumers)

# A consumer of anser::compiled with other instructions is told so.
if(WAY STREQUAL "find_package" AND NATIVE)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${build}" --config "${CONFIG}" --target other_instructions
    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
  if(status EQUAL 0 OR NOT output MATCHES "anser::compiled was built for another instruction set")
    message("${output}")
    message(FATAL_ERROR "consumer: other instructions than the library's were not refused in words")
  endif()
endif()
message("consumer (${WAY}): ok")
