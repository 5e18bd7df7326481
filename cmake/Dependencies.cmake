# What the headers need. Packages of the examples, tests and benchmarks are found where those are built.

# find_package for a feature that is AUTO, ON or OFF; sets ANSER_<feature>_FOUND.
macro(anser_find_feature feature package)
  set(ANSER_${feature}_FOUND OFF)
  if(NOT ANSER_${feature} STREQUAL "OFF")
    find_package(${package} QUIET GLOBAL ${ARGN})
    set(ANSER_${feature}_FOUND ${${package}_FOUND})
    if(ANSER_${feature} STREQUAL "ON" AND NOT ${package}_FOUND)
      message(FATAL_ERROR "anser: ANSER_${feature}=ON, but the package ${package} was not found")
    endif()
  endif()
endmacro()

find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(sentencepiece REQUIRED)
anser_find_feature(OPENMP OpenMP COMPONENTS CXX)
anser_find_feature(ONEDNN onednn)
