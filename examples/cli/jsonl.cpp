#include "jsonl.hpp"

#include <anser/core/error.hpp>
#include <anser/io/mapped_file.hpp>

#include <algorithm>
#include <numeric>
#include <string_view>

#include "text.hpp"

namespace anser::cli {

std::vector<Json> read_jsonl(const std::string& path) {
  const auto file = MappedFile::open(path);
  std::string_view rest(reinterpret_cast<const char*>(file->data()), file->size());
  std::vector<Json> records;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    records.push_back(parse_json(line, concat(path, ':', number)));
    if (records.back().kind() != Json::Kind::object)
      fail(path, ':', number, ": each line must be a JSON object such as {\"input\": \"...\"}, not ",
           records.back().written(40));
  }
  check(!records.empty(), path, " holds no records; each line is a JSON object such as {\"input\": \"...\"}");
  return records;
}

std::string with_fields(const Json& record, const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  auto add = [&](const std::string& key, const std::string& value) {
    out += (out.empty() ? "{" : ", ") + quote(key) + ": " + value;
  };
  for (const auto& key : record.keys()) {
    const bool replaced = std::any_of(fields.begin(), fields.end(), [&](const auto& f) { return f.first == key; });
    if (replaced) continue;
    const auto value = record.find(key);
    add(key, value ? value->written() : "null");
  }
  for (const auto& [key, value] : fields) add(key, value);
  return out + '}';
}

Lines::Lines(const std::string& path) {
  if (!path.empty()) file_ = std::make_unique<OutputFile>(path);
}

void Lines::add(const std::string& line) {
  if (file_)
    file_->write(line + '\n');
  else
    print(line + '\n');
}

void Lines::finish() {
  if (file_)
    file_->commit();
  else
    finish_output();
}

std::vector<std::vector<std::size_t>> batches_by_length(const std::vector<std::size_t>& lengths, int size) {
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<std::size_t>> batches;
  for (std::size_t at = 0; at < order.size(); at += std::size_t(size)) {
    const std::size_t end = std::min(order.size(), at + std::size_t(size));
    batches.emplace_back(order.begin() + std::ptrdiff_t(at), order.begin() + std::ptrdiff_t(end));
  }
  return batches;
}

}  // namespace anser::cli
