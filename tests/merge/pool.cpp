#include <anser/merge/pool.hpp>
#include <cstring>

#include "../io/temporary.hpp"
#include "matrices.hpp"

namespace {

using namespace anser;
using namespace merge_test;
using io_test::Folder;

const std::string q = "encoder.block.0.layer.0.SelfAttention.q", wo = "decoder.block.1.layer.2.DenseReluDense.wo";

std::string golden(const std::string& path) { return std::string(ANSER_TEST_GOLDEN_DIR) + '/' + path; }

/// s B A of an expert at a site; nothing where it does not act.
Numbers delta(const Expert& e, const std::string& site) {
  if (!e.has(site)) return {};
  const Stored a = *e.tensors->find(site + ".lora_A.weight"), b = *e.tensors->find(site + ".lora_B.weight");
  FactoredProduct p{b.shape[0], a.shape[1], a.shape[0], std::vector<float>(a.shape.size()),
                    std::vector<float>(b.shape.size())};
  convert(a, p.a.data());
  convert(b, p.b.data());
  Numbers m = product(p);
  for (double& v : m) v *= e.scale(site, p.rank);
  return m;
}

Numbers sum(const Pool& pool, const std::string& site, const std::vector<double>& weights) {
  Numbers total;
  for (std::size_t e = 0; e < pool.experts.size(); ++e) {
    const Numbers d = delta(pool.experts[e], site);
    if (total.empty()) total.resize(d.size());
    for (std::size_t i = 0; i < d.size(); ++i) total[i] += weights[e] * d[i];
  }
  return total;
}

Numbers read(const Source& source, const std::string& name) {
  const auto t = source.find(name);
  BOOST_REQUIRE_MESSAGE(t, source.origin() << " has no " << name);
  Numbers v(t->shape.size());
  convert(*t, v.data());
  return v;
}

MergeOptions options(MergeMethod method, std::vector<double> weights = {}, int rank = 0, double density = 1) {
  MergeOptions o;
  o.method = method;
  o.weights = std::move(weights);
  o.rank = rank;
  o.density = density;
  return o;
}

/// An expert that this test writes: A and B are `value` everywhere.
void write_lora(const std::string& directory, int rank, int in, int out, float value = 1) {
  const std::vector<float> numbers(std::size_t(rank * std::max(in, out)), value);
  LoraDescription d;
  d.rank = rank;
  d.alpha = rank;
  d.targets = Targets::parse("q");
  write_expert(directory, d,
               {{q + ".lora_A.weight", stored_view(numbers.data(), {rank, in})},
                {q + ".lora_B.weight", stored_view(numbers.data(), {out, rank})}});
}

void write_ia3(const Folder& folder, const std::string& name, const std::map<std::string, std::vector<float>>& sites) {
  folder.write(name + "/adapter_config.json",
               R"({"peft_type": "IA3", "target_modules": ["k", "wo"], "feedforward_modules": ["wo"]})");
  std::vector<NamedTensor> tensors;
  for (const auto& [site, g] : sites) {
    const int n = int(g.size());
    tensors.emplace_back("base_model.model." + site + ".ia3_l",
                         stored_view(g.data(), site.ends_with("wo") ? Shape{1, n} : Shape{n, 1}));
  }
  write_safetensors(folder.path(name + "/adapter_model.safetensors"), tensors);
}

BOOST_AUTO_TEST_SUITE(pool_merges)

BOOST_AUTO_TEST_CASE(one_expert_of_weight_1_is_itself) {
  const Folder folder;
  for (const auto& [from, name] : {std::pair("pool/even", "date"), std::pair("pool/mixed", "even-odd")})
    for (const MergeRule& rule : merge_rules) {
      const Pool pool = load_pool(golden(from));
      const std::string chosen = std::string(from) == "pool/even" ? name : pool.experts.back().name;
      const Pool one = choose_experts(pool, {chosen});
      const std::string output = folder.path(std::string(from).substr(5) + '-' + std::string(rule.name));
      const MergeReport report = merge_pool(one, options(rule.method, {1}), output);
      const Expert merged = load_expert(output);
      BOOST_TEST((merged.sites == one.experts[0].sites));
      BOOST_TEST(report.error() < 1e-6);
      for (const std::string& site : merged.sites)
        BOOST_TEST(error(delta(merged, site), delta(one.experts[0], site)) < 1e-6, rule.name << " at " << site);
    }
}

BOOST_AUTO_TEST_CASE(sums_of_many_are_exact) {
  const Folder folder;
  for (const std::string name : {"even", "mixed"}) {
    const Pool pool = load_pool(golden("pool/" + name));
    const std::size_t n = pool.experts.size();
    const MergeReport cat = merge_pool(pool, options(MergeMethod::cat), folder.path(name + "-cat"));
    const MergeReport mean = merge_pool(pool, options(MergeMethod::linear), folder.path(name + "-linear"));
    auto half = options(MergeMethod::task_arithmetic);
    half.lambda = 0.5;
    merge_pool(pool, half, folder.path(name + "-task"));
    BOOST_TEST(!cat.cut());
    std::vector<std::string> warnings;
    const Expert stacked = load_expert(folder.path(name + "-cat"), &warnings);
    const Expert averaged = load_expert(folder.path(name + "-linear")),
                 halved = load_expert(folder.path(name + "-task"));
    BOOST_TEST(warnings.empty());
    BOOST_REQUIRE(stacked.sites.size() == cat.sites.size());
    for (const MergedSite& s : cat.sites) {
      // The average of the products, as Uniform would add it, n times.
      Numbers uniform = sum(pool, s.site, std::vector<double>(n, 1 / double(n)));
      int rank = 0, experts = 0;
      for (const Expert& e : pool.experts)
        if (e.has(s.site)) {
          rank += e.tensors->find(s.site + ".lora_A.weight")->shape[0];
          ++experts;
        }
      BOOST_TEST(s.rank == rank);
      BOOST_TEST(s.experts == experts);
      BOOST_TEST(error(delta(averaged, s.site), uniform) < 1e-6);
      for (double& v : uniform) v *= double(n);
      BOOST_TEST(error(delta(stacked, s.site), uniform) < 1e-6);
      for (double& v : uniform) v *= 0.5;
      BOOST_TEST(error(delta(halved, s.site), uniform) < 1e-6);
    }
    BOOST_TEST((mean.weights == std::vector<double>(n, 1 / double(n))));
  }
}

BOOST_AUTO_TEST_CASE(products_are_merged_as_peft_merges_them) {
  const std::string path = golden("merge/even.safetensors");
  BOOST_REQUIRE_MESSAGE(std::filesystem::exists(path),
                        "the golden file " << path << " is missing; make it with: python tests/golden/make.py merge");
  const Safetensors file(path);
  const Json about = read_json(golden("merge/even.json"));
  std::vector<double> weights;
  for (const Json& w : about.at("weights").items()) weights.push_back(w.real());
  const Pool pool = choose_experts(load_pool(golden("pool/even")), about.texts("experts"));
  const Folder folder;
  for (const std::string& name : about.at("cases").keys()) {
    const Json c = about.at("cases").at(name);
    MergeOptions o = options(find_merge_method(c.text("combination_type")), weights,
                             int(c.integer("svd_rank", 0, 99, 0)), c.real("density", 1));
    if (c.text("majority_sign_method", "total") == "frequency") o.sign = MajoritySign::frequency;
    merge_pool(pool, o, folder.path(name));
    const Expert merged = load_expert(folder.path(name));
    for (const std::string& site : c.texts("sites")) {
      const double e = error(delta(merged, site), read(file, name + '.' + site));
      BOOST_TEST_MESSAGE(name << " at " << site << ": " << e);
      BOOST_TEST(e < 1e-5, name << " at " << site << ": " << e);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_error_told_is_that_of_the_products) {
  const Folder folder;
  const Pool pool = load_pool(golden("pool/even"));
  const std::vector<double> weights(8, 0.125);
  for (const int rank : {0, 2, 9}) {
    const MergeReport report = merge_pool(pool, options(MergeMethod::svd, {}, rank), folder.path(std::to_string(rank)));
    const Expert merged = load_expert(folder.path(std::to_string(rank)));
    double lost = 0, total = 0, mean = 0, worst = 0;
    for (const MergedSite& s : report.sites) {
      const Numbers exact = sum(pool, s.site, weights);
      const double direct = distance(delta(merged, s.site), exact);
      BOOST_TEST(std::abs(s.relative_error() - direct / merge_test::norm(exact)) < 1e-6);
      BOOST_TEST(s.rank == (rank ? rank : 4));
      lost += direct * direct;
      total += merge_test::norm(exact) * merge_test::norm(exact);
      mean += s.relative_error() / double(report.sites.size());
      worst = std::max(worst, s.relative_error());
    }
    BOOST_TEST(std::abs(report.error() - std::sqrt(lost / total)) < 1e-6);
    BOOST_TEST(std::abs(report.mean_error() - mean) < 1e-12);
    BOOST_TEST(report.worst().relative_error() == worst);
    BOOST_TEST(worst > 0.1);
    const Json record = read_json(folder.path(std::to_string(rank) + "/merge.json"));
    BOOST_TEST(record.real("error") == report.error());
    BOOST_TEST(record.at("weights").real("antonym") == 0.125);
    BOOST_TEST(record.at("sites").at(q).integer("rank", 0, 99) == (rank ? rank : 4));
  }
  const auto record = read_record(folder.path("2"));
  BOOST_REQUIRE(record);
  BOOST_TEST(record->training_data.find("merged by svd from antonym, ") == 0u);
  BOOST_TEST(record->base_hash == read_record(golden("pool/even/antonym"))->base_hash);
  BOOST_TEST(record->name == "2");
}

BOOST_AUTO_TEST_CASE(models_get_the_merged_delta_in_their_weights) {
  const Folder folder;
  const Pool pool = load_pool(golden("pool/mixed"));
  const std::vector<double> weights{1, 0.5, -1, 2, 0.25};
  for (const auto& [name, tolerance] : {std::pair("v1_1", 1e-6), std::pair("v1_1_sharded", 1e-6),
                                        std::pair("v1_1_bf16", 4e-3), std::pair("v1_1_f16", 5e-4)}) {
    const ModelDirectory base(golden(name));
    const std::string output = folder.path(std::string("merged-") + name);
    std::size_t told = 0, of = 0;
    const MergeReport report = merge_pool(pool, options(MergeMethod::linear, weights), base, output,
                                          [&](std::size_t done, std::size_t sites) { told = done, of = sites; });
    BOOST_TEST(told == report.sites.size());
    BOOST_TEST(told == of);
    const ModelDirectory merged(output);
    BOOST_TEST((merged.names() == base.names()));
    BOOST_TEST(merged.shards().size() == base.shards().size());
    BOOST_TEST(io_test::read(output + "/config.json") == io_test::read(golden(name) + "/config.json"));
    std::size_t changed = 0;
    for (const std::string& tensor : base.names()) {
      const Stored a = *merged.find(tensor), b = *base.find(tensor);
      BOOST_REQUIRE((a.dtype == b.dtype && a.shape == b.shape));
      const std::string site = tensor.substr(0, tensor.size() - 7);
      Numbers expected = sum(pool, site, weights);
      if (expected.empty()) {
        BOOST_TEST(std::memcmp(a.data, b.data, a.bytes()) == 0, tensor);
        continue;
      }
      ++changed;
      const Numbers w = read(base, tensor);
      for (std::size_t i = 0; i < w.size(); ++i) expected[i] += w[i];
      BOOST_TEST(error(read(merged, tensor), expected) < tolerance, tensor);
    }
    BOOST_TEST(changed == report.sites.size());
  }
  // Cut where it is asked for, and not where a method would have a rank of its own.
  const ModelDirectory base(golden("v1_1"));
  BOOST_TEST(merge_pool(pool, options(MergeMethod::linear, weights, 2), base, folder.path("cut")).error() > 0.1);
  BOOST_TEST(!merge_pool(pool, options(MergeMethod::ties, {}, 0, 0.2), base, folder.path("ties")).cut());
}

BOOST_AUTO_TEST_CASE(ia3_is_merged_as_distance_from_1) {
  const Folder folder, out;
  const std::string k = "encoder.block.0.layer.0.SelfAttention.k";
  write_ia3(folder, "a", {{k, {2, 1, 0.5}}, {wo, {1, 3}}});
  write_ia3(folder, "b", {{k, {4, 0, 1}}});
  const Pool pool = load_pool(folder.path());
  const auto merged = [&](const MergeOptions& o, const std::string& name) {
    const MergeReport report = merge_pool(pool, o, out.path(name));
    BOOST_TEST(!report.cut());
    return load_expert(out.path(name));
  };
  const Expert linear = merged(options(MergeMethod::linear), "linear");
  BOOST_TEST((read(*linear.tensors, k + ".ia3_l") == Numbers{3, 0.5, 0.75}));
  BOOST_TEST((read(*linear.tensors, wo + ".ia3_l") == Numbers{1, 2}));
  BOOST_TEST((linear.tensors->find(wo + ".ia3_l")->shape == Shape{1, 2}));
  const Expert sum = merged(options(MergeMethod::task_arithmetic, {1, -1}), "sum");
  BOOST_TEST((read(*sum.tensors, k + ".ia3_l") == Numbers{-1, 2, 0.5}));
  const Expert ties = merged(options(MergeMethod::ties), "ties");
  BOOST_TEST((read(*ties.tensors, k + ".ia3_l") == Numbers{3, 0, 0.5}));
  for (const auto& o : {options(MergeMethod::cat), options(MergeMethod::svd), options(MergeMethod::linear, {}, 2)})
    CHECK_SAYS(merge_pool(pool, o, out.path("x")), "IA3's vectors have no rank");

  // Into weights: k's rows, wo's columns.
  folder.write("model/config.json", "{}");
  io_test::write_tensors(folder.path("model/model.safetensors"), {{k + ".weight", {3, 2}}, {wo + ".weight", {3, 2}}});
  const ModelDirectory base(folder.path("model"));
  merge_pool(pool, options(MergeMethod::linear), base, out.path("model"));
  const ModelDirectory model(out.path("model"));
  BOOST_TEST((read(model, k + ".weight") == Numbers{0, 3, 1, 1.5, 3, 3.75}));
  BOOST_TEST((read(model, wo + ".weight") == Numbers{0, 2, 2, 6, 4, 10}));
}

BOOST_AUTO_TEST_CASE(targets_name_the_sites_and_no_others) {
  const Folder folder;
  const auto targets = [&](const std::string& pool, const std::vector<std::string>& names) {
    const std::string output = folder.path(names[0]);
    merge_pool(choose_experts(load_pool(golden(pool)), names), options(MergeMethod::cat), output);
    return read_json(output + "/adapter_config.json").texts("target_modules");
  };
  const Pool mixed = load_pool(golden("pool/mixed"));
  const auto all = targets("pool/even", {"antonym", "date"});
  BOOST_TEST((all == std::vector<std::string>{"k", "o", "q", "v", "wi_0", "wi_1", "wo"}));
  const auto paths = targets("pool/mixed", {mixed.experts[3].name, mixed.experts[4].name});
  BOOST_TEST(paths.size() == load_expert(folder.path(mixed.experts[3].name)).sites.size());
  BOOST_TEST((std::find(paths.begin(), paths.end(), q) != paths.end()));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_merged_is_refused_and_nothing_is_left) {
  const Folder folder, out;
  write_lora(folder.path("a"), 2, 6, 4);
  write_lora(folder.path("b"), 3, 6, 4);
  const MergeOptions linear = options(MergeMethod::linear);
  const auto refused = [&](const Pool& pool, const MergeOptions& o, const std::vector<std::string>& words) {
    const std::string message = io_test::error_of([&] { merge_pool(pool, o, out.path("x")); });
    BOOST_TEST(io_test::says(message, words), message);
    BOOST_TEST(std::filesystem::is_empty(out.path()));
  };
  const Pool pool = load_pool(folder.path());
  refused(pool, options(MergeMethod::linear, {1}), {"1 weights for 2 experts"});
  refused(pool, options(MergeMethod::linear, {1, NAN}), {"the weight of b is not finite"});
  refused(pool, options(MergeMethod::ties, {}, 0, 2), {"a density of 2"});
  refused(pool, options(MergeMethod::linear, {1e39, 1}, 1), {q, "leaves the range of F32"});
  CHECK_SAYS(choose_experts(pool, {"c"}), "no expert c", "a, b");
  CHECK_SAYS(choose_experts(pool, {"a", "a"}), "named twice");
  CHECK_SAYS(arrange_weights(pool, {{"a", 1}}), "b has no weight");
  CHECK_SAYS(arrange_weights(pool, {{"a", 1}, {"b", 1}, {"c", 1}}), "a weight for c");
  BOOST_TEST((arrange_weights(pool, {{"b", 2}, {"a", 1}}) == std::vector<double>{1, 2}));

  write_lora(folder.path("wide"), 2, 7, 4);
  refused(load_pool(folder.path()), linear, {"wide", q + ".lora_A.weight", "[2, 7]", "that of a has [2, 6]"});
  std::filesystem::remove_all(folder.path("wide"));
  write_lora(folder.path("spoilt"), 2, 6, 4, NAN);
  refused(load_pool(folder.path()), linear, {"spoilt", "lora_A", "NaN"});
  std::filesystem::remove_all(folder.path("spoilt"));

  const ModelDirectory base(golden("v1_1"));
  CHECK_SAYS(merge_pool(pool, linear, base, out.path("x")), "2 of 2 experts do not fit", "[2, 6]", "[32, 32]");
  const Pool even = load_pool(golden("pool/even"));
  CHECK_SAYS(merge_pool(even, options(MergeMethod::linear, std::vector<double>(8, 1e6)),
                        ModelDirectory(golden("v1_1_f16")), out.path("x")),
             "leaves the range of F16");
  BOOST_TEST(std::filesystem::is_empty(out.path()));

  out.write("there/notes.txt", "kept");
  CHECK_SAYS(merge_pool(pool, linear, out.path("there")), "there is there already");
  CHECK_SAYS(merge_pool(even, linear, base, out.path("there/")), "is there already");
  CHECK_SAYS(merge_pool(pool, linear, ""), "needs a name");
  merge_pool(pool, linear, out.path("new/one/"));
  BOOST_TEST(load_expert(out.path("new/one")).sites.size() == 1u);

  Pool adapters = pool;
  adapters.kind = "ANSER_ADAPTER";
  CHECK_SAYS(merge_pool(adapters, linear, out.path("x")), "ANSER_ADAPTER have no products");
}

BOOST_AUTO_TEST_CASE(experts_of_different_base_models_are_warned_of) {
  const Folder folder;
  write_lora(folder.path("pool/a"), 2, 6, 4);
  write_lora(folder.path("pool/b"), 2, 6, 4);
  write_record(folder.path("pool/a"), {"a", "t5", "one", "", 0});
  write_record(folder.path("pool/b"), {"b", "flan", "another", "", 0});
  const MergeReport report = merge_pool(load_pool(folder.path("pool")), options(MergeMethod::linear), folder.path("x"));
  BOOST_REQUIRE(report.warnings.size() == 1u);
  BOOST_TEST(io_test::says(report.warnings[0], {"a and b", "different base models"}));
  BOOST_TEST(read_record(folder.path("x"))->base_hash.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
