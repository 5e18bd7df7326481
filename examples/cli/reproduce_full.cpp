// anser reproduce --scale full: what its experiments have in common.
#include "reproduce_full.hpp"

#include <fmt/format.h>
#include <anser/core/sha256.hpp>
#include <anser/eval/tasks.hpp>
#include <anser/io/hf.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "jsonl.hpp"
#include "options.hpp"
#include "score_table.hpp"
#include "text.hpp"

namespace anser::cli {
namespace fs = std::filesystem;

void add_full_scale(Command& c, FullScale& full) {
  const auto add = [&](const char* name, auto& value, const char* help, const char* type) {
    return c.add_option(name, value, help)->type_name(type)->group("At full scale");
  };
  add("--model", full.model, "Model directory, as generate takes it", "DIR");
  add("--tasks", full.tasks,
      "Directory of tasks, as eval reads it: held_in of what experts are trained on, held_out of others", "DIR");
  add("--backend", full.backend, "cpu, or cuda where an NVIDIA GPU is; then --jobs 1 is best", "NAME")
      ->check(Among({"cpu", "cuda"}))
      ->capture_default_str();
  add("--dtype", full.dtype, "Storage of weights: f32, or bf16", "NAME")
      ->check(Among({"f32", "bf16"}))
      ->capture_default_str();
  add_limit_option(c, full.limit)->group("At full scale");
  add("--batch-size", full.batch_size, "Questions at once", "N")->check(Between(1, 1 << 16))->capture_default_str();
}

void check_given(const std::vector<std::pair<std::string, std::string>>& options, const char* why) {
  for (const auto& [name, value] : options) check(!value.empty(), "--scale full needs ", name, " DIR: ", why);
}

void check_apart(const std::string& output, const Words& folders) {
  const auto inside = fs::weakly_canonical(output);
  for (const auto& folder : folders) {
    const auto whole = fs::weakly_canonical(folder);
    const auto [end, ignored] = std::mismatch(whole.begin(), whole.end(), inside.begin(), inside.end());
    check(end != whole.end(), "--output ", output, " lies in ", folder, ", which is read; name a folder beside it");
  }
}

std::string absolute_path(const std::string& path) { return fs::absolute(path).lexically_normal().string(); }

Words measure_words(const FullScale& f) {
  return {"reproduce",
          "measure",
          "--model",
          absolute_path(f.model),
          "--tasks",
          absolute_path(f.tasks),
          "--generate",
          "--metric",
          fmt::format("{}", fmt::join(f.metrics, ",")),
          "--limit",
          std::to_string(f.limit),
          "--batch-size",
          std::to_string(f.batch_size),
          "--backend",
          f.backend,
          "--dtype",
          f.dtype};
}

std::string settings_text(const FullScale& f, const std::vector<std::pair<std::string, std::string>>& own) {
  std::string text = fmt::format("{{\n    \"model\": {},\n    \"model_hash\": {}", quote(last_folder(f.model)),
                                 quote(ModelDirectory(f.model).hash()));
  const auto add = [&](const std::string& name, const std::string& value) {
    text += fmt::format(",\n    {}: {}", quote(name), value);
  };
  for (const auto& [name, value] : own) add(name, value);
  std::string questions;
  for (const Task& t : read_tasks(f.tasks, f.limit))
    questions += (questions.empty() ? "" : ", ") + quote(t.name) + ": " + quote(t.hash);
  add("questions", '{' + questions + '}');
  add("metrics", json_list(f.metrics));
  add("limit", std::to_string(f.limit));
  add("batch_size", std::to_string(f.batch_size));
  add("backend", quote(f.backend));
  add("dtype", quote(f.dtype));
  return text + "\n  }";
}

std::string hashes_text(const Words& files) {
  std::string text;
  std::vector<char> bytes(std::size_t(1) << 20);
  for (const auto& path : files) {
    std::ifstream in(path, std::ios::binary);
    check(in.good(), path, ": cannot be read");
    Sha256 sha;
    while (in.read(bytes.data(), std::streamsize(bytes.size())) || in.gcount() > 0)
      sha.update(bytes.data(), std::size_t(in.gcount()));
    check(!in.bad(), path, ": cannot be read");
    text += (text.empty() ? "" : ", ") + quote(fs::path(path).stem().string()) + ": " + quote(sha.hex());
  }
  return '{' + text + '}';
}

std::string tables_text(const Results& results, const std::string& name) {
  std::string text;
  for (const std::string group : {"held_in", "held_out"})
    if (const std::string table = metric_table(results, group); !table.empty())
      text +=
          heading_text(name + (group == "held_in" ? ", held in" : ", held out"), results.seeds().size()) + table + '\n';
  return text;
}

}  // namespace anser::cli
