#pragma once
/// A sentencepiece character map from a table, for tests: the format written plainly, one block of 256 units per node.
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

inline std::string charsmap_blob(const std::map<std::string, std::string>& table) {
  std::map<std::string, std::uint32_t> nodes{{"", 0}};  // prefix -> number
  for (const auto& [key, text] : table)
    for (std::size_t n = 1; n <= key.size(); ++n) nodes.try_emplace(key.substr(0, n), std::uint32_t(nodes.size()));
  std::vector<std::uint32_t> units(256 * (nodes.size() + 1), 1u << 31);  // matches no label
  const auto base = [&](const std::string& prefix) { return 256 * (nodes.at(prefix) + 1); };
  std::string texts;
  units[0] = base("") << 10;
  for (const auto& [prefix, number] : nodes) {
    if (prefix.empty()) continue;
    const auto byte = static_cast<unsigned char>(prefix.back());
    const std::uint32_t position = base(prefix.substr(0, prefix.size() - 1)) ^ byte;
    units[position] = (position ^ base(prefix)) << 10 | byte;
    if (const auto entry = table.find(prefix); entry != table.end()) {
      units[position] |= 1u << 8;
      units[base(prefix)] = 1u << 31 | std::uint32_t(texts.size());
      texts += entry->second + '\0';
    }
  }
  const auto bytes = std::uint32_t(4 * units.size());
  std::string blob(4 + bytes, '\0');
  std::memcpy(blob.data(), &bytes, 4);
  std::memcpy(blob.data() + 4, units.data(), bytes);
  return blob + texts;
}
