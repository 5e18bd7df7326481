#pragma once
// Golden files: what transformers, PEFT and our transcription computed (tests/golden/README.md).
#include <anser/t5.hpp>

#include "gradient.hpp"

namespace anser::test {

inline std::string golden(const std::string& path) { return std::string(ANSER_TEST_GOLDEN_DIR) + '/' + path; }

/// One case's numbers. A missing file says how to make it.
class Golden {
 public:
  explicit Golden(const std::string& path) {
    const std::string file = golden(path);
    BOOST_REQUIRE_MESSAGE(std::filesystem::exists(file),
                          "the golden file " << file << " is missing; make it with: python tests/golden/make.py");
    file_ = Safetensors::open(file);
  }
  bool has(const std::string& name) const { return file_->entry(name) != nullptr; }
  std::vector<std::string> names() const { return file_->names(); }
  Stored stored(const std::string& name) const {
    auto s = file_->find(name);
    BOOST_REQUIRE_MESSAGE(s, file_->origin() << " has no " << name);
    return *s;
  }
  template <class T = double>
  std::vector<T> values(const std::string& name) const {
    const auto s = stored(name);
    std::vector<T> v(s.shape.size());
    convert(s, v.data());
    return v;
  }
  /// ids, with the mask of the same set where they are the input's.
  Tokens tokens(const std::string& set, const std::string& name) const {
    const auto s = stored(set + '.' + name);
    Tokens t{s.shape[0], s.shape[1], values<std::int32_t>(set + '.' + name), {}};
    if (name == "input_ids") t.mask = values<std::int32_t>(set + ".attention_mask");
    return t;
  }

 private:
  std::shared_ptr<const Safetensors> file_;
};

/// max|a - b| / max|b| over the rows that the mask shows (all rows where it is empty).
inline double row_distance(const std::vector<double>& a, const std::vector<double>& b,
                           const std::vector<std::int32_t>& mask) {
  if (a.size() != b.size()) return INFINITY;
  const std::size_t n = mask.empty() ? a.size() : a.size() / mask.size();
  double most = 0, largest = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!mask.empty() && !mask[i / n]) continue;
    const double d = std::fabs(a[i] - b[i]);
    if (!(d <= most)) most = d;
    largest = std::fmax(largest, std::fabs(b[i]));
  }
  return most / largest;
}

inline void check_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance,
                        const std::string& what, const std::vector<std::int32_t>& mask = {}) {
  const double d = row_distance(a, b, mask);
  BOOST_CHECK_MESSAGE(d <= tolerance, what << ": error " << d << " is above " << tolerance);
}

/// Against Hugging Face in f32.
template <class B>
inline constexpr double parity = std::is_same_v<typename B::element, bf16> ? 2e-2 : 1e-4;

/// A golden model on a backend.
template <Backend B>
std::unique_ptr<T5Model<B>> golden_model(const std::string& name) {
  const auto files = ModelDirectory::open(golden(name));
  auto model = std::make_unique<T5Model<B>>(device<B>(), read_config(*files));
  model->load(*files);
  return model;
}

}  // namespace anser::test
