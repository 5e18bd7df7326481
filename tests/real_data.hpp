#pragma once
// Real files that users' machines do not have: tests of them skip there, and say so.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace anser::test {

/// Under ANSER_SHARED_DATA of the environment, or else of the build.
inline std::string real_data(const std::string& path) {
  const char* given = std::getenv("ANSER_SHARED_DATA");
  return std::string(given ? given : ANSER_SHARED_DATA) + '/' + path;
}

/// BOOST_AUTO_TEST_CASE(name, *with_real_data("vocab/spiece.model")) skips where the file or folder is absent.
inline auto with_real_data(const std::string& path) {
  return boost::unit_test::precondition([path](boost::unit_test::test_unit_id) {
    const bool there = std::filesystem::exists(real_data(path));
    boost::test_tools::assertion_result result(there);
    if (!there) BOOST_TEST_MESSAGE("skipped: there is no " << real_data(path));
    result.message() << "there is no " << real_data(path);
    return result;
  });
}

}  // namespace anser::test
