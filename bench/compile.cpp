// What the compiler needs: CPU seconds and peak memory of every file of the program and of the library, with the flags
// of a build and without a cache, against a budget; and the price of one more module x router pair.
//   bench_compile BUILD [--pairs-only]      BUILD/compile_commands.json says how (CMAKE_EXPORT_COMPILE_COMMANDS)
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

constexpr double program_seconds = 120, pair_seconds = 0.5, file_bytes = 2e9;

struct Command {
  std::string file, directory, text;
};
struct Cost {
  double seconds = 0, bytes = 0;
};

std::vector<Command> read_commands(const std::string& build) {
  std::ifstream in(build + "/compile_commands.json");
  if (!in) throw std::runtime_error(build + "/compile_commands.json is missing; configure with a preset");
  std::vector<Command> all;
  for (const auto& c : nlohmann::json::parse(in)) all.push_back({c["file"], c["directory"], c["command"]});
  return all;
}

/// The command with another output, and another source where one is given.
std::string redirect(const Command& c, const std::string& output, const std::string& source = {}) {
  std::string text = c.text;
  const auto o = text.find(" -o ");
  if (o == text.npos) throw std::runtime_error("no -o in the command of " + c.file);
  text.replace(o, text.find(' ', o + 4) - o, " -o " + output);
  if (!source.empty()) {
    const auto at = text.rfind(c.file);
    text.replace(at, c.file.size(), source);
  }
  return text;
}

/// CPU time and memory of a command and of all that it starts.
Cost cost_of(const std::string& directory, const std::string& command) {
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(directory.c_str()) != 0) _exit(127);
    setenv("CCACHE_DISABLE", "1", 1);
    execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  rusage u{};
  if (child < 0 || wait4(child, &status, 0, &u) != child || status != 0)
    throw std::runtime_error("this command failed: " + command);
  auto seconds = [](const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  return {seconds(u.ru_utime) + seconds(u.ru_stime), double(u.ru_maxrss) * 1024};
}

/// A program's file with so many routers of one's own, each attached with LoRA: what a further pair adds is what a
/// further router adds, its own type and its site.
std::string write_pairs(int n) {
  std::string text = "#include <anser/cpu.hpp>\nusing namespace anser;\n";
  for (int i = 0; i < n; ++i) {
    const std::string name = "Own" + std::to_string(i);
    text += "struct " + name + " {\n  int keep = 2;\n  template <Backend B>\n  struct On;\n};\n" +
            "template <Backend B>\nstruct " + name + "::On {\n  " + name + " options;\n  Real<B> gates;\n" +
            "  On(B& device, " + name +
            " o, const Site& site) : options(o), gates(device, {site.experts, site.in}) {}\n" +
            "  static void visit(auto& self, auto&& f) { f(\"gates\", self.gates); }\n" +
            "  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>&) const {\n" +
            "    TopKOptions<B> o;\n    o.k = options.keep + " + std::to_string(i) + ";\n" +
            "    const auto chosen = top_k(cx, matmul_t(cx, standardise(cx, x), gates), o);\n" +
            "    return {chosen.expert, chosen.weight};\n  }\n};\n" + "template void anser::attach<Cpu<float>, Lora, " +
            name + ">(T5Model<Cpu<float>>&, std::span<const Expert>, Lora, " + name + ");\n";
  }
  return text;
}

Cost cost_of_pairs(const Command& like, const fs::path& folder, int n) {
  const std::string source = (folder / ("pairs_" + std::to_string(n) + ".cpp")).string();
  std::ofstream(source) << write_pairs(n);
  const std::string command = redirect(like, (folder / "pairs.o").string(), source);
  std::vector<double> seconds;
  Cost c;
  for (int i = 0; i < 3; ++i) {
    c = cost_of(like.directory, command);
    seconds.push_back(c.seconds);
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds[1], c.bytes};
}

bool report_files(const std::vector<Command>& commands, const fs::path& folder) {
  std::puts("| file | CPU seconds | peak MB |\n|---|---|---|");
  double program = 0, library = 0;
  bool small = true;
  for (const Command& c : commands) {
    const bool of_program =
        c.text.find("/anser-cli-plain.dir/") != c.text.npos || c.text.find("/anser-cli.dir/") != c.text.npos;
    const bool of_library = c.file.find("/src/") != c.file.npos && c.file.ends_with(".cpp");
    if (!of_program && !of_library) continue;
    const Cost cost = cost_of(c.directory, redirect(c, (folder / "one.o").string()));
    (of_program ? program : library) += cost.seconds;
    small &= cost.bytes <= file_bytes;
    const fs::path path(c.file);
    std::printf("| %s/%s | %.1f | %.0f |\n", path.parent_path().filename().c_str(), path.filename().c_str(),
                cost.seconds, cost.bytes / 1e6);
    std::fflush(stdout);
  }
  std::printf("\nprogram %.0f s of at most %.0f: %s; library %.0f s besides; every file below %.0f MB: %s\n", program,
              program_seconds, program <= program_seconds ? "holds" : "FAILS", library, file_bytes / 1e6,
              small ? "holds" : "FAILS");
  return program <= program_seconds && small;
}

bool report_pairs(const std::vector<Command>& commands, const fs::path& folder) {
  const auto like = std::find_if(commands.begin(), commands.end(),
                                 [](const Command& c) { return c.file.ends_with("/bench/routed.cpp"); });
  if (like == commands.end()) throw std::runtime_error("the build has no bench/routed.cpp, whose flags are used");
  constexpr int few = 2, many = 10;
  const Cost a = cost_of_pairs(*like, folder, few), b = cost_of_pairs(*like, folder, many);
  const double each = (b.seconds - a.seconds) / (many - few);
  std::printf("pairs of module and router: %d in %.1f s, %d in %.1f s: %.2f s for a further one, at most %.1f: %s\n",
              few, a.seconds, many, b.seconds, each, pair_seconds, each <= pair_seconds ? "holds" : "FAILS");
  return each <= pair_seconds;
}

}  // namespace

int main(int argc, char** argv) try {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // lines appear as they are known, also in a file
  if (argc < 2) return std::fprintf(stderr, "usage: bench_compile BUILD [--pairs-only]\n"), 2;
  const auto commands = read_commands(argv[1]);
  std::string name = (fs::temp_directory_path() / "anser-compile-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
  bool good = report_pairs(commands, name);
  if (argc < 3 || std::strcmp(argv[2], "--pairs-only")) good = report_files(commands, name) && good;
  fs::remove_all(name);
  return good ? 0 : 1;
} catch (const std::exception& e) {
  return std::fprintf(stderr, "bench_compile: error: %s\n", e.what()), 1;
}
