# anser_instruction_set(<variable>): the text that core/isa.hpp gives for the options of this build, asked of the
# compiler itself, so that the list of macros stands in that header alone.
function(anser_instruction_set variable)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS}")
  execute_process(
    COMMAND "${CMAKE_CXX_COMPILER}" ${flags} ${ANSER_NATIVE_OPTIONS} -E -P -x c++
            "${PROJECT_SOURCE_DIR}/include/anser/core/isa.hpp"
    OUTPUT_VARIABLE text ERROR_VARIABLE problem RESULT_VARIABLE status)
  if(NOT status EQUAL 0 OR NOT text MATCHES "instruction_set\\[\\] *=([^;]*);")
    message(FATAL_ERROR "anser: the compiler did not tell its instruction set: ${problem}")
  endif()
  string(REGEX REPLACE "[\" \n]" "" text "${CMAKE_MATCH_1}")
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()
