# Finds the sentencepiece library, for which distributions ship pkg-config files but no CMake package.
# Defines the imported target sentencepiece::sentencepiece, sentencepiece_FOUND and sentencepiece_VERSION. The target
# brings the trainer along, a library of its own that io/vocabulary.hpp uses.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_SENTENCEPIECE QUIET sentencepiece)
endif()
find_path(sentencepiece_INCLUDE_DIR sentencepiece_processor.h HINTS ${PC_SENTENCEPIECE_INCLUDE_DIRS})
find_library(sentencepiece_LIBRARY sentencepiece HINTS ${PC_SENTENCEPIECE_LIBRARY_DIRS})
find_library(sentencepiece_TRAIN_LIBRARY sentencepiece_train HINTS ${PC_SENTENCEPIECE_LIBRARY_DIRS})
mark_as_advanced(sentencepiece_INCLUDE_DIR sentencepiece_LIBRARY sentencepiece_TRAIN_LIBRARY)
set(sentencepiece_VERSION "${PC_SENTENCEPIECE_VERSION}")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(sentencepiece
  REQUIRED_VARS sentencepiece_LIBRARY sentencepiece_TRAIN_LIBRARY sentencepiece_INCLUDE_DIR
  VERSION_VAR sentencepiece_VERSION)

if(sentencepiece_FOUND AND NOT TARGET sentencepiece::sentencepiece)
  add_library(sentencepiece::sentencepiece UNKNOWN IMPORTED GLOBAL)
  set_target_properties(sentencepiece::sentencepiece PROPERTIES
    IMPORTED_LOCATION "${sentencepiece_LIBRARY}"
    INTERFACE_LINK_LIBRARIES "${sentencepiece_TRAIN_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${sentencepiece_INCLUDE_DIR}")
endif()
