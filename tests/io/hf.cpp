#include <anser/io/hf.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

namespace {

using anser::ModelDirectory;

void write_model(const io_test::Folder& folder, const std::string& name) {
  folder.write(name + "/config.json", R"({"model_type": "t5", "d_model": 4})");
  io_test::write_tensors(folder.path(name + "/model.safetensors"), {{"shared.weight", {8, 4}}, {"b", {2}}});
}

/// The same tensors in two shards.
void write_shards(const io_test::Folder& folder, const std::string& name, const std::string& index) {
  folder.write(name + "/config.json", "{}");
  io_test::write_tensors(folder.path(name + "/one.safetensors"), {{"shared.weight", {8, 4}}});
  io_test::write_tensors(folder.path(name + "/two.safetensors"), {{"b", {2}}, {"unlisted", {1}}});
  folder.write(name + "/model.safetensors.index.json", index);
}

const std::string whole_index = R"({"metadata": {"total_size": 136},
    "weight_map": {"shared.weight": "one.safetensors", "b": "two.safetensors"}})";

BOOST_AUTO_TEST_SUITE(hf)

BOOST_AUTO_TEST_CASE(a_directory_has_tensors_configuration_and_vocabulary) {
  const io_test::Folder folder;
  write_model(folder, "m");
  const auto m = ModelDirectory::open(folder.path("m"));
  BOOST_TEST((m->names() == std::vector<std::string>{"b", "shared.weight"}));
  BOOST_TEST(m->config().integer("d_model", 1, 100) == 4);
  BOOST_TEST(!m->generation_config().has_value());
  BOOST_TEST(m->get("shared.weight", {8, 4}).data != nullptr);
  BOOST_TEST(!m->find("none").has_value());
  BOOST_TEST(m->bytes() == 136u);
  CHECK_SAYS(m->get("shared.weight", {4, 8}), folder.path("m"),
             "shared.weight has the shape [8, 4] and must have [4, 8]");
  CHECK_SAYS(m->vocabulary(), folder.path("m"), "neither spiece.model nor tokenizer.json");
  folder.write("m/tokenizer.json", "{}");
  BOOST_TEST(m->vocabulary() == folder.path("m/tokenizer.json"));
  folder.write("m/spiece.model", "");
  BOOST_TEST(m->vocabulary() == folder.path("m/spiece.model"));
  folder.write("m/generation_config.json", R"({"max_length": 9})");
  BOOST_TEST(ModelDirectory(folder.path("m")).generation_config()->integer("max_length", 0, 99) == 9);
}

BOOST_AUTO_TEST_CASE(shards_are_one_model_with_the_same_hash) {
  const io_test::Folder folder;
  write_model(folder, "single");
  write_shards(folder, "sharded", whole_index);
  const ModelDirectory single(folder.path("single")), sharded(folder.path("sharded"));
  BOOST_TEST((sharded.names() == single.names()));
  BOOST_TEST(sharded.shards().size() == 2u);
  BOOST_TEST(sharded.hash() == single.hash());
  // printf 'b\nF32\n2\n'; data; printf 'shared.weight\nF32\n8,4\n'; data | sha256sum
  BOOST_TEST(single.hash() == "81e7a58c07e1c52a4cc338262e4687efb690a180078085894dd77196fa6cd4fa");
}

BOOST_AUTO_TEST_CASE(the_hash_tells_names_shapes_and_numbers_apart) {
  const io_test::Folder folder;
  const auto hash = [&](const std::map<std::string, anser::Shape>& shapes) {
    folder.write("m/config.json", "{}");
    io_test::write_tensors(folder.path("m/model.safetensors"), shapes);
    return ModelDirectory(folder.path("m")).hash();
  };
  const std::string first = hash({{"a", {2, 3}}});
  BOOST_TEST(first == hash({{"a", {2, 3}}}));
  BOOST_TEST(first != hash({{"b", {2, 3}}}));
  BOOST_TEST(first != hash({{"a", {3, 2}}}));
  BOOST_TEST(first != hash({{"a", {2, 3}}, {"b", {0}}}));
}

BOOST_AUTO_TEST_CASE(every_entry_of_an_index_is_checked) {
  const io_test::Folder folder;
  const auto open = [&](const std::string& index) {
    write_shards(folder, "m", index);
    return ModelDirectory(folder.path("m")).names().size();
  };
  BOOST_TEST(open(whole_index) == 2u);
  CHECK_SAYS(open(R"({"weight_map": {"b": "three.safetensors"}})"), "three.safetensors is missing", "index.json");
  CHECK_SAYS(open(R"({"weight_map": {"b": "one.safetensors"}})"), "one.safetensors", "the tensor b is missing");
  CHECK_SAYS(open(R"({"weight_map": {"b": "../m/two.safetensors"}})"), "no name of a file beside it");
  CHECK_SAYS(open(R"({"weight_map": {"b": 2}})"), "weight_map.b must be a text");
  CHECK_SAYS(open(R"({"weight_map": {}})"), "no tensors");
  CHECK_SAYS(open(R"({})"), "weight_map", "missing");
}

BOOST_AUTO_TEST_CASE(what_is_no_model_says_what_to_do) {
  const io_test::Folder folder;
  CHECK_SAYS(ModelDirectory(folder.path("none")), folder.path("none"), "does not exist");
  folder.write("m/README", "");
  CHECK_SAYS(ModelDirectory(folder.path("m/README")), "is a file; name the directory");
  CHECK_SAYS(ModelDirectory(folder.path("m")), "m/config.json is missing");
  folder.write("m/config.json", "{}");
  CHECK_SAYS(ModelDirectory(folder.path("m")), "m/model.safetensors is missing");
  folder.write("m/pytorch_model.bin", "");
  CHECK_SAYS(ModelDirectory(folder.path("m")), "pytorch_model.bin is a pickle", "convert it", "save_pretrained");
  folder.write("m/config.json", "[]");
  CHECK_SAYS(ModelDirectory(folder.path("m")), "config.json must hold an object");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
