#pragma once
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "../core/error.hpp"
#include "../core/pattern.hpp"
#include "import.hpp"
#include "json.hpp"
#include "output_directory.hpp"
#include "output_file.hpp"
#include "torch_file.hpp"

namespace anser {

namespace detail {

/// The tensors of a file that is about to be copied, compared with its check sums where it has them.
inline std::shared_ptr<const Source> open_whole(const std::string& path) {
  const auto file = open_tensors(path);
  if (const auto* torch = dynamic_cast<const TorchFile*>(file.get())) torch->check_sums();
  return file;
}

/// A tensor's numbers must be real and have as many axes.
inline Stored get_numbers(const Source& source, const std::string& name, int rank) {
  const auto t = source.find(name);
  check(t.has_value(), source.origin(), ": the tensor ", name, " is missing; is the file whole?");
  check(is_real(t->dtype), t->origin, " holds ", name_of(t->dtype), "; F32, BF16, F16 or F64 was expected");
  check(t->shape.rank() == rank, t->origin, " has the shape ", t->shape, " and must have ", rank,
        rank == 1 ? " axis" : " axes", ": fetch the file again");
  return *t;
}

/// Compares sites with the base model's linears, where those are known.
class ImportSites {
 public:
  explicit ImportSites(const ImportOptions& o) : known_(!o.linears.empty()) {
    for (const LinearSizes& l : o.linears) linears_.emplace(l.path, l);
  }
  /// `in` and `out`: 0 where the tensor does not tell.
  void compare(const Stored& t, const std::string& site, int in, int out) const {
    if (!known_) return;
    const auto it = linears_.find(site);
    check(it != linears_.end(), t.origin, ": the base model has no linear ", site,
          "; was this expert trained for another model?");
    const LinearSizes& host = it->second;
    check((in == 0 || in == host.in) && (out == 0 || out == host.out), t.origin, " has the shape ", t.shape,
          ", and the base model's weight of ", site, " has [", host.out, ", ", host.in,
          "]; was this expert trained for another model?");
  }

