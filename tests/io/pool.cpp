#include <anser/io/pool.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

namespace {

using io_test::Folder;

const std::string q = "encoder.block.0.layer.0.SelfAttention.q";

void write_expert(const Folder& folder, const std::string& name, int rank = 2, int in = 6, int sites = 1) {
  const std::vector<float> numbers(std::size_t(rank) * 64, 1.f);
  anser::LoraDescription d;
  d.rank = rank;
  d.targets = anser::Targets::parse("q");
  std::vector<anser::NamedTensor> tensors;
  for (int i = 0; i < sites; ++i) {
    const std::string site = sites == 1 ? q : "encoder.block." + std::to_string(i) + ".layer.0.SelfAttention.q";
    tensors.emplace_back(site + ".lora_A.weight", anser::stored_view(numbers.data(), {rank, in}));
    tensors.emplace_back(site + ".lora_B.weight", anser::stored_view(numbers.data(), {4, rank}));
  }
  anser::write_expert(folder.path(name), d, tensors);
}

BOOST_AUTO_TEST_SUITE(pool)

BOOST_AUTO_TEST_CASE(experts_are_ordered_bytewise_and_other_things_ignored) {
  const Folder folder;
  for (const char* name : {"b", "a10", "a2", "B", "ä"}) write_expert(folder, name, name[0] == 'b' ? 3 : 2);
  folder.write("README.md", "");
  folder.write("router.json", "{}");
  folder.write(".hidden/x", "");
  const anser::Pool pool = anser::load_pool(folder.path());
  std::vector<std::string> names;
  for (const auto& e : pool.experts) names.push_back(e.name);
  BOOST_TEST((names == std::vector<std::string>{"B", "a10", "a2", "b", "ä"}));
  BOOST_TEST(pool.kind == "LORA");
  BOOST_TEST(pool.warnings.empty());
  BOOST_TEST(pool.skipped.empty());
}

BOOST_AUTO_TEST_CASE(all_broken_folders_are_named_at_once_or_skipped) {
  const Folder folder;
  write_expert(folder, "good");
  folder.write("empty/notes.txt", "");
  write_expert(folder, "cut");
  const std::string cut = folder.path("cut/adapter_model.safetensors");
  std::filesystem::resize_file(cut, 40);
  CHECK_SAYS(anser::load_pool(folder.path()), folder.path() + ": 2 of 3 experts do not load", "--skip-broken",
             "empty/adapter_config.json is missing", cut);
  anser::PoolOptions options;
  options.skip_broken = true;
  const anser::Pool pool = anser::load_pool(folder.path(), options);
  BOOST_TEST(pool.experts.size() == 1u);
  BOOST_REQUIRE(pool.skipped.size() == 2u);
  BOOST_TEST(pool.skipped[0].find(cut) != std::string::npos);
  folder.write("folder/adapter_config.json/notes.txt", "");  // a folder where a file was expected
  std::filesystem::create_symlink("loop", folder.path("loop"));
  BOOST_TEST(anser::load_pool(folder.path(), options).skipped.size() == 4u);
  for (const char* broken : {"folder", "loop"}) std::filesystem::remove_all(folder.path(broken));
  std::filesystem::remove_all(folder.path("good"));
  CHECK_SAYS(anser::load_pool(folder.path(), options), "none of the 2 experts loads");
}

BOOST_AUTO_TEST_CASE(who_is_denied_is_not_opened) {
  const Folder folder;
  for (const char* name : {"a", "b"}) write_expert(folder, name);
  folder.write("cut/adapter_config.json", "{");
  folder.write("other/adapter_config.json",
               R"({"peft_type": "IA3", "target_modules": ["k"], "feedforward_modules": []})");
  io_test::write_tensors(folder.path("other/adapter_model.safetensors"), {{"x.k.ia3_l", {4, 1}}});
  folder.write("begun/training/last.safetensors", "");
  const auto load = [&](std::vector<std::string> allow, std::vector<std::string> deny) {
    std::string names;
    for (const auto& e : anser::load_pool(folder.path(), {false, "", std::move(allow), std::move(deny)}).experts)
      names += e.name + ' ';
    return names;
  };
  BOOST_TEST(load({"b", "a"}, {}) == "a b ");  // still in the order of the folders
  BOOST_TEST(load({}, {"cut", "other", "a"}) == "b ");
  BOOST_TEST(load({"other", "a"}, {"a"}) == "other ");
  CHECK_SAYS(load({}, {"other"}), "1 of 3 experts do not load", "cut");
  CHECK_SAYS(load({"a", "c", "d"}, {"e"}), folder.path(), R"(there is no expert "c", "d", "e"; there are a, b, begun)");
  CHECK_SAYS(load({"a"}, {"a"}), "--allow and --deny leave no expert");
  CHECK_SAYS(load({"begun"}, {}), "begun: its training is not finished");
  CHECK_SAYS(load({}, {"a", "b", "cut", "other"}), "no expert whose training is finished");
  BOOST_TEST(anser::list_names(std::vector<std::string>(23, "x")).ends_with("x, x and 3 more"));
}

BOOST_AUTO_TEST_CASE(a_link_that_leads_nowhere_is_named) {
  const Folder folder;
  write_expert(folder, "a");
  std::filesystem::create_symlink("absent", folder.path("b"));
  CHECK_SAYS(anser::load_pool(folder.path()), "b");
}

BOOST_AUTO_TEST_CASE(mixed_kinds_are_refused_by_name) {
  const Folder folder;
  write_expert(folder, "a");
  folder.write("b/adapter_config.json", R"({"peft_type": "IA3", "target_modules": ["k"], "feedforward_modules": []})");
  io_test::write_tensors(folder.path("b/adapter_model.safetensors"), {{"x.k.ia3_l", {4, 1}}});
  CHECK_SAYS(anser::load_pool(folder.path()), "a is LORA and b is IA3");
}

BOOST_AUTO_TEST_CASE(what_is_no_pool_says_so) {
  const Folder folder;
  CHECK_SAYS(anser::load_pool(folder.path("none")), "does not exist");
  CHECK_SAYS(anser::load_pool(folder.path()), "holds no expert directories");
  write_expert(folder, "a");
  CHECK_SAYS(anser::load_pool(folder.path("a")), "is itself an expert");
}

BOOST_AUTO_TEST_CASE(another_base_model_is_a_warning_and_another_shape_an_error) {
  const Folder folder;
  write_expert(folder, "a");
  write_expert(folder, "b", 2, 7);
  write_expert(folder, "c", 2, 8);
  anser::write_record(folder.path("a"), {"a", "t5", "hash-of-this", "", 0});
  anser::write_record(folder.path("b"), {"b", "flan", "hash-of-another", "", 0});
  anser::PoolOptions options;
  options.base_hash = "hash-of-this";
  const anser::Pool pool = anser::load_pool(folder.path(), options);
  BOOST_REQUIRE(pool.warnings.size() == 1u);
  BOOST_TEST(io_test::says(pool.warnings[0], {folder.path("b"), "another base model", "flan"}), pool.warnings[0]);
  CHECK_SAYS(anser::check_against(pool, {{q, 4, 6}}), "2 of 3 experts do not fit", folder.path("b"), folder.path("c"),
             "[2, 7]", "[2, 8]", "[4, 6]");
  anser::check_against(anser::load_pool(folder.path()).experts[0], {{q, 4, 6}});
}

BOOST_AUTO_TEST_CASE(more_than_a_thousand_experts_open_at_once) {
  const Folder folder;
  write_expert(folder, "0000", 2, 6, 96);
  for (int i = 1; i < 1024; ++i) {  // links, since writing them all would take longer than what is tested
    const std::string name = std::to_string(10000 + i);
    std::filesystem::create_directory(folder.path(name));
    for (const char* file : {"/adapter_config.json", "/adapter_model.safetensors"})
      std::filesystem::create_hard_link(folder.path("0000") + file, folder.path(name) + file);
  }
  const anser::Pool pool = anser::load_pool(folder.path());
  BOOST_REQUIRE(pool.experts.size() == 1024u);
  BOOST_TEST(pool.warnings.empty());
  for (const auto& expert : pool.experts) BOOST_TEST(expert.sites.size() == 96u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
