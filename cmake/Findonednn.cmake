# Finds oneDNN. Debian's own CMake package for it asks for OpenCL's development files, which a user of the CPU engine
# does not need, so the header and the library are looked for directly.
# Defines the imported target onednn::onednn, onednn_FOUND and onednn_VERSION.

find_path(onednn_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(onednn_LIBRARY dnnl)
mark_as_advanced(onednn_INCLUDE_DIR onednn_LIBRARY)
if(onednn_INCLUDE_DIR)
  file(STRINGS "${onednn_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h" lines REGEX "DNNL_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
  list(JOIN numbers "." onednn_VERSION)
endif()

# The backend speaks version 2; version 3 renamed and removed what it calls.
if(onednn_VERSION VERSION_GREATER_EQUAL 3)
  message(STATUS "anser: oneDNN ${onednn_VERSION} is not used: version 2 is needed (Debian's libdnnl-dev); products are Eigen's")
  set(onednn_LIBRARY onednn_LIBRARY-NOTFOUND)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(onednn
  REQUIRED_VARS onednn_LIBRARY onednn_INCLUDE_DIR
  VERSION_VAR onednn_VERSION)

if(onednn_FOUND AND NOT TARGET onednn::onednn)
  add_library(onednn::onednn UNKNOWN IMPORTED GLOBAL)
  set_target_properties(onednn::onednn PROPERTIES
    IMPORTED_LOCATION "${onednn_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${onednn_INCLUDE_DIR}")
endif()
