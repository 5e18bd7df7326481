# Installation and the CMake package, so that find_package(anser) works from an install tree.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/anser")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/anser" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS ${ANSER_LIBRARIES} EXPORT anser-targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT anser-targets NAMESPACE anser:: DESTINATION "${package_dir}")
if(TARGET anser-cli)
  install(TARGETS anser-cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/anser-config.cmake.in"
  "${PROJECT_BINARY_DIR}/anser-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/anser-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/anser-config.cmake"
  "${PROJECT_BINARY_DIR}/anser-config-version.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/Findonednn.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/Findsentencepiece.cmake"
  DESTINATION "${package_dir}")
