# The three libraries: anser::anser (headers), anser::compiled (the usual instantiations) and anser::cuda.
include(InstructionSet)

add_library(anser INTERFACE)
add_library(anser::anser ALIAS anser)
target_compile_features(anser INTERFACE cxx_std_20)
target_include_directories(anser INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(anser INTERFACE
  Eigen3::Eigen nlohmann_json::nlohmann_json sentencepiece::sentencepiece Threads::Threads)
# Kernels call constexpr functions of the standard library, such as std::bit_cast.
target_compile_options(anser INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>)
# Loops marked ANSER_SIMD are vectorised by this alone; threads need OpenMP proper.
target_compile_options(anser INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>:-fopenmp-simd>)
if(ANSER_OPENMP_FOUND)
  target_link_libraries(anser INTERFACE OpenMP::OpenMP_CXX)
  # Inline functions must be the same ones in files that nvcc compiles.
  target_compile_options(anser INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${OpenMP_CXX_FLAGS}>")
endif()
if(ANSER_ONEDNN_FOUND)
  target_link_libraries(anser INTERFACE onednn::onednn)
  target_compile_definitions(anser INTERFACE ANSER_HAS_ONEDNN)
endif()

set(ANSER_LIBRARIES anser)

anser_instruction_set(ANSER_INSTRUCTION_SET)
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/*.cpp")
add_library(anser_compiled STATIC ${sources})
# Results are summed up in a moment; compiled with less effort, they take half the time.
set_source_files_properties("${PROJECT_SOURCE_DIR}/src/eval.cpp" PROPERTIES COMPILE_OPTIONS -O1)
add_library(anser::compiled ALIAS anser_compiled)
set_target_properties(anser_compiled PROPERTIES EXPORT_NAME compiled POSITION_INDEPENDENT_CODE ON)
target_link_libraries(anser_compiled PUBLIC anser PRIVATE $<BUILD_INTERFACE:anser_development>)
target_compile_definitions(anser_compiled
  PUBLIC ANSER_COMPILED INTERFACE "ANSER_COMPILED_ISA=\"${ANSER_INSTRUCTION_SET}\"")
list(APPEND ANSER_LIBRARIES anser_compiled)

if(ANSER_CUDA_FOUND)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/*.cu")
  add_library(anser_cuda STATIC ${sources})
  add_library(anser::cuda ALIAS anser_cuda)
  set_target_properties(anser_cuda PROPERTIES
    EXPORT_NAME cuda POSITION_INDEPENDENT_CODE ON CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON)
  target_link_libraries(anser_cuda
    PUBLIC anser_compiled CUDA::cudart CUDA::cublas PRIVATE $<BUILD_INTERFACE:anser_development>)
  target_compile_definitions(anser_cuda PUBLIC ANSER_HAS_CUDA)
  list(APPEND ANSER_LIBRARIES anser_cuda)
endif()

set(features "")
foreach(feature OPENMP ONEDNN CUDA)
  if(ANSER_${feature}_FOUND)
    string(APPEND features "${feature}, ")
  endif()
endforeach()
message(STATUS "anser ${PROJECT_VERSION}: ${features}instruction set ${ANSER_INSTRUCTION_SET}")
