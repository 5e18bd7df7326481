#include <anser/io/output_directory.hpp>
#include <anser/io/output_file.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

namespace {

using anser::OutputDirectory;
using io_test::Folder;
namespace fs = std::filesystem;

std::size_t entries(const std::string& path) {
  return std::size_t(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

BOOST_AUTO_TEST_SUITE(output_directories)

BOOST_AUTO_TEST_CASE(it_appears_whole_or_not_at_all) {
  const Folder folder;
  for (const std::string name : {"a", "new/b", "c/", "./d/../d"}) {
    const std::string path = folder.path(name);
    {
      OutputDirectory out(path);
      anser::write_file(out.path() + "/x/file", "1");
      BOOST_TEST(!fs::exists(path));
    }
    BOOST_TEST(!fs::exists(path));
    OutputDirectory out(path);
    anser::write_file(out.path() + "/x/file", "2");
    out.commit();
    BOOST_TEST(io_test::read(path + "/x/file") == "2");
    CHECK_SAYS(out.commit(), "already there");
  }
  BOOST_TEST(entries(folder.path()) == 4u);  // nothing hidden stays behind
  BOOST_TEST(entries(folder.path("new")) == 1u);
}

BOOST_AUTO_TEST_CASE(names_as_long_as_a_system_takes) {
  const Folder folder;
  OutputDirectory out(folder.path(std::string(255, 'n')));
  out.commit();
  BOOST_TEST(fs::is_directory(folder.path(std::string(255, 'n'))));
}

BOOST_AUTO_TEST_CASE(an_empty_directory_is_replaced_and_nothing_else) {
  const Folder folder;
  fs::create_directory(folder.path("empty"));
  fs::create_directory_symlink(folder.path("empty"), folder.path("link"));
  OutputDirectory out(folder.path("link"));
  anser::write_file(out.path() + "/file", "1");
  out.commit();
  BOOST_TEST(io_test::read(folder.path("empty/file")) == "1");
  BOOST_TEST(fs::is_symlink(folder.path("link")));
  CHECK_SAYS(OutputDirectory(folder.path("link")), folder.path("link"), "not empty");
  CHECK_SAYS(OutputDirectory(folder.path("empty")), "not empty");
  CHECK_SAYS(OutputDirectory(folder.write("file", "")), "is a file");
  fs::create_directory_symlink(folder.path("nowhere"), folder.path("dangling"));
  CHECK_SAYS(OutputDirectory(folder.path("dangling")), "leads nowhere");
  CHECK_SAYS(OutputDirectory(folder.path("file/below")), folder.path("file/below"));
  CHECK_SAYS(OutputDirectory(""), "needs a name");
}

BOOST_AUTO_TEST_CASE(what_stands_there_at_the_end_is_kept) {
  const Folder folder;
  OutputDirectory out(folder.path("a"));
  anser::write_file(out.path() + "/file", "mine");
  folder.write("a/file", "another's");
  CHECK_SAYS(out.commit(), folder.path("a"), "cannot be made");
  BOOST_TEST(io_test::read(folder.path("a/file")) == "another's");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