 private:
  bool known_;
  std::map<std::string, LinearSizes, std::less<>> linears_;
};

/// Whether a path is that of a linear of T5, as Hugging Face names them.
inline bool is_t5_linear(std::string_view site) {
  static const Pattern linear(
      R"((encoder|decoder)\.block\.\d+\.layer\.[012]\.((Self|EncDec)Attention\.[qkvo]|DenseReluDense\.w(i|i_0|i_1|o)))");
  return linear.match(site);
}

inline std::string ending_of(std::string_view site) { return std::string(site.substr(site.rfind('.') + 1)); }

inline void write_import_record(const std::string& directory, const std::string& name, const ImportOptions& o) {
  write_record(directory, {name, o.base_model, o.base_hash, "", 0});
}

inline Imported import_peft(const std::string& path, const std::string& output, const ImportOptions& o) {
  check_directory(path, "a PEFT adapter");
  Imported done;
  const Expert e = load_expert(path, &done.notes);
  if (!o.linears.empty()) check_against(e, o.linears);
  const auto file = open_whole(e.tensors->origin());
  OutputDirectory directory(output);
  std::vector<NamedTensor> tensors;
  for (const std::string& name : file->names()) tensors.emplace_back(name, *file->find(name));
  write_safetensors(directory.path() + "/adapter_model.safetensors", std::move(tensors), {{"format", "pt"}});
  for (const char* beside : {"gate.safetensors", "activations.safetensors", "embeddings.safetensors", "expert.json",
                             "adapter_config.json"})  // last, as a directory that has it is an expert
    if (const std::string from = path + '/' + beside; has_file(from)) {
      const auto bytes = MappedFile::open(from);
      write_file(directory.path() + '/' + beside, {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    }
  directory.commit();
  done.kind = e.kind;
  done.experts = 1;
  done.sites = e.sites.size();
  return done;
}

inline constexpr std::string_view tfew_ending = ".multi_lora_b";

inline Imported import_tfew(const std::string& path, const std::string& output, const ImportOptions& o) {
  const auto file = open_whole(path);
  const ImportSites sites(o);
  std::set<std::string> targets, feedforward;
  std::vector<NamedTensor> tensors;
  for (const std::string& name : file->names()) {
    std::string site = name.ends_with(tfew_ending) ? name.substr(0, name.size() - tfew_ending.size()) : "";
    const std::string ending = ending_of(site);
    const bool gated = ending == "wi_1";
    check(is_t5_linear(site) && (ending == "k" || ending == "v" || gated), path, ": ", name,
          " is none of T-Few's IA3, which are k, v and DenseReluDense.wi_1, each with .multi_lora_b");
    Stored t = get_numbers(*file, name, 2);
    check(t.shape[1] == 1, t.origin, " has the shape ", t.shape, " and must have [n, 1]");
    const int n = t.shape[0];
    if (gated) {  // gelu(wi_0 x) * (l * wi_1 x) = l * (the input of wo)
      site.replace(site.size() - ending.size(), ending.size(), "wo");
      t.shape = {1, n};
    }
    sites.compare(t, site, gated ? n : 0, gated ? 0 : n);
    targets.insert(ending_of(site));
    if (gated) feedforward.insert("wo");
    tensors.emplace_back(site + ".ia3_l", std::move(t));
  }
  check(!tensors.empty(), path, " holds no tensors");
  Imported done{"IA3", 1, tensors.size(), {}};
  quote(o.base_model);  // must be UTF-8
  Ia3Description d;
  d.targets.endings.assign(targets.begin(), targets.end());
  d.feedforward.assign(feedforward.begin(), feedforward.end());
  d.base_model = o.base_model;
  OutputDirectory directory(output);
  write_import_record(directory.path(), directory.name(), o);
  write_expert(directory.path(), d, std::move(tensors));
  directory.commit();
  if (o.progress) o.progress(1, 1);
  return done;
}

/// What a key of PHATGOOSE's reference stands for.
struct PhatgooseKey {
  std::string site, part;
  int expert = 0;
};

inline constexpr std::string_view phatgoose_addons = "._addons.", phatgoose_a = "expert_lora.layer1",
                                  phatgoose_b = "expert_lora.layer2", phatgoose_row = "router.expert_embeddings";

/// "encoder.block.0.layer.0.SelfAttention.q._addons.expert_lora.layer1__7"
inline std::optional<PhatgooseKey> split_phatgoose(std::string_view name) {
  const std::size_t addons = name.find(phatgoose_addons), number = name.rfind("__");
  if (addons == name.npos || number == name.npos || number < addons + phatgoose_addons.size()) return {};
  const std::string_view digits = name.substr(number + 2);
  if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != digits.npos) return {};
  if (digits.size() > 1 && digits[0] == '0') return {};
  PhatgooseKey key{
      std::string(name.substr(0, addons)),
      std::string(name.substr(addons + phatgoose_addons.size(), number - addons - phatgoose_addons.size())),
      std::stoi(std::string(digits))};
  if (key.part != phatgoose_a && key.part != phatgoose_b && key.part != phatgoose_row) return {};
  return key;
}

/// [rows, columns] as [columns, rows], numbers as they are.
inline Stored transpose(const Stored& t) {
  const auto rows = std::size_t(t.shape[0]), columns = std::size_t(t.shape[1]), width = size_of(t.dtype);
  const auto numbers = std::make_shared<std::vector<std::byte>>(t.bytes());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      std::memcpy(numbers->data() + (j * rows + i) * width, t.data + (i * columns + j) * width, width);
  Stored turned = t;
  turned.shape = {t.shape[1], t.shape[0]};
  turned.data = numbers->data();
  turned.keep = numbers;
  turned.evict = {};
  if (t.evict) t.evict();
  return turned;
}

/// Keys of one expert, by site: of layer1, layer2 and the router's row.
struct PhatgooseExpert {
  std::map<std::string, std::string> a, b, rows;
};

inline std::map<int, PhatgooseExpert> sort_phatgoose(const Source& file, std::vector<std::string>& notes) {
  std::map<int, PhatgooseExpert> experts;
  for (const std::string& name : file.names()) {
    if (name == "encoder.embed_tokens.weight" || name == "decoder.embed_tokens.weight") {
      notes.push_back(concat(file.origin(), ": ", name, " is the base model's, and left out"));
      continue;
    }
    const auto key = split_phatgoose(name);
    check(key.has_value(), file.origin(), ": ", name,
          " is none of a PHATGOOSE checkpoint's keys, which are <linear>._addons.expert_lora.layer1__i, "
          "...expert_lora.layer2__i and ...router.expert_embeddings__i",
          name.ends_with("_gate") ? "; join the experts with the reference's concatenate.py, which leaves gates of "
                                    "training out"
                                  : "");
    check(is_t5_linear(key->site), file.origin(), ": ", name,
          " stands at no linear of T5; experts and rows of whole stacks or blocks are not supported");
    PhatgooseExpert& e = experts[key->expert];
    (key->part == phatgoose_a ? e.a : key->part == phatgoose_b ? e.b : e.rows)[key->site] = name;
  }
  check(!experts.empty(), file.origin(), " holds no tensors of experts");
  return experts;
}

/// Every site must have both layers, and a row where any site of the file has one.
inline void check_phatgoose(const Source& file, const std::map<int, PhatgooseExpert>& experts, ImportedRows rows) {
  bool any = false;
  for (const auto& [number, e] : experts) any |= !e.rows.empty();
  check(
      !any || rows != ImportedRows::unsaid, file.origin(),
      " has rows expert_embeddings__i and does not say what they are: --rows gate where a gate was trained "
      "(PHATGOOSE), --rows activations where they are mean activations (Average Activation), --rows none for neither");
  const bool wanted = rows == ImportedRows::gate || rows == ImportedRows::activations;
  check(any || !wanted, file.origin(), " has no rows expert_embeddings__i; leave --rows out");
  for (const auto& [number, e] : experts) {
    const auto all_in = [&, n = number](const auto& these, const auto& those, std::string_view part) {
      for (const auto& [site, name] : these)
        check(those.contains(site), file.origin(), ": ", site, phatgoose_addons, part, "__", n, " is missing, and ",
              name, " is there; is the file whole?");
    };
    all_in(e.a, e.b, phatgoose_b);
    all_in(e.b, e.a, phatgoose_a);
    if (!wanted) continue;
    all_in(e.a, e.rows, phatgoose_row);
    all_in(e.rows, e.a, phatgoose_a);
  }
}

inline void write_phatgoose(const Source& file, const std::string& directory, const PhatgooseExpert& e,
                            const ImportSites& sites, const std::string& name, const ImportOptions& o) {
  LoraDescription d;
  d.alpha = 1;
  d.base_model = o.base_model;
  std::vector<NamedTensor> tensors, rows;
  std::set<std::string> endings;
  for (const auto& [site, key] : e.a) {
    const Stored a = get_numbers(file, key, 2), b = get_numbers(file, e.b.at(site), 2);
    check(a.shape[1] == b.shape[0] && a.shape[1] > 0, a.origin, " has the shape ", a.shape, " [in, r] and layer2 ",
          b.shape, " [r, out]; the ranks must be equal: fetch the file again");
    if (tensors.empty()) d.rank = a.shape[1];
    check(a.shape[1] == d.rank, a.origin, " has the shape ", a.shape, " [in, r], and the expert's others have r ",
          d.rank);
    sites.compare(a, site, a.shape[0], 0);
    sites.compare(b, site, 0, b.shape[1]);
    endings.insert(ending_of(site));
    if (o.rows == ImportedRows::gate || o.rows == ImportedRows::activations) {
      Stored row = get_numbers(file, e.rows.at(site), 1);
      check(row.shape[0] == a.shape[0], row.origin, " has the shape ", row.shape, ", and layer1 there has ", a.shape,
            "; they must have the same input");
      const auto numbers = std::make_shared<std::vector<float>>(row.shape.size());
      convert(row, numbers->data());
      rows.emplace_back(
          site,
          Stored{DType::f32, row.shape, reinterpret_cast<const std::byte*>(numbers->data()), numbers, row.origin, {}});
    }
    tensors.emplace_back(site + ".lora_A.weight", transpose(a));
    tensors.emplace_back(site + ".lora_B.weight", transpose(b));
  }
  d.targets.endings.assign(endings.begin(), endings.end());
  if (!rows.empty())
    write_safetensors(directory + (o.rows == ImportedRows::gate ? "/gate.safetensors" : "/activations.safetensors"),
                      rows);
  write_import_record(directory, name, o);
  write_expert(directory, d, std::move(tensors));
}

/// "expert-07", so that the pool's order is that of the numbers.
inline std::string numbered_name(int number, int last) {
  const std::string digits = std::to_string(number);
  const std::size_t width = std::max<std::size_t>(2, std::to_string(last).size());
  return "expert-" + std::string(width - digits.size(), '0') + digits;
}

inline void check_names(const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    check(!name.empty() && name[0] != '.' && name != "training" && name.size() <= 200 && printable(name) == name &&
              name.find('/') == name.npos,
          printable(name), " is no name for an expert's folder");
    check(seen.insert(name).second, name, " names two experts; give each a name of its own");
  }
}

inline Imported import_phatgoose(const std::string& path, const std::string& output, const ImportOptions& o) {
  const auto file = open_whole(path);
  Imported done{"LORA", 0, 0, {}};
  const auto experts = sort_phatgoose(*file, done.notes);
  check_phatgoose(*file, experts, o.rows);
  check_names(o.names);
  check(o.names.empty() || o.names.size() == experts.size(), path, " has ", experts.size(), " experts, and ",
        o.names.size(), " names were given");
  const ImportSites sites(o);
  OutputDirectory pool(output);
  std::size_t left_out = 0;
  for (const auto& [number, e] : experts) {
    check(!e.a.empty(), path, ": the expert ", number, " has rows and no layers; is the file whole?");
    const std::string name = o.names.empty() ? numbered_name(number, experts.rbegin()->first) : o.names[done.experts];
    write_phatgoose(*file, pool.path() + '/' + name, e, sites, name, o);
    done.sites += e.a.size();
    if (o.rows == ImportedRows::none) left_out += e.rows.size();
    ++done.experts;
    if (o.progress) o.progress(done.experts, experts.size());
  }
  if (left_out) done.notes.push_back(concat(path, ": ", left_out, " rows expert_embeddings__i were left out"));
  pool.commit();
  return done;
}

}  // namespace detail

ANSER_INLINE std::string_view name_of(ImportKind kind) {
  return kind == ImportKind::peft ? "peft" : kind == ImportKind::tfew_ia3 ? "tfew-ia3" : "phatgoose";
}

ANSER_INLINE std::optional<ImportKind> import_kind(std::string_view name) {
  for (ImportKind kind : {ImportKind::peft, ImportKind::tfew_ia3, ImportKind::phatgoose})
    if (name == name_of(kind)) return kind;
  return {};
}

ANSER_INLINE ImportKind detect_import(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    check(has_file(path + "/adapter_config.json"), path,
          " has no adapter_config.json, so is no adapter of PEFT; name a checkpoint's file itself");
    return ImportKind::peft;
  }
  const auto names = open_tensors(path)->names();
  check(!names.empty(), path, " holds no tensors");
  for (const std::string& name : names) {
    if (name.ends_with(detail::tfew_ending)) return ImportKind::tfew_ia3;
    if (name.find(detail::phatgoose_addons) != name.npos) return ImportKind::phatgoose;
    check(name.find(".lora_A") == name.npos && name.find(".ia3_l") == name.npos, path,
          " is the file of a PEFT adapter; name its directory, which has adapter_config.json beside it");
  }
  fail(path, " looks like none of T-Few's and PHATGOOSE's checkpoints (its first tensor is ", names[0],
       "); --kind says what it is");
}

ANSER_INLINE Imported import_experts(const std::string& path, const std::string& output, ImportKind kind,
                                     const ImportOptions& options) {
  check(kind == ImportKind::phatgoose || (options.rows == ImportedRows::unsaid && options.names.empty()), path, ": ",
        name_of(kind), " has one expert without rows; --rows and --names are for phatgoose");
  switch (kind) {
    case ImportKind::peft: return detail::import_peft(path, output, options);
    case ImportKind::tfew_ia3: return detail::import_tfew(path, output, options);
    default: return detail::import_phatgoose(path, output, options);
  }
}

}  // namespace anser
