#pragma once
// What the tests of damaged files share: changes of every kind, bounds, and the rule that errors are Errors.
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>

#include "../io/archives.hpp"
#include "../io/temporary.hpp"

namespace fuzz_test {

using io_test::Folder;

/// ANSER_FUZZ_ROUNDS multiplies the numbers of mutants; ANSER_FUZZ_SEED changes them.
inline std::size_t from_environment(const char* name, std::size_t otherwise) {
  const char* given = std::getenv(name);
  return given ? std::size_t(std::max(1, std::atoi(given))) : otherwise;
}

/// Less address space, so that an allocation without bound fails here and not on a user's machine.
/// Sanitizers reserve terabytes of it for themselves.
class LittleMemory {
 public:
  LittleMemory() {
    getrlimit(RLIMIT_AS, &before_);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const rlimit little{rlim_t(4) << 30, before_.rlim_max};
    setrlimit(RLIMIT_AS, &little);
#endif
  }
  ~LittleMemory() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

class Mutator {
 public:
  explicit Mutator(std::size_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return n ? random_() % n : 0; }

  /// One to three changes, anywhere in the bytes.
  std::string bytes(std::string s) {
    for (std::size_t changes = 1 + below(3); changes-- > 0 && !s.empty();) {
      const std::size_t at = below(s.size()), from = below(s.size());
      const std::size_t run = std::min({1 + below(12), s.size() - at, s.size() - from});
      switch (below(6)) {
        case 0: s[at] = char(s[at] ^ (1 << below(8))); break;
        case 1: s[at] = char(below(256)); break;
        case 2: s.replace(at, run, s.substr(from, run)); break;
        case 3: s.erase(at, run); break;
        case 4: s.insert(at, s.substr(from, run)); break;
        default: s.resize(at);
      }
    }
    return s;
  }

  /// One or two changes that leave it JSON, or nearly: a value or a name becomes another.
  std::string json(std::string s) {
    for (std::size_t changes = 1 + below(2); changes-- > 0;) {
      const auto [at, length] = token(s);
      s.replace(at, length, pick());
    }
    return s;
  }

  /// A safetensors file whose header was changed and whose length still says where it ends.
  std::string header(const std::string& s) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 8; ++i) length |= std::size_t(static_cast<unsigned char>(s[i])) << (8 * i);
    const std::string text = s.substr(8, length), changed = below(4) ? json(text) : bytes(text);
    return io_test::safetensors(changed, 0) + s.substr(8 + length);
  }

  /// A file of torch.save whose pickle was changed, with the check sum of what it is now.
  std::string pickle(std::vector<std::pair<std::string, std::string>> files) {
    for (auto& [name, data] : files) {
      if (!name.ends_with("data.pkl")) continue;
      data = bytes(std::move(data));
      // An opcode becomes another that torch.save writes, or a number an absurd one.
      constexpr std::string_view opcodes = "(NKMJGX})]tqrhjaesucQRb.\x80\x85\x86\x87\x88\x89\x8a\xff\x7f";
      for (std::size_t changes = below(3); changes-- > 0 && !data.empty();)
        data[below(data.size())] = opcodes[below(opcodes.size())];
    }
    return io_test::zip(files, {below(2) == 1, 0, 0, ""});
  }

 private:
  /// A number, a word or a text between quotes.
  std::pair<std::size_t, std::size_t> token(const std::string& s) {
    std::vector<std::pair<std::size_t, std::size_t>> all;
    for (std::size_t i = 0; i < s.size();) {
      std::size_t end = i + 1;
      if (s[i] == '"') {
        while (end < s.size() && s[end] != '"') ++end;
        end = std::min(end + 1, s.size());
      } else if (std::isalnum(static_cast<unsigned char>(s[i])) || s[i] == '-') {
        while (end < s.size() && (std::isalnum(static_cast<unsigned char>(s[end])) || s[end] == '.')) ++end;
      } else {
        ++i;
        continue;
      }
      all.emplace_back(i, end - i);
      i = end;
    }
    return all.empty() ? std::pair<std::size_t, std::size_t>(0, 0) : all[below(all.size())];
  }
  std::string pick() {
    static const std::vector<std::string> values = {
        "0",
        "1",
        "-1",
        "2",
        "3",
        "64",
        "2147483647",
        "2147483648",
        "4294967296",
        "4611686018427387904",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
        "1e999",
        "0.5",
        "-0",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[[[[[[[]]]]]]]",
        "\"\"",
        "\"F32\"",
        "\"F16\"",
        "\"BF16\"",
        "\"F64\"",
        "\"I64\"",
        "\"U8\"",
        "\"F8_E4M3\"",
        "\"BOOL\"",
        "\"NEW\"",
        "\"q\"",
        "\".*\"",
        "\"(a*)*\"",
        "\"(\"",
        "\"(?=.*)*(.*)*(.*)*x\"",
        "\"all-linear\"",
        "\"LORA\"",
        "\"IA3\"",
        "\"ANSER_ADAPTER\"",
        "\"a.safetensors\"",
        "\"../m/model.safetensors\"",
        "\"\\u0000\"",
        "\"shape\"",
        "\"dtype\"",
        "\"data_offsets\"",
        "\"__metadata__\"",
        "\"r\"",
        "\"lora_alpha\"",
        "\"rank_pattern\"",
        "\"base_model.model.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight\""};
    return values[below(values.size())];
  }

  std::mt19937_64 random_;
};

struct Outcome {
  std::size_t read = 0, refused = 0;
};

/// Runs `read`, which may throw Error alone: one line that names a file below the folder.
inline void attempt(const Folder& folder, const std::string& what, const std::function<void()>& read,
                    Outcome& outcome) {
  BOOST_TEST_CHECKPOINT(what);
  const auto start = std::chrono::steady_clock::now();
  try {
    read();
    ++outcome.read;
  } catch (const anser::Error& e) {
    ++outcome.refused;
    const std::string said = e.what();
    if (said.find(folder.path()) == said.npos || said.size() > 4000)
      BOOST_ERROR(what + ": an error of another form: " + said);
  } catch (const std::exception& e) {
    BOOST_ERROR(what + ": another exception: " + e.what());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (seconds > 20) BOOST_ERROR(what + " took " + std::to_string(seconds) + " s");
}

}  // namespace fuzz_test
