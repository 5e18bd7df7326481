#pragma once
#include <anser/io/json.hpp>
#include <anser/io/output_file.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace anser::cli {

/// A file of one JSON object per line. Blank lines are passed over; every complaint names file and line.
std::vector<Json> read_jsonl(const std::string& path);

/// A record again, with fields added or replaced: values are JSON already. No newline.
std::string with_fields(const Json& record, const std::vector<std::pair<std::string, std::string>>& fields);

/// Items as a list of JSON; `written` gives one item's.
template <class T, class F>
std::string json_list(const std::vector<T>& items, F&& written) {
  std::string out = "[";
  for (const auto& item : items) out.append(out.size() > 1 ? ", " : "").append(written(item));
  return out + ']';
}
inline std::string json_list(const std::vector<std::string>& texts) { return json_list(texts, quote); }

/// Lines to a file that appears whole or not at all, or to stdout where the path is empty.
class Lines {
 public:
  explicit Lines(const std::string& path);
  void add(const std::string& line);
  void finish();

 private:
  std::unique_ptr<OutputFile> file_;
};

/// 0 .. n-1 in batches of at most `size` whose lengths lie close together: longest first, so that what does not fit
/// into memory fails at once.
std::vector<std::vector<std::size_t>> batches_by_length(const std::vector<std::size_t>& lengths, int size);

}  // namespace anser::cli
