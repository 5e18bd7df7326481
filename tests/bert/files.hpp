#pragma once
// The golden encoder's directory with one file changed.
#include <fstream>

#include "../golden.hpp"
#include "../io/temporary.hpp"

namespace anser::test {

class ChangedEncoder {
 public:
  /// The first `from` in the file becomes `to`; the file is emptied where both are empty.
  ChangedEncoder(const std::string& name, const std::string& from, const std::string& to) {
    std::filesystem::copy(golden("bert/model"), path(), std::filesystem::copy_options::recursive);
    std::string text = io_test::read(path() + '/' + name);
    const auto at = text.find(from);
    BOOST_TEST_REQUIRE(at != text.npos, name << " has no " << from);
    if (from.empty() && to.empty())
      text.clear();
    else
      text.replace(at, from.size(), to);
    folder_.write("m/" + name, text);
  }
  std::string path() const { return folder_.path("m"); }

 private:
  io_test::Folder folder_;
};

}  // namespace anser::test
