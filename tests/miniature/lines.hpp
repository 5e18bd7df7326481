#pragma once
#include <anser/io/examples.hpp>

#include <sstream>
#include <string>
#include <vector>

namespace miniature_test {

using Words = std::vector<std::string>;

inline std::vector<anser::Example> examples(const std::string& path) {
  const anser::ExampleFile file(path);
  std::vector<anser::Example> all;
  for (std::size_t i = 0; i < file.size(); ++i) all.push_back(file[i]);
  return all;
}

inline Words split(const std::string& text) {
  std::istringstream in(text);
  Words words;
  for (std::string w; in >> w;) words.push_back(w);
  return words;
}

}  // namespace miniature_test
