#pragma once
/// Runs the program `anser` as people do, and keeps what it said.
#include <anser/io/json.hpp>
#include <anser/io/safetensors.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace program {
namespace fs = std::filesystem;

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

/// A folder that goes when the test executable ends.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "anser-cli-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};
inline const fs::path& scratch() {
  static const Scratch folder;
  return folder.path();
}

struct Outcome {
  int status = -1;
  std::string out, err;
};

/// `arguments` as in a shell: quoting and redirections are the shell's.
inline Outcome run(const std::string& arguments) {
  const auto out = scratch() / "stdout", err = scratch() / "stderr";
  const std::string command = std::string(ANSER_PROGRAM) + ' ' + arguments + " >" + out.string() + " 2>" + err.string();
  const int status = std::system(("cd " + scratch().string() + " && " + command).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, read(out), read(err)};
}

/// What must work: fails the test with the program's own words.
inline std::string run_well(const std::string& arguments) {
  const auto r = run(arguments);
  BOOST_TEST(r.status == 0, "anser " << arguments << "\n" << r.err);
  return r.out;
}

/// What must fail with `status` and one line of error on stderr, the last one, that holds `words`.
inline void run_badly(const std::string& arguments, int status, const std::string& words) {
  const auto r = run(arguments);
  BOOST_TEST(r.status == status, "anser " << arguments << " exits with " << r.status << ": " << r.err);
  const std::size_t at = r.err.find("anser: error: ");
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, "anser " << arguments << " says: " << r.err);
  BOOST_TEST(r.err.find('\n', at) + 1 == r.err.size(), "not one line: " << r.err);
  BOOST_TEST(r.err.find(words, at) != std::string::npos, "'" << words << "' is not in: " << r.err);
}

inline std::vector<anser::Json> lines(const std::string& text) {
  std::vector<anser::Json> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(anser::parse_json(line, "line"));
  return all;
}

inline std::string golden(const std::string& path) { return (fs::path(ANSER_TEST_GOLDEN_DIR) / path).string(); }

inline std::vector<double> numbers(const anser::Safetensors& file, const std::string& name) {
  const auto t = file.find(name);
  BOOST_REQUIRE_MESSAGE(t, file.origin() << " has no " << name);
  std::vector<double> v(t->shape.size());
  anser::convert(*t, v.data());
  return v;
}

/// max|a - b| / max|b|
inline double error(const std::vector<double>& a, const std::vector<double>& b) {
  BOOST_REQUIRE(a.size() == b.size());
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(b[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  return difference / most;
}

/// The demo's directory, made once.
inline const fs::path& demo() {
  static const fs::path folder = [] {
    const auto r = run("demo --output demo");
    BOOST_REQUIRE_MESSAGE(r.status == 0, r.err);
    write(scratch() / "demo.txt", r.out);
    return scratch() / "demo";
  }();
  return folder;
}
inline std::string demo_model() { return "--model " + (demo() / "model").string() + ' '; }
inline std::string demo_pool() { return demo_model() + "--pool " + (demo() / "pool").string() + ' '; }

}  // namespace program
