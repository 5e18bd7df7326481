#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <anser/io/output_file.hpp>
#include <boost/test/unit_test.hpp>
#include <csignal>

#include "temporary.hpp"

namespace {

using anser::OutputFile;

std::size_t entries(const std::string& folder) {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(folder)) ++n;
  return n;
}

BOOST_AUTO_TEST_SUITE(output_file)

BOOST_AUTO_TEST_CASE(a_committed_file_has_all_bytes_and_nothing_beside_it) {
  const io_test::Folder folder;
  const std::string large(700'000, 'x');
  OutputFile out(folder.path("new/folders/a"));
  out.write("head\n");
  out.write(large);
  out.write("tail\n");
  BOOST_TEST(!std::filesystem::exists(folder.path("new/folders/a")));
  out.commit();
  BOOST_TEST((io_test::read(folder.path("new/folders/a")) == "head\n" + large + "tail\n"));
  BOOST_TEST(entries(folder.path("new/folders")) == 1u);
  CHECK_SAYS(out.write("more"), "already closed");
  CHECK_SAYS(out.commit(), "already closed");
}

BOOST_AUTO_TEST_CASE(names_as_long_as_a_system_takes) {
  const io_test::Folder folder;
  const std::string name(255, 'n');
  anser::write_file(folder.path(name), "text");
  BOOST_TEST(io_test::read(folder.path(name)) == "text");
}

BOOST_AUTO_TEST_CASE(without_commit_the_old_file_stays) {
  const io_test::Folder folder;
  const std::string path = folder.write("a", "old");
  {
    OutputFile out(path);
    out.write("new");
  }
  BOOST_TEST(io_test::read(path) == "old");
  BOOST_TEST(entries(folder.path()) == 1u);
  anser::write_file(path, "newer");
  BOOST_TEST(io_test::read(path) == "newer");
}

BOOST_AUTO_TEST_CASE(who_may_read_stays) {
  namespace fs = std::filesystem;
  const io_test::Folder folder;
  const std::string path = folder.write("a", "old");
  const auto secret = fs::perms::owner_read | fs::perms::owner_write;
  fs::permissions(path, secret);
  anser::write_file(path, "new");
  BOOST_TEST((fs::status(path).permissions() == secret));
}

BOOST_AUTO_TEST_CASE(a_link_stays_a_link) {
  const io_test::Folder folder;
  const std::string path = folder.write("a", "old");
  std::filesystem::create_symlink(path, folder.path("link"));
  anser::write_file(folder.path("link"), "new");
  BOOST_TEST(std::filesystem::is_symlink(folder.path("link")));
  BOOST_TEST(io_test::read(path) == "new");

  std::filesystem::create_symlink("second", folder.path("first"));
  std::filesystem::create_symlink("deep/file", folder.path("second"));
  anser::write_file(folder.path("first"), "newer");  // the links lead nowhere yet
  BOOST_TEST(std::filesystem::is_symlink(folder.path("first")));
  BOOST_TEST(io_test::read(folder.path("deep/file")) == "newer");
  std::filesystem::create_symlink("circle", folder.path("circle"));
  CHECK_SAYS(OutputFile(folder.path("circle")), folder.path("circle"), "in circles");
}

BOOST_AUTO_TEST_CASE(an_open_file_is_written_on) {
  const io_test::Folder folder;
  const std::string log = folder.write("log", "before\n");
  const int file = ::open(log.c_str(), O_WRONLY | O_APPEND);
  BOOST_REQUIRE(file >= 0);
  std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(file), folder.path("link"));
  for (const std::string& path : {"/dev/fd/" + std::to_string(file), folder.path("link")}) {
    anser::OutputFile out(path);
    out.write("result\n");
    out.commit();
  }
  BOOST_TEST(::write(file, "after\n", 6) == 6);
  ::close(file);
  BOOST_TEST(io_test::read(log) == "before\nresult\nresult\nafter\n");
  CHECK_SAYS(anser::OutputFile(folder.path("link")), "cannot be written");
}

BOOST_AUTO_TEST_CASE(unfinished_files_can_be_removed_at_once) {
  const io_test::Folder folder;
  const std::string path = folder.write("a", "old");
  OutputFile first(path), second(folder.path("b"));
  first.write("new");
  BOOST_TEST(entries(folder.path()) == 3u);
  second.commit();
  anser::remove_unfinished_files();
  BOOST_TEST(entries(folder.path()) == 2u);
  BOOST_TEST(io_test::read(path) == "old");
  anser::write_file(path, "newer");
  BOOST_TEST(io_test::read(path) == "newer");
}

BOOST_AUTO_TEST_CASE(places_that_cannot_hold_a_file_are_refused) {
  const io_test::Folder folder;
  const std::string path = folder.write("a", "old");
  CHECK_SAYS(OutputFile(folder.path()), folder.path(), "is a directory");
  CHECK_SAYS(OutputFile(path + "/below"), path + "/below", "cannot be written");
  CHECK_SAYS(OutputFile(""), "needs a name");
}

BOOST_AUTO_TEST_CASE(a_full_device_is_one_error) {
  if (!std::filesystem::exists("/dev/full")) return;
  CHECK_SAYS(anser::write_file("/dev/full", "text"), "/dev/full", "No space left", "make room");
  BOOST_TEST(std::filesystem::is_character_file("/dev/full"));
}

BOOST_AUTO_TEST_CASE(a_limit_on_the_size_is_one_error_and_leaves_the_old_file) {
  const io_test::Folder folder;
  const std::string path = folder.write("a", "old");
  rlimit before{};
  BOOST_REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  BOOST_REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string small_one, large_one;
  small_one = io_test::error_of([&] { anser::write_file(path, std::string(150'000, 'x')); });  // fails in commit()
  large_one = io_test::error_of([&] { anser::write_file(path, std::string(900'000, 'x')); });  // fails in write()
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  for (const std::string& message : {small_one, large_one})
    BOOST_TEST(io_test::says(message, {path, "could not be written whole", "make room"}), message);
  BOOST_TEST(io_test::read(path) == "old");
  BOOST_TEST(entries(folder.path()) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
