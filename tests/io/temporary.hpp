#pragma once
// What the tests of files share: a folder that goes away, texts and safetensors files made by hand.
#include <anser/core/error.hpp>
#include <anser/io/safetensors.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace io_test {

/// A folder of its own for one test case.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "anser-test-XXXXXX").string();
    if (!mkdtemp(name.data())) anser::fail("no temporary folder can be made");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name = {}) const { return name.empty() ? path_ : path_ + '/' + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

 private:
  std::string path_;
};

inline std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A safetensors file with this header and as many bytes of data, all of them 1.
inline std::string safetensors(std::string header, std::size_t data) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += char(std::uint64_t(header.size()) >> (8 * i) & 255u);
  return text + header + std::string(data, '\1');
}

/// Named f32 tensors whose numbers count up from 0.
inline void write_tensors(const std::string& path, const std::map<std::string, anser::Shape>& shapes,
                          const std::map<std::string, std::string>& metadata = {}) {
  std::vector<std::vector<float>> numbers;
  std::vector<anser::NamedTensor> tensors;
  for (const auto& [name, shape] : shapes) {
    auto& n = numbers.emplace_back(shape.size() + 1);  // never null
    for (std::size_t i = 0; i < n.size(); ++i) n[i] = float(i);
    tensors.emplace_back(name, anser::stored_view(n.data(), shape));
  }
  anser::write_safetensors(path, tensors, metadata);
}

/// The message of the Error that `f` throws; a complaint where it throws none.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const anser::Error& e) {
    return e.what();
  }
  return "(no error)";
}

/// Whether the message has every part and is one line.
inline bool says(const std::string& message, const std::vector<std::string>& parts) {
  for (const auto& p : parts)
    if (message.find(p) == message.npos) return false;
  return message.find('\n') == message.npos;
}

}  // namespace io_test

#define CHECK_SAYS(expression, ...)                                              \
  do {                                                                           \
    const std::string message_ = io_test::error_of([&] { (void)(expression); }); \
    BOOST_TEST(io_test::says(message_, {__VA_ARGS__}), message_);                \
  } while (false)
