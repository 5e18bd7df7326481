#include <anser/io/peft.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>

#include "../real_data.hpp"
#include "temporary.hpp"

namespace {

using anser::Shape;
using io_test::Folder;

const std::string q = "encoder.block.0.layer.0.SelfAttention.q", v = "encoder.block.0.layer.0.SelfAttention.v";
const std::string prefix = "base_model.model.";

/// A LoRA of rank 2 on q: 6 -> 4.
void write_lora(const Folder& folder,
                std::map<std::string, Shape> tensors = {{prefix + q + ".lora_A.weight", {2, 6}},
                                                        {prefix + q + ".lora_B.weight", {4, 2}}},
                const std::string& fields = "") {
  folder.write("e/adapter_config.json",
               R"({"peft_type": "LORA", "r": 2, "lora_alpha": 8, "target_modules": ["q", "v"])" + fields + "}");
  io_test::write_tensors(folder.path("e/adapter_model.safetensors"), tensors);
}

BOOST_AUTO_TEST_SUITE(peft)

BOOST_AUTO_TEST_CASE(a_lora_has_canonical_keys_sites_and_scales) {
  for (const std::string& name : {prefix + q + ".lora_A.weight", prefix + q + ".lora_A.default.weight"}) {
    const Folder folder;
    write_lora(folder, {{name, {2, 6}}, {prefix + q + ".lora_B.weight", {4, 2}}});
    const anser::Expert e = anser::load_expert(folder.path("e/"));
    BOOST_TEST(e.name == "e");
    BOOST_TEST(e.kind == "LORA");
    BOOST_TEST((e.sites == std::vector<std::string>{q}));
    BOOST_TEST((e.tensors->names() == std::vector<std::string>{q + ".lora_A.weight", q + ".lora_B.weight"}));
    BOOST_TEST(e.tensors->get(q + ".lora_A.weight", {2, 6}).origin.find("adapter_model.safetensors") !=
               std::string::npos);
    BOOST_TEST(!e.tensors->find(name).has_value());
    BOOST_TEST(e.scale(q, 2) == 4.0);
    BOOST_TEST(!e.gates);
    BOOST_TEST(!e.activations);
    BOOST_TEST(!e.embeddings.has_value());
  }
}

BOOST_AUTO_TEST_CASE(ranks_may_differ_where_the_configuration_says_so) {
  const Folder folder;
  write_lora(folder,
             {{q + ".lora_A.weight", {2, 6}},
              {q + ".lora_B.weight", {4, 2}},  // without the prefix, too
              {v + ".lora_A.weight", {3, 6}},
              {v + ".lora_B.weight", {4, 3}}},
             R"(, "rank_pattern": {"v": 3}, "alpha_pattern": {"v": 6})");
  const anser::Expert e = anser::load_expert(folder.path("e"));
  BOOST_TEST(e.scale(q, 2) == 4.0);
  BOOST_TEST(e.scale(v, 3) == 2.0);
}

BOOST_AUTO_TEST_CASE(tensors_that_do_not_fit_the_configuration_are_refused) {
  const Folder folder;
  const auto load = [&](const std::map<std::string, Shape>& tensors, const std::string& fields = "") {
    write_lora(folder, tensors, fields);
    return anser::load_expert(folder.path("e"));
  };
  const std::string a = prefix + q + ".lora_A.weight", b = prefix + q + ".lora_B.weight";
  const std::string file = folder.path("e/adapter_model.safetensors");
  CHECK_SAYS(load({{a, {2, 6}}, {b, {4, 3}}}), file, "lora_A", "[2, 6]", "[4, 3]",
             "ranks must be equal: save the adapter again");
  CHECK_SAYS(load({{a, {3, 6}}, {b, {4, 3}}}), file, "[3, 6]", "must have [2, 6]", "[4, 3]");
  CHECK_SAYS(load({{a, {2, 6}}}), file, q + ".lora_B.weight is missing");
  CHECK_SAYS(load({{b, {4, 2}}}), file, q + ".lora_A.weight is missing");
  CHECK_SAYS(load({{a, {12}}, {b, {4, 2}}}), "[12]", "2 axes");
  CHECK_SAYS(load({{a, {2, 6}}, {b, {4, 2}}, {prefix + q + ".lora_A.default.weight", {2, 6}}}), "are the same tensor");
  CHECK_SAYS(load({{a, {2, 6}}, {b, {4, 2}}, {prefix + q + ".bias", {4}}}), q + ".bias", "nothing else is supported");
  CHECK_SAYS(load({{prefix + "shared.lora_embedding_A", {2, 6}}}), "lora_embedding_A", "nothing else is supported");
  CHECK_SAYS(load({{a, {2, 6}}, {b, {4, 2}}}, R"(, "exclude_modules": ["q"])"), a,
             "no module that adapter_config.json");
  CHECK_SAYS(load({}), file, "no tensors of an adapter");
  std::vector<std::int64_t> whole(12);
  load({{a, {2, 6}}, {b, {4, 2}}});
  anser::write_safetensors(
      file, {{a, anser::stored_view(whole.data(), {2, 6})}, {b, anser::stored_view(whole.data(), {4, 2})}});
  CHECK_SAYS(anser::load_expert(folder.path("e")), q + ".lora_A.weight holds I64");
}

BOOST_AUTO_TEST_CASE(missing_files_say_what_to_do) {
  const Folder folder;
  CHECK_SAYS(anser::load_expert(folder.path("e")), folder.path("e"), "does not exist");
  folder.write("e/adapter_model.bin", "");
  CHECK_SAYS(anser::load_expert(folder.path("e")), "e/adapter_config.json is missing");
  folder.write("e/adapter_config.json", R"({"peft_type": "LORA"})");
  CHECK_SAYS(anser::load_expert(folder.path("e")), "adapter_model.bin is empty");
  std::filesystem::remove(folder.path("e/adapter_model.bin"));
  CHECK_SAYS(anser::load_expert(folder.path("e")), "adapter_model.safetensors is missing, and so is");
}

// As older PEFT wrote it; adapter_model.safetensors counts where both are there.
BOOST_AUTO_TEST_CASE(tensors_may_be_a_file_of_torch) {
  const std::string golden = std::string(ANSER_TEST_GOLDEN_DIR) + "/torch/peft_lora";
  BOOST_TEST_REQUIRE(std::filesystem::is_directory(golden),
                     golden << " is missing; make it: tests/golden/make.py torch");
  std::vector<std::string> warnings;
  const anser::Expert e = anser::load_expert(golden, &warnings);
  const anser::Safetensors same(golden + ".safetensors");
  BOOST_TEST(warnings.empty());
  BOOST_TEST(e.sites.size() == 2u);
  BOOST_TEST(e.scale(e.sites[0], 2) == 2.0);
  BOOST_TEST(e.tensors->names().size() == same.entries().size());
  for (const std::string& name : e.tensors->names()) {
    const auto expected = same.find(prefix + name);
    BOOST_REQUIRE(expected.has_value());
    const auto found = e.tensors->get(name, expected->shape);
    BOOST_TEST((found.dtype == expected->dtype));
    BOOST_TEST(std::memcmp(found.data, expected->data, expected->bytes()) == 0, name);
  }
  const Folder folder;
  write_lora(folder);
  folder.write("e/adapter_model.bin", "");
  BOOST_TEST(anser::load_expert(folder.path("e")).sites.size() == 1u);
}

BOOST_AUTO_TEST_CASE(gates_activations_and_embeddings_come_along) {
  const Folder folder;
  write_lora(folder);
  io_test::write_tensors(folder.path("e/gate.safetensors"), {{q, {6}}, {v, {6}}});
  io_test::write_tensors(folder.path("e/activations.safetensors"), {{q, {6}}});
  io_test::write_tensors(folder.path("e/embeddings.safetensors"), {{"embeddings", {5, 384}}}, {{"encoder", "MiniLM"}});
  std::vector<std::string> warnings;
  const anser::Expert e = anser::load_expert(folder.path("e"), &warnings);
  BOOST_TEST(e.gates->get(q, {6}).shape[0] == 6);
  BOOST_TEST(e.activations->find(q).has_value());
  BOOST_TEST(e.embeddings->shape == (Shape{5, 384}));
  BOOST_REQUIRE(warnings.size() == 1u);  // the gate of v, where the expert does not act
  BOOST_TEST(io_test::says(warnings[0], {"gate.safetensors", v, "no effect"}), warnings[0]);

  io_test::write_tensors(folder.path("e/gate.safetensors"), {{q, {5}}});
  CHECK_SAYS(anser::load_expert(folder.path("e")), "gate.safetensors: " + q, "[5]", "[2, 6]");
  io_test::write_tensors(folder.path("e/gate.safetensors"), {{q, {6, 1}}});
  CHECK_SAYS(anser::load_expert(folder.path("e")), "gate.safetensors: " + q, "must have 1 axis: save it as a vector");
  std::filesystem::remove(folder.path("e/gate.safetensors"));
  io_test::write_tensors(folder.path("e/embeddings.safetensors"), {{"other", {5, 384}}});
  CHECK_SAYS(anser::load_expert(folder.path("e")), "embeddings.safetensors", "embeddings is missing");
}

BOOST_AUTO_TEST_CASE(ia3_and_adapters_are_read_too) {
  const Folder folder;
  const std::string k = "encoder.block.0.layer.0.SelfAttention.k", wo = "encoder.block.0.layer.1.DenseReluDense.wo";
  folder.write("i/adapter_config.json",
               R"({"peft_type": "IA3", "target_modules": ["k", "wo"], "feedforward_modules": ["wo"]})");
  io_test::write_tensors(folder.path("i/adapter_model.safetensors"),
                         {{prefix + k + ".ia3_l", {4, 1}}, {prefix + wo + ".ia3_l", {1, 8}}});
  const anser::Expert i = anser::load_expert(folder.path("i"));
  BOOST_TEST(i.kind == "IA3");
  BOOST_TEST((i.sites == std::vector<std::string>{k, wo}));
  BOOST_TEST(i.tensors->find(k + ".ia3_l").has_value());
  BOOST_TEST(!i.scale);
  anser::check_against(i, {{k, 4, 6}, {wo, 6, 8}});
  CHECK_SAYS(anser::check_against(i, {{k, 4, 6}, {wo, 8, 6}}), wo, "[1, 8]", "[8, 6]");
  io_test::write_tensors(folder.path("i/adapter_model.safetensors"), {{prefix + k + ".ia3_l", {1, 4}}});
  CHECK_SAYS(anser::load_expert(folder.path("i")), k, "must have [out, 1]");

  const std::string here = "encoder.block.0.layer.0.adapter";
  folder.write("a/adapter_config.json", R"({"peft_type": "ANSER_ADAPTER", "activation": "relu"})");
  const std::string file = folder.path("a/adapter_model.safetensors");
  io_test::write_tensors(file, {{here + ".down.weight", {2, 6}}, {here + ".up.weight", {6, 2}}});
  const anser::Expert a = anser::load_expert(folder.path("a"));
  BOOST_TEST((a.sites == std::vector<std::string>{here}));
  BOOST_TEST((a.activation == anser::Activation::relu));
  anser::check_against(a, {{here, 6, 6}});
  CHECK_SAYS(anser::check_against(a, {{here, 8, 8}}), here, "[2, 6]", "[8, 8]");
  CHECK_SAYS(anser::check_against(a, {{k, 6, 6}}), "no sub-layer " + here);
  io_test::write_tensors(file, {{here + ".down.weight", {2, 6}}, {here + ".up.weight", {6, 3}}});
  CHECK_SAYS(anser::load_expert(folder.path("a")), here + ".down.weight", "[2, 6]", "[6, 3]");
  io_test::write_tensors(file, {{here + ".down.weight", {2, 6}}});
  CHECK_SAYS(anser::load_expert(folder.path("a")), here + ".up.weight is missing");
  io_test::write_tensors(
      file, {{here + ".down.weight", {2, 6}}, {here + ".up.weight", {6, 2}}, {here + ".norm.weight", {6}}});
  CHECK_SAYS(anser::load_expert(folder.path("a")), "only one of norm.weight and norm.bias");
  io_test::write_tensors(file, {{"norm.weight", {6}}});
  CHECK_SAYS(anser::load_expert(folder.path("a")), "norm.weight is no down.weight");
  folder.write("a/adapter_config.json", R"({"peft_type": "ANSER_ADAPTER", "activation": "swoosh"})");
  CHECK_SAYS(anser::load_expert(folder.path("a")), "activation \"swoosh\" is not supported");
}

BOOST_AUTO_TEST_CASE(ia3_and_adapters_are_written_and_read_again) {
  const Folder folder;
  const std::string k = "encoder.block.0.layer.0.SelfAttention.k", wo = "encoder.block.0.layer.1.DenseReluDense.wo",
                    here = "encoder.block.0.layer.0.adapter";
  const std::vector<float> v{1, 2, 3, 4, 5, 6};
  std::filesystem::create_directories(folder.path("i"));
  std::filesystem::create_directories(folder.path("a"));
  anser::Ia3Description i{anser::Targets::parse("k,wo"), {"wo"}, "t5"};
  anser::write_expert(
      folder.path("i"), i,
      {{k + ".ia3_l", anser::stored_view(v.data(), {6, 1})}, {wo + ".ia3_l", anser::stored_view(v.data(), {1, 6})}});
  const anser::Expert read = anser::load_expert(folder.path("i"));
  BOOST_TEST(read.kind == "IA3");
  BOOST_TEST((read.tensors->find(wo + ".ia3_l")->shape == anser::Shape{1, 6}));
  CHECK_SAYS(anser::write_expert(folder.path("i"), i, {{"q.ia3_l", anser::stored_view(v.data(), {6, 1})}}),
             "q.ia3_l belongs to no target");
  anser::write_expert(folder.path("a"), anser::AdapterDescription{anser::Activation::gelu_new, "t5"},
                      {{here + ".down.weight", anser::stored_view(v.data(), {2, 3})},
                       {here + ".up.weight", anser::stored_view(v.data(), {3, 2})}});
  BOOST_TEST((anser::load_expert(folder.path("a")).activation == anser::Activation::gelu_new));
  CHECK_SAYS(anser::write_expert(folder.path("a"), anser::AdapterDescription{},
                                 {{"other", anser::stored_view(v.data(), {6})}}),
             "other is no part of an adapter");
}

BOOST_AUTO_TEST_CASE(an_expert_of_another_model_is_refused) {
  const Folder folder;
  write_lora(folder);
  io_test::write_tensors(folder.path("e/gate.safetensors"), {{q, {6}}});
  const anser::Expert e = anser::load_expert(folder.path("e"));
  anser::check_against(e, {{v, 4, 6}, {q, 4, 6}});
  CHECK_SAYS(anser::check_against(e, {{v, 4, 6}}), "no linear " + q);
  CHECK_SAYS(anser::check_against(e, {{q, 4, 7}}), q + ".lora_A.weight", "[2, 6]", "[4, 7]");
  CHECK_SAYS(anser::check_against(e, {{q, 5, 6}}), q + ".lora_B.weight", "[4, 2]", "[5, 6]");
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_again) {
  const Folder folder;
  const std::vector<float> a(12, 0.5f), b(8, -1.f), gate(6, 2.f);
  anser::LoraDescription d;
  d.rank = 2;
  d.alpha = 0.5;
  d.targets = anser::Targets::parse("q,v");
  d.base_model = "base";
  d.alphas = {{"v", 3}};
  anser::write_expert(folder.path("new/e"), d,
                      {{q + ".lora_A.weight", anser::stored_view(a.data(), {2, 6})},
                       {q + ".lora_B.weight", anser::stored_view(b.data(), {4, 2})}});
  anser::write_gates(folder.path("new/e"), {{q, anser::stored_view(gate.data(), {6})}}, {{"steps", "100"}});
  std::vector<std::string> warnings;
  const anser::Expert e = anser::load_expert(folder.path("new/e"), &warnings);
  BOOST_TEST(warnings.empty());
  BOOST_TEST(e.scale(q, 2) == 0.25);
  BOOST_TEST(e.scale(v, 2) == 1.5);
  BOOST_TEST(std::memcmp(e.tensors->find(q + ".lora_B.weight")->data, b.data(), 32) == 0);
  BOOST_TEST(e.gates->find(q)->shape[0] == 6);
  CHECK_SAYS(anser::write_expert(folder.path("x"), d, {{q, anser::stored_view(a.data(), {2, 6})}}),
             "is no <site>.lora_A");
  d.targets = anser::Targets::parse(".*decoder.*");
  CHECK_SAYS(anser::write_expert(folder.path("x"), d, {{q + ".lora_A.weight", anser::stored_view(a.data(), {2, 6})}}),
             "belongs to no target");
}

BOOST_AUTO_TEST_CASE(records_are_written_and_read) {
  const Folder folder;
  BOOST_TEST(!anser::read_record(folder.path()).has_value());
  anser::write_record(folder.path(), {"e", "t5 \"small\"", "abc", "data.jsonl", 1000});
  const auto r = anser::read_record(folder.path());
  BOOST_TEST(r->name == "e");
  BOOST_TEST(r->base_model == "t5 \"small\"");
  BOOST_TEST(r->base_hash == "abc");
  BOOST_TEST(r->training_data == "data.jsonl");
  BOOST_TEST(r->steps == 1000);
  folder.write("expert.json", R"({"steps": -1})");
  CHECK_SAYS(anser::read_record(folder.path()), "expert.json: steps must be an integer");
  CHECK_SAYS(anser::write_record(folder.path(), {"\xff", "", "", "", 0}), "UTF-8");
}

// Saved by PEFT itself; what it computes with them is compared in the tests of the module.
BOOST_AUTO_TEST_CASE(directories_that_peft_saved) {
  const std::string golden = std::string(ANSER_TEST_GOLDEN_DIR) + "/lora";
  BOOST_TEST_REQUIRE(std::filesystem::is_directory(golden), golden << " is missing; make it: tests/golden/make.py");
  for (const auto& entry : std::filesystem::directory_iterator(golden)) {
    if (!anser::has_file(entry.path().string() + "/adapter_config.json")) continue;
    std::vector<std::string> warnings;
    const anser::Expert e = anser::load_expert(entry.path().string(), &warnings);
    BOOST_TEST(e.kind == "LORA");
    BOOST_TEST(!e.sites.empty());
    BOOST_TEST(warnings.empty(), entry.path().string() << ": " << (warnings.empty() ? "" : warnings[0]));
  }
}

BOOST_AUTO_TEST_CASE(real_checkpoints, *anser::test::with_real_data("adapters/t5-small-lora-cnndm")) {
  const std::string real = anser::test::real_data("adapters/t5-small-lora-cnndm");
  for (const char* name : {"checkpoint-4000", "checkpoint-4487"}) {
    std::vector<std::string> warnings;
    const anser::Expert e = anser::load_expert(real + '/' + name, &warnings);
    BOOST_TEST(e.name == name);
    BOOST_TEST(e.sites.size() == 36u);
    BOOST_TEST(e.scale(e.sites[0], 8) == 2.0);
    BOOST_TEST(warnings.empty());
    std::vector<anser::LinearSizes> linears;
    for (const auto& site : e.sites) linears.push_back({site, 512, 512});
    anser::check_against(e, linears);
    for (const auto& tensor : e.tensors->names()) anser::check_finite(*e.tensors->find(tensor));
  }
}

BOOST_AUTO_TEST_CASE(embeddings_are_written_whole) {
  const Folder folder;
  const std::vector<float> rows{1, 2, 3, 4, 5, 6};
  anser::write_embeddings(folder.path(), rows, 3, "minilm", "00ff");
  const auto file = anser::Safetensors::open(folder.path("embeddings.safetensors"));
  const auto stored = file->get("embeddings", {2, 3});
  std::vector<float> again(6);
  anser::convert(stored, again.data());
  BOOST_TEST(again == rows, boost::test_tools::per_element());
  BOOST_TEST(file->metadata().at("encoder") == "minilm");
  BOOST_TEST(file->metadata().at("encoder_hash") == "00ff");
  CHECK_SAYS(anser::write_embeddings(folder.path(), rows, 4, "", ""), "6 numbers are no embeddings of width 4");
  CHECK_SAYS(anser::write_embeddings(folder.path(), {}, 4, "", ""), "0 numbers are no embeddings");
  CHECK_SAYS(anser::write_embeddings(folder.path(), {1, NAN}, 2, "", ""), "embeddings.safetensors");
  BOOST_TEST(anser::Safetensors::open(folder.path("embeddings.safetensors"))->get("embeddings", {2, 3}).shape.size() ==
             6u);  // what was there stays
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
