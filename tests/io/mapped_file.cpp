#include <sys/stat.h>
#include <unistd.h>
#include <anser/io/mapped_file.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdio>

#include "temporary.hpp"

namespace {

using anser::MappedFile;

std::size_t resident_bytes() {
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return std::size_t(resident) * std::size_t(sysconf(_SC_PAGESIZE));
}

std::size_t sum(const MappedFile& f) {
  std::size_t s = 0;
  for (std::size_t i = 0; i < f.size(); i += 512) s += std::size_t(f.data()[i]);
  return s;
}

BOOST_AUTO_TEST_SUITE(mapped_file)

BOOST_AUTO_TEST_CASE(a_file_is_its_bytes_also_when_it_is_deleted_meanwhile) {
  const io_test::Folder folder;
  const std::string path = folder.write("a", "hello");
  const auto file = MappedFile::open(path);
  std::filesystem::remove(path);
  BOOST_TEST(file->size() == 5u);
  BOOST_TEST(std::string(reinterpret_cast<const char*>(file->data()), 5) == "hello");
  BOOST_TEST(file->path() == path);
}

BOOST_AUTO_TEST_CASE(an_empty_file_has_no_bytes) {
  const io_test::Folder folder;
  const auto file = MappedFile::open(folder.write("empty", ""));
  BOOST_TEST(file->size() == 0u);
  file->evict(0, 10);
}

BOOST_AUTO_TEST_CASE(what_is_no_readable_file_is_refused_by_name) {
  const io_test::Folder folder;
  CHECK_SAYS(MappedFile::open(folder.path("none")), folder.path("none"), "No such file");
  CHECK_SAYS(MappedFile::open(folder.path()), folder.path(), "is a directory");
  BOOST_REQUIRE(mkfifo(folder.path("pipe").c_str(), 0600) == 0);
  CHECK_SAYS(MappedFile::open(folder.path("pipe")), "not a regular file");
  CHECK_SAYS(MappedFile::open(folder.path(std::string(5000, 'x'))), "cannot be opened");
}

BOOST_AUTO_TEST_CASE(evicted_pages_leave_memory_and_come_back) {
  const io_test::Folder folder;
  constexpr std::size_t bytes = std::size_t(32) << 20;
  const auto file = MappedFile::open(folder.write("large", std::string(bytes, '\3')));
  const std::size_t before = resident_bytes(), expected = sum(*file);
  const std::size_t touched = resident_bytes();
  file->evict(100, bytes - 200);
  const std::size_t after = resident_bytes();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  BOOST_TEST(touched >= before + bytes / 2);
  BOOST_TEST(after + bytes / 2 <= touched);
#else
  BOOST_TEST(before + touched + after > 0u);
#endif
  BOOST_TEST(sum(*file) == expected);
  file->evict(bytes - 1, std::size_t(-1));  // beyond the end, and from beyond it
  file->evict(bytes + 1, 1);
  BOOST_TEST(sum(*file) == expected);
}

BOOST_AUTO_TEST_CASE(files_and_directories_are_told_apart) {
  const io_test::Folder folder;
  const std::string path = folder.write("a", "");
  BOOST_TEST(anser::has_file(path));
  BOOST_TEST(!anser::has_file(folder.path("none")));
  CHECK_SAYS(anser::has_file(folder.path()), folder.path(), "is a directory, and a file was expected");
  std::filesystem::create_symlink(path, folder.path("link"));
  BOOST_TEST(anser::has_file(folder.path("link")));
  std::filesystem::create_symlink("nowhere", folder.path("dangling"));
  CHECK_SAYS(anser::has_file(folder.path("dangling")), "is a link to nowhere, which cannot be followed");
  std::filesystem::create_symlink("loop", folder.path("loop"));
  CHECK_SAYS(anser::has_file(folder.path("loop")), "is a link to loop, which cannot be followed");
  anser::check_directory(folder.path(), "a pool");
  CHECK_SAYS(anser::check_directory(path, "a pool"), path, "is a file", "the directory of a pool");
  CHECK_SAYS(anser::check_directory(folder.path("none"), "a pool"), "does not exist");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
