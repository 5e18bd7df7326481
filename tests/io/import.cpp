#include <anser/io/import.hpp>
#include <anser/io/pool.hpp>
#include <anser/io/torch_file.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../real_data.hpp"
#include "temporary.hpp"

namespace {

using anser::import_experts;
using anser::ImportedRows;
using anser::ImportKind;
using anser::ImportOptions;
using anser::Shape;
using io_test::Folder;

std::string golden(const std::string& name) {
  const std::string path = std::string(ANSER_TEST_GOLDEN_DIR) + "/torch/" + name;
  BOOST_TEST_REQUIRE(std::filesystem::exists(path), path << " is missing; make it: tests/golden/make.py torch");
  return path;
}

std::vector<float> numbers(const anser::Source& source, const std::string& name, const Shape& shape) {
  std::vector<float> n(shape.size());
  anser::convert(source.get(name, shape), n.data());
  return n;
}

ImportOptions with(ImportedRows rows) {
  ImportOptions o;
  o.rows = rows;
  return o;
}

const std::string q = "encoder.block.1.layer.0.SelfAttention.q", wo = "encoder.block.1.layer.1.DenseReluDense.wo",
                  k = "decoder.block.0.layer.1.EncDecAttention.k", wi = "decoder.block.1.layer.2.DenseReluDense.wi_0";

/// The linears of the golden models, all of them: width 32, d_ff 48.
std::vector<anser::LinearSizes> v1_1() {
  std::vector<anser::LinearSizes> all;
  for (const std::string stack : {"encoder", "decoder"})
    for (const std::string block : {".block.0.layer.", ".block.1.layer."}) {
      for (const std::string layer : {"0.SelfAttention.", "1.EncDecAttention."})
        if (stack == "decoder" || layer[0] == '0')
          for (const std::string end : {"q", "k", "v", "o"}) all.push_back({stack + block + layer + end, 32, 32});
      const std::string ff = stack + block + (stack == "encoder" ? "1" : "2") + ".DenseReluDense.";
      for (const std::string end : {"wi_0", "wi_1"}) all.push_back({ff + end, 48, 32});
      all.push_back({ff + "wo", 32, 48});
    }
  return all;
}

/// A checkpoint like PHATGOOSE's with these tensors, as a safetensors file, which is read as well.
std::string checkpoint(const Folder& folder, std::map<std::string, Shape> tensors) {
  std::filesystem::remove(folder.path("c.safetensors"));
  io_test::write_tensors(folder.path("c.safetensors"), tensors);
  return folder.path("c.safetensors");
}
const std::string a0 = q + "._addons.expert_lora.layer1__0", b0 = q + "._addons.expert_lora.layer2__0",
                  row0 = q + "._addons.router.expert_embeddings__0";

BOOST_AUTO_TEST_SUITE(imports)

BOOST_AUTO_TEST_CASE(kinds_are_detected_and_named) {
  for (ImportKind kind : {ImportKind::peft, ImportKind::tfew_ia3, ImportKind::phatgoose})
    BOOST_TEST((anser::import_kind(anser::name_of(kind)) == kind));
  BOOST_TEST(!anser::import_kind("other").has_value());
  BOOST_TEST((anser::detect_import(golden("tfew_ia3.pt")) == ImportKind::tfew_ia3));
  BOOST_TEST((anser::detect_import(golden("phatgoose.pt")) == ImportKind::phatgoose));
  BOOST_TEST((anser::detect_import(golden("peft_lora")) == ImportKind::peft));
  CHECK_SAYS(anser::detect_import(golden("peft_lora/adapter_model.bin")), "adapter_model.bin", "name its directory");
  CHECK_SAYS(anser::detect_import(golden("state_dict.pt")), "its first tensor is 0.bias", "--kind");
  const Folder folder;
  CHECK_SAYS(anser::detect_import(folder.path()), folder.path(), "no adapter_config.json");
  CHECK_SAYS(anser::detect_import(folder.path("none")), folder.path("none"));
}

BOOST_AUTO_TEST_CASE(tfews_vectors_are_pefts) {
  const Folder folder;
  ImportOptions o;
  o.base_model = "t5 \"v1.1\"";
  o.base_hash = "ff";
  o.linears = v1_1();
  const auto done = import_experts(golden("tfew_ia3.pt"), folder.path("pool/tfew/"), ImportKind::tfew_ia3, o);
  BOOST_TEST(done.kind == "IA3");
  BOOST_TEST(done.sites ==
             16u);  // (k, v, wo) twice in the encoder; self and cross k and v, and wo, twice in the decoder
  std::vector<std::string> warnings;
  const anser::Expert e = anser::load_expert(folder.path("pool/tfew"), &warnings);
  BOOST_TEST(warnings.empty());
  BOOST_TEST(e.kind == "IA3");
  BOOST_TEST(e.sites.size() == 16u);
  anser::check_against(e, v1_1());
  const anser::TorchFile file(golden("tfew_ia3.pt"));
  for (const std::string& site : e.sites) {
    const bool ff = site.ends_with(".wo");
    const int n = ff ? 48 : 32;
    const std::string from = (ff ? site.substr(0, site.size() - 2) + "wi_1" : site) + ".multi_lora_b";
    BOOST_TEST((numbers(*e.tensors, site + ".ia3_l", ff ? Shape{1, n} : Shape{n, 1}) == numbers(file, from, {n, 1})),
               site);
  }
  const auto record = anser::read_record(folder.path("pool/tfew"));
  BOOST_TEST(record->name == "tfew");
  BOOST_TEST(record->base_model == o.base_model);
  BOOST_TEST(record->base_hash == "ff");
}

BOOST_AUTO_TEST_CASE(a_phatgoose_checkpoint_is_a_pool) {
  const anser::TorchFile file(golden("phatgoose.pt"));
  for (const auto rows : {ImportedRows::gate, ImportedRows::activations, ImportedRows::none}) {
    const Folder folder;
    ImportOptions o = with(rows);
    o.linears = v1_1();
    std::size_t told = 0;
    o.progress = [&](std::size_t done, std::size_t all) { BOOST_TEST((done == ++told && all == 2)); };
    const auto done = import_experts(golden("phatgoose.pt"), folder.path("pool"), ImportKind::phatgoose, o);
    BOOST_TEST(done.kind == "LORA");
    BOOST_TEST(done.experts == 2u);
    BOOST_TEST(told == 2u);
    BOOST_TEST(done.sites == 8u);
    BOOST_TEST(done.notes.size() == (rows == ImportedRows::none ? 3u : 2u));
    BOOST_TEST(io_test::says(done.notes[0], {"embed_tokens", "left out"}), done.notes[0]);
    const anser::Pool pool = anser::load_pool(folder.path("pool"));
    BOOST_TEST(pool.warnings.empty());
    anser::check_against(pool, v1_1());
    BOOST_REQUIRE(pool.experts.size() == 2u);
    BOOST_TEST(pool.experts[0].name == "expert-00");
    BOOST_TEST(pool.experts[1].name == "expert-01");
    for (std::size_t i = 0; i < 2; ++i) {
      const anser::Expert& e = pool.experts[i];
      BOOST_TEST((e.sites == std::vector<std::string>{k, wi, q, wo}));
      BOOST_TEST(bool(e.gates) == (rows == ImportedRows::gate));
      BOOST_TEST(bool(e.activations) == (rows == ImportedRows::activations));
      for (const auto& [site, in, out] : {std::tuple(q, 32, 32), {wo, 48, 32}, {k, 32, 32}, {wi, 32, 48}}) {
        BOOST_TEST(e.scale(site, 2) == 0.5);  // the reference divides by the rank
        const auto key = [&, at = site](const std::string& part) {
          return at + "._addons." + part + "__" + std::to_string(i);
        };
        const auto layer1 = numbers(file, key("expert_lora.layer1"), {in, 2}),
                   a = numbers(*e.tensors, site + ".lora_A.weight", {2, in}),
                   layer2 = numbers(file, key("expert_lora.layer2"), {2, out}),
                   b = numbers(*e.tensors, site + ".lora_B.weight", {out, 2});
        std::size_t wrong = 0;
        for (std::size_t r = 0; r < 2; ++r) {
          for (std::size_t j = 0; j < std::size_t(in); ++j) wrong += a[r * std::size_t(in) + j] != layer1[j * 2 + r];
          for (std::size_t j = 0; j < std::size_t(out); ++j) wrong += b[j * 2 + r] != layer2[r * std::size_t(out) + j];
        }
        BOOST_TEST(wrong == 0u);
        for (const auto& found : {e.gates, e.activations})
          if (found) BOOST_TEST((numbers(*found, site, {in}) == numbers(file, key("router.expert_embeddings"), {in})));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(experts_take_the_names_that_are_given) {
  const Folder folder;
  const auto import = [&](std::vector<std::string> names) {
    ImportOptions o = with(ImportedRows::gate);
    o.names = std::move(names);
    import_experts(golden("phatgoose.pt"), folder.path("pool"), ImportKind::phatgoose, o);
  };
  CHECK_SAYS(import({"one"}), "phatgoose.pt has 2 experts, and 1 names");
  CHECK_SAYS(import({"one", "one"}), "one names two experts");
  for (const std::string bad : {"", "..", ".hidden", "a/b", "a\nb", "training"})
    CHECK_SAYS(import({"one", bad}), "is no name for an expert");
  BOOST_TEST(!std::filesystem::exists(folder.path("pool")));
  import({"quail", "agnews"});
  const anser::TorchFile file(golden("phatgoose.pt"));
  const auto first = anser::load_expert(folder.path("pool/quail"));
  BOOST_TEST((numbers(*first.gates, q, {32}) == numbers(file, row0, {32})));
  BOOST_TEST(anser::read_record(folder.path("pool/agnews"))->name == "agnews");
  CHECK_SAYS(import({"quail", "agnews"}), folder.path("pool"), "not empty");
}

BOOST_AUTO_TEST_CASE(rows_must_be_explained_where_there_are_any) {
  const Folder folder;
  const auto import = [&](const std::string& path, ImportedRows rows) {
    return import_experts(path, folder.path("pool"), ImportKind::phatgoose, with(rows));
  };
  CHECK_SAYS(import(golden("phatgoose.pt"), ImportedRows::unsaid), "--rows gate", "--rows activations");
  const std::string plain = checkpoint(folder, {{a0, {6, 2}}, {b0, {2, 4}}});
  CHECK_SAYS(import(plain, ImportedRows::gate), "has no rows", "leave --rows out");
  import(plain, ImportedRows::unsaid);
  BOOST_TEST(!anser::load_pool(folder.path("pool")).experts[0].gates);
}

BOOST_AUTO_TEST_CASE(keys_that_are_not_understood_are_refused_by_name) {
  const Folder folder;
  const auto phatgoose = [&](const std::map<std::string, Shape>& tensors) {
    return import_experts(checkpoint(folder, tensors), folder.path("pool"), ImportKind::phatgoose,
                          with(ImportedRows::gate));
  };
  const std::map<std::string, Shape> sound = {{a0, {6, 2}}, {b0, {2, 4}}, {row0, {6}}};
  const auto and_also = [&](const std::string& name, const Shape& shape) {
    auto tensors = sound;
    tensors[name] = shape;
    return tensors;
  };
  CHECK_SAYS(phatgoose(and_also(q + ".weight", {4, 6})), q + ".weight is none of a PHATGOOSE checkpoint's keys");
  CHECK_SAYS(phatgoose(and_also(q + "._addons.expert_lora.output_layer_norm_weight__0", {4})), "layer_norm_weight__0");
  CHECK_SAYS(phatgoose(and_also(q + "._addons.expert_lora.expert_input_gate", {6})), "concatenate.py");
  CHECK_SAYS(phatgoose(and_also(q + "._addons.expert_lora.layer1__00", {6, 2})), "layer1__00 is none");
  CHECK_SAYS(phatgoose(and_also("encoder._addons.router.expert_embeddings__0", {384})), "at no linear of T5");
  CHECK_SAYS(phatgoose(and_also("decoder.block.0.layer.1.EncDecAttention._addons.router.expert_embeddings__0", {6})),
             "at no linear of T5");
  CHECK_SAYS(phatgoose(and_also(wo + "._addons.expert_lora.layer1__0", {6, 2})), wo, "layer2__0 is missing");
  CHECK_SAYS(phatgoose(and_also(wo + "._addons.expert_lora.layer2__3", {2, 6})), wo, "layer1__3 is missing");
  CHECK_SAYS(phatgoose(and_also(wo + "._addons.router.expert_embeddings__0", {6})), wo, "layer1__0 is missing");
  CHECK_SAYS(phatgoose({{a0, {6, 2}}, {b0, {2, 4}}, {wo + "._addons.router.expert_embeddings__1", {6}}}), q,
             "expert_embeddings__0 is missing");
  CHECK_SAYS(phatgoose({{a0, {6, 2}}, {b0, {3, 4}}, {row0, {6}}}), "[6, 2]", "[3, 4]", "ranks must be equal");
  CHECK_SAYS(phatgoose({{a0, {6, 2}}, {b0, {2, 4}}, {row0, {5}}}), "[5]", "[6, 2]", "same input");
  CHECK_SAYS(phatgoose({{a0, {12}}, {b0, {2, 4}}, {row0, {6}}}), "[12]", "must have 2 axes");
  CHECK_SAYS(phatgoose({{"encoder.embed_tokens.weight", {2, 2}}}), "no tensors of experts");
  BOOST_TEST(!std::filesystem::exists(folder.path("pool")));

  const auto tfew = [&](const std::map<std::string, Shape>& tensors) {
    return import_experts(checkpoint(folder, tensors), folder.path("pool"), ImportKind::tfew_ia3);
  };
  CHECK_SAYS(tfew({{k + ".multi_lora_a", {4, 1}}}), k + ".multi_lora_a is none of T-Few's IA3");
  CHECK_SAYS(tfew({{q + ".multi_lora_b", {4, 1}}}), q + ".multi_lora_b is none");
  CHECK_SAYS(tfew({{wi + ".multi_lora_b", {4, 1}}}), wi + ".multi_lora_b is none");  // inside the activation
  CHECK_SAYS(tfew({{"transformer.h.0.attn.k.multi_lora_b", {4, 1}}}), "transformer.h.0.attn.k");
  CHECK_SAYS(tfew({{k + ".multi_lora_b", {4, 2}}}), "[4, 2]", "[n, 1]");
  CHECK_SAYS(import_experts(golden("tfew_ia3.pt"), folder.path("pool"), ImportKind::tfew_ia3, with(ImportedRows::gate)),
             "tfew-ia3 has one expert without rows");
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);  // the checkpoint alone
}

BOOST_AUTO_TEST_CASE(another_models_expert_and_damaged_files_are_refused) {
  const Folder folder;
  ImportOptions o = with(ImportedRows::gate);
  o.linears = v1_1();
  for (auto& l : o.linears)
    if (l.path == wi) l.out = 64;
  CHECK_SAYS(import_experts(golden("phatgoose.pt"), folder.path("x"), ImportKind::phatgoose, o), wi, "[2, 48]",
             "[64, 32]");
  for (auto& l : o.linears)
    if (l.path == k) l.path = "other";
  CHECK_SAYS(import_experts(golden("phatgoose.pt"), folder.path("x"), ImportKind::phatgoose, o), "no linear " + k);
  o.rows = ImportedRows::unsaid;
  CHECK_SAYS(import_experts(golden("tfew_ia3.pt"), folder.path("x"), ImportKind::tfew_ia3, o), "no linear " + k);
  std::string bytes = io_test::read(golden("tfew_ia3.pt"));
  bytes[bytes.find("data/1", 3000) + 400] ^= 1;
  CHECK_SAYS(import_experts(folder.write("c.pt", bytes), folder.path("x"), ImportKind::tfew_ia3), "c.pt", "CRC-32");
  CHECK_SAYS(import_experts(golden("calls_os_system.pt"), folder.path("x"), ImportKind::phatgoose), "calls os.system");
  BOOST_TEST(!std::filesystem::exists(folder.path("x")));
}

BOOST_AUTO_TEST_CASE(a_directory_of_older_peft_becomes_one_of_safetensors) {
  const Folder folder;
  const auto done = import_experts(golden("peft_lora"), folder.path("x"), ImportKind::peft);
  BOOST_TEST(done.kind == "LORA");
  const anser::Safetensors same(golden("peft_lora.safetensors")), written(folder.path("x/adapter_model.safetensors"));
  BOOST_TEST((same.names() == written.names()));
  for (const std::string& name : same.names()) {
    const auto shape = same.find(name)->shape;
    BOOST_TEST((numbers(same, name, shape) == numbers(written, name, shape)), name);
  }
  BOOST_TEST(io_test::read(folder.path("x/adapter_config.json")) ==
             io_test::read(golden("peft_lora/adapter_config.json")));
  BOOST_TEST(!std::filesystem::exists(folder.path("x/adapter_model.bin")));
  ImportOptions o;
  o.linears = {{q, 32, 32}};
  CHECK_SAYS(import_experts(golden("peft_lora"), folder.path("y"), ImportKind::peft, o), "base model has no linear");
}

// T-Few's own checkpoint, as it was published, for T0-3B. tests/golden/check_import.py has PEFT read what comes out.
BOOST_AUTO_TEST_CASE(a_real_checkpoint, *anser::test::with_real_data("adapters/t-few-t0-3b-ia3")) {
  const std::string path = anser::test::real_data("adapters/t-few-t0-3b-ia3/t03b_ia3_finish.pt");
  const Folder folder;
  BOOST_TEST((anser::detect_import(path) == ImportKind::tfew_ia3));
  const auto done = import_experts(path, folder.path("t0"), ImportKind::tfew_ia3);
  BOOST_TEST(done.sites == 192u);
  const anser::Expert e = anser::load_expert(folder.path("t0"));
  std::vector<anser::LinearSizes> linears;
  double moved = 0;
  for (const std::string& site : e.sites) {
    const bool ff = site.ends_with("DenseReluDense.wo");
    BOOST_TEST((ff || site.ends_with("Attention.k") || site.ends_with("Attention.v")), site);
    linears.push_back(ff ? anser::LinearSizes{site, 2048, 5120} : anser::LinearSizes{site, 2048, 2048});
    for (const float v : numbers(*e.tensors, site + ".ia3_l", ff ? Shape{1, 5120} : Shape{2048, 1})) {
      BOOST_TEST(std::isfinite(v));
      moved = std::max(moved, double(std::fabs(v - 1)));
    }
  }
  anser::check_against(e, linears);
  BOOST_TEST(moved > 0.1);  // it was trained
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
