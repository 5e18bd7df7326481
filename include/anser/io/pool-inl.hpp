#pragma once
#include <algorithm>
#include <filesystem>
#include <map>

#include "../core/error.hpp"
#include "json.hpp"
#include "pool.hpp"

namespace anser {

namespace detail {
/// Names of the folders in a pool that are not hidden, bytewise; of links that lead nowhere too, which do not load.
inline std::vector<std::string> pool_folders(const std::string& directory) {
  namespace fs = std::filesystem;
  check_directory(directory, "a pool");
  check(!has_file(directory + "/adapter_config.json"), directory,
        " is itself an expert; name the folder that holds it, or put it into one");
  std::vector<std::string> folders;
  try {
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename().string();
      std::error_code ignored;
      if (name.starts_with('.')) continue;
      if (name == "training" && !has_file(entry.path().string() + "/adapter_config.json")) continue;  // the pool's own
      const bool dangling = entry.is_symlink(ignored) && !entry.exists(ignored);  // its expert would be missed silently
      if (dangling || entry.is_directory(ignored)) folders.push_back(name);
    }
  } catch (const fs::filesystem_error& e) {
    fail(directory, " cannot be read: ", e.code().message());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// "reason; reason", at most three: a pool that was made wrong has the same one for each expert.
inline std::string list_reasons(const std::vector<std::string>& reasons) {
  std::string text;
  for (std::size_t i = 0; i < reasons.size() && i < 3; ++i) text += (i ? "; " : "") + reasons[i];
  if (reasons.size() > 3) text += concat("; and ", reasons.size() - 3, " more (`anser pool check` lists all)");
  return text;
}
/// Takes out of a pool's folders whom the options leave out.
inline void choose_folders(const std::string& directory, std::vector<std::string>& folders, const PoolOptions& o) {
  const auto among = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<std::string> unknown;
  for (const auto* list : {&o.allow, &o.deny})
    for (const std::string& name : *list)
      if (!among(folders, name)) unknown.push_back(quote(name));
  check(unknown.empty(), directory, ": there is no expert ", list_names(unknown), "; there are ", list_names(folders));
  std::erase_if(folders, [&](const std::string& folder) {
    return (!o.allow.empty() && !among(o.allow, folder)) || among(o.deny, folder);
  });
  check(!folders.empty(), directory, ": --allow and --deny leave no expert; name others");
}
}  // namespace detail

ANSER_INLINE std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  std::string all;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) all += (i ? ", " : "") + names[i];
  return names.size() > most ? concat(all, " and ", names.size() - most, " more") : all;
}

ANSER_INLINE Pool load_pool(const std::string& directory, const PoolOptions& options) {
  Pool pool;
  pool.origin = directory;
  auto folders = detail::pool_folders(directory);
  check(!folders.empty(), directory, " holds no expert directories; each expert is a folder in it");
  detail::choose_folders(directory, folders, options);
  std::erase_if(folders, [&](const std::string& folder) {
    const std::string path = directory + '/' + folder;
    std::error_code ignored;
    const bool unfinished = std::filesystem::is_directory(path + "/training", ignored) &&
                            !std::filesystem::exists(path + "/adapter_config.json", ignored);
    check(!unfinished || options.allow.empty(), path, ": its training is not finished; go on with it, or name others");
    if (unfinished) pool.warnings.push_back(path + ": its training is not finished; the expert is left out");
    return unfinished;
  });
  check(!folders.empty(), directory, " holds no expert whose training is finished; go on with it");
  for (const std::string& folder : folders) {
    const std::string path = directory + '/' + folder;
    try {
      Expert e = load_expert(path, &pool.warnings);
      e.name = folder;
      const auto record = read_record(path);
      if (record && !options.base_hash.empty() && !record->base_hash.empty() && record->base_hash != options.base_hash)
        pool.warnings.push_back(concat(path, " was trained on another base model (",
                                       record->base_model.empty() ? "unnamed" : record->base_model, ", hash ",
                                       record->base_hash.substr(0, 12), ") than this one (hash ",
                                       options.base_hash.substr(0, 12), "); its results may be poor"));
      pool.experts.push_back(std::move(e));
    } catch (const Error& error) {
      pool.skipped.push_back(error.what());
    }
  }
  check(options.skip_broken || pool.skipped.empty(), directory, ": ", pool.skipped.size(), " of ", folders.size(),
        " experts do not load (--skip-broken leaves them out): ", detail::list_reasons(pool.skipped));
  check(!pool.experts.empty(), directory, ": none of the ", folders.size(),
        " experts loads: ", detail::list_reasons(pool.skipped));
  pool.kind = pool.experts[0].kind;
  for (const Expert& e : pool.experts)
    check(e.kind == pool.kind, directory, ": ", pool.experts[0].name, " is ", pool.kind, " and ", e.name, " is ",
          e.kind, "; a pool has experts of one kind, move the others to a pool of their own");
  return pool;
}

ANSER_INLINE void check_against(const Pool& pool, const std::vector<LinearSizes>& linears) {
  std::map<std::string, LinearSizes, std::less<>> by_path;
  for (const LinearSizes& l : linears) by_path.emplace(l.path, l);
  std::vector<std::string> reasons;
  for (const Expert& e : pool.experts) try {
      check_against(e, by_path);
    } catch (const Error& error) {
      reasons.push_back(error.what());
    }
  check(reasons.empty(), pool.origin, ": ", reasons.size(), " of ", pool.experts.size(),
        " experts do not fit the base model: ", detail::list_reasons(reasons));
}

}  // namespace anser
