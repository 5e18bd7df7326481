#pragma once
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../io/json.hpp"
#include "../io/mapped_file.hpp"
#include "../io/output_file.hpp"

namespace anser {

/// What is kept of one step, or of one validation.
struct Metric {
  long long step = 0;  // counted from 1
  double loss = 0;
  std::optional<double> validation;  // instead of a loss: that of a validation after this step
  double norm = 0, rate = 0;
  long long tokens = 0;  // of inputs and targets
  double seconds = 0;    // that the step took
};

/// A training's metrics.jsonl: one line per step and per validation, written as soon as it is known.
class Metrics {
 public:
  /// Begins anew, or after `steps`: lines of later steps go, and what follows a line that is cut or none of ours.
  /// Throws Error naming the file where it cannot be written.
  Metrics(const std::string& path, long long steps) : path_(path) {
    if (steps > 0) all_ = read(path, steps);
    std::string text;
    for (const Metric& m : all_) text += line(m);
    write_file(path, text);
    file_.reset(std::fopen(path.c_str(), "ae"));
    check(file_ != nullptr, path, ": cannot be opened; may it be written?");
  }

  /// Throws Error where the disk is full.
  void add(const Metric& m) {
    all_.push_back(m);
    const std::string text = line(m);
    check(std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() && std::fflush(file_.get()) == 0, path_,
          ": cannot be written; is the disk full?");
  }
  const std::vector<Metric>& all() const { return all_; }

  /// A line of such a file. Throws Error naming what is missing.
  static Metric parse(const Json& j) {
    Metric m;
    m.step = j.integer("step", 1, std::int64_t(1) << 62);
    m.seconds = j.real("seconds");
    if (j.has("validation_loss")) {
      m.validation = j.real("validation_loss");
    } else {
      m.loss = j.real("loss");
      m.norm = j.real("gradient_norm");
      m.rate = j.real("learning_rate");
      m.tokens = j.integer("tokens", 0, std::int64_t(1) << 62);
    }
    return m;
  }

 private:
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  static std::string line(const Metric& m) {
    char text[256];
    if (m.validation)
      std::snprintf(text, sizeof text, "{\"step\": %lld, \"validation_loss\": %.9g, \"seconds\": %.3f}\n", m.step,
                    *m.validation, m.seconds);
    else
      std::snprintf(text, sizeof text,
                    "{\"step\": %lld, \"loss\": %.9g, \"gradient_norm\": %.6g, \"learning_rate\": %.6g, "
                    "\"tokens\": %lld, \"seconds\": %.3f}\n",
                    m.step, m.loss, m.norm, m.rate, m.tokens, m.seconds);
    return text;
  }
  static std::vector<Metric> read(const std::string& path, long long steps) {
    std::vector<Metric> all;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return all;  // a log is no reason to stop
    const auto file = MappedFile::open(path);
    const std::string_view text(reinterpret_cast<const char*>(file->data()), file->size());
    for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
      const std::size_t end = text.find('\n', at);
      if (end == text.npos) break;  // it was being written
      Metric m;
      try {
        m = parse(parse_json(text.substr(at, end - at), concat(path, ':', number)));
      } catch (const Error&) {
        break;
      }
      if (m.step <= steps) all.push_back(m);
      at = end + 1;
    }
    return all;
  }

  std::string path_;
  std::vector<Metric> all_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace anser
