#include <algorithm>
#include <anser/io/safetensors.hpp>
#include <anser/io/torch_file.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <map>

#include "../real_data.hpp"
#include "archives.hpp"
#include "temporary.hpp"

namespace {

using anser::DType;
using anser::Shape;
using anser::TorchFile;
using io_test::Folder;
using io_test::pickled_dict;
using io_test::pickled_tensor;
using io_test::torch_file;

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

/// As many numbers of a storage, which count from 0.
std::string counting(std::size_t n) {
  std::string bytes(n * sizeof(float), '\0');
  for (std::size_t i = 0; i < n; ++i) {
    const auto value = float(i);
    std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  return bytes;
}

BOOST_AUTO_TEST_SUITE(torch_files)

BOOST_AUTO_TEST_CASE(every_view_that_torch_saves_has_its_numbers) {
  auto file = TorchFile::open(golden("views.pt"));
  file->check_sums();
  const std::map<std::string, std::vector<float>> views = {
      {"slice", {8, 9, 10, 14, 15, 16}},
      {"step", {3, 7, 11, 15, 19, 23}},
      {"transposed", {0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 4, 10, 16, 22, 5, 11, 17, 23}},
      {"permuted", {0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23}},
      {"scalar", {5}},
      {"empty", {}},
      {"parameter", {0, 1, 2}}};
  const std::map<std::string, Shape> shapes = {{"slice", {2, 3}}, {"step", {6}},     {"transposed", {6, 4}},
                                               {"scalar", {}},    {"empty", {0, 3}}, {"permuted", {4, 2, 3}},
                                               {"parameter", {3}}};
  for (const auto& [name, expected] : views) BOOST_TEST((numbers(*file, name, shapes.at(name)) == expected), name);
  const auto plain = numbers(*file, "plain", {4, 6});
  for (std::size_t i = 0; i < plain.size(); ++i) BOOST_TEST(plain[i] == float(i));
  const std::map<std::string, DType> types = {{"f64", DType::f64}, {"f16", DType::f16}, {"bf16", DType::bf16},
                                              {"i64", DType::i64}, {"i32", DType::i32}, {"i16", DType::i16},
                                              {"i8", DType::i8},   {"u8", DType::u8}};
  for (const auto& [name, type] : types) {
    const auto t = file->get(name, {6});
    BOOST_TEST((t.dtype == type), name);
    if (anser::is_real(type) || anser::size_of(type) > 2)
      BOOST_TEST((numbers(*file, name, {6}) == std::vector<float>{0, 1, 2, 3, 4, 5}), name);
    else
      BOOST_TEST(int(t.data[5 * anser::size_of(type)]) == 5, name);
  }
  BOOST_TEST((file->get("bool", {3}).dtype == DType::boolean));
  BOOST_TEST(file->names().size() == 17u);
  BOOST_TEST(
      std::is_sorted(file->entries().begin(), file->entries().end(), [](auto& a, auto& b) { return a.name < b.name; }));
  BOOST_TEST(!file->find("other").has_value());
  BOOST_TEST(file->get("slice", {2, 3}).origin == golden("views.pt") + ": slice");

  // Views lie in the file, one storage under several names; all outlive the file.
  const auto a = file->get("plain", {4, 6}), b = file->get("scalar", {}), turned = file->get("transposed", {6, 4});
  BOOST_TEST(b.data - a.data == 20);
  BOOST_REQUIRE(bool(a.evict));
  BOOST_TEST(!turned.evict);
  file.reset();
  a.evict();
  float fifth[2];
  std::memcpy(&fifth[0], a.data + 20, 4);
  std::memcpy(&fifth[1], turned.data + 4, 4);
  BOOST_TEST(fifth[0] == 5);
  BOOST_TEST(fifth[1] == 6);
}

BOOST_AUTO_TEST_CASE(checkpoints_of_trainings_have_their_tensors_beside_settings) {
  const TorchFile state(golden("state_dict.pt")), nested(golden("nested.pt"));
  BOOST_TEST((state.names() == std::vector<std::string>{"0.bias", "0.weight", "1.weight"}));
  BOOST_TEST((numbers(state, "0.weight", {3, 2}) == std::vector<float>{0, 1, 2, 3, 4, 5}));
  BOOST_TEST((nested.names() ==
              std::vector<std::string>{"model.0.bias", "model.0.weight", "model.1.weight", "optimizer.state.0.m"}));
}

BOOST_AUTO_TEST_CASE(what_is_no_such_file_says_what_to_do) {
  const Folder folder;
  CHECK_SAYS(TorchFile(golden("calls_os_system.pt")),
             "calls_os_system.pt: data.pkl calls os.system, which is not a tensor");
  CHECK_SAYS(TorchFile(golden("size.pt")), "size.pt", "torch.Size");
  CHECK_SAYS(TorchFile(golden("old.pt")), "old.pt is in PyTorch's old format", "torch.save(torch.load(");
  CHECK_SAYS(TorchFile(golden("protocol4.pt")), "pickle protocol 4");
  CHECK_SAYS(TorchFile(golden("expanded.pt")), ": a has 6 numbers and its storage 2", ".contiguous()");
  CHECK_SAYS(TorchFile(folder.path("none")), "cannot be opened");
  CHECK_SAYS(TorchFile(folder.write("empty", "")), "is empty");
  CHECK_SAYS(TorchFile(folder.write("text", "hello")), "text is not a file of torch.save");
  const auto files = [&](std::vector<std::pair<std::string, std::string>> all) {
    return TorchFile(folder.write("z", io_test::zip(all)));
  };
  const std::string pickle = pickled_dict("a", pickled_tensor()), data = counting(6);
  CHECK_SAYS(files({{"a.npy", "x"}}), "without data.pkl");
  CHECK_SAYS(files({{"a/data.pkl", pickle}, {"b/data.pkl", pickle}}), "two pickles");
  CHECK_SAYS(files({{"a/data.pkl", pickle}, {"a/data/0", data}, {"a/constants.pkl", ""}}), "TorchScript");
  CHECK_SAYS(files({{"a/data.pkl", pickle}, {"a/data/0", data}, {"a/byteorder", "big"}}), "big-endian");
  CHECK_SAYS(files({{"a/data.pkl", pickle}, {"a/data/1", data}}), ": a: its storage 0 is missing");
  BOOST_TEST(files({{"any/data.pkl", pickle}, {"any/data/0", data}}).names().size() == 1u);
  const std::string twice =
      "\x80\x02}(" + io_test::pickled("a") + pickled_tensor() + io_test::pickled("a") + pickled_tensor() + "u.";
  CHECK_SAYS(files({{"a/data.pkl", twice}, {"a/data/0", data}}), "two tensors have the name a");
}

BOOST_AUTO_TEST_CASE(views_that_leave_their_storage_are_refused) {
  const Folder folder;
  const auto open = [&](const io_test::PickledView& v) {
    return TorchFile(folder.write("t", torch_file(pickled_dict("odd", pickled_tensor(v)), {counting(6)})));
  };
  BOOST_TEST((numbers(open({1, {2, 2}, {2, 1}}), "odd", {2, 2}) == std::vector<float>{1, 2, 3, 4}));
  BOOST_TEST((numbers(open({0, {2, 3}, {1, 2}}), "odd", {2, 3}) == std::vector<float>{0, 2, 4, 1, 3, 5}));
  BOOST_TEST((numbers(open({5, {1, 1}, {99, 99}}), "odd", {1, 1}) == std::vector<float>{5}));
  BOOST_TEST(open({100, {0, 7}, {1, 1}}).get("odd", {0, 7}).bytes() == 0u);
  CHECK_SAYS(open({1, {2, 3}, {3, 1}}), folder.path("t") + ": odd: it reaches beyond its storage of 6");
  CHECK_SAYS(open({0, {2, 3}, {4, 1}}), "beyond");
  CHECK_SAYS(open({6, {}, {}}), "beyond");
  CHECK_SAYS(open({0, {1 << 30, 1 << 30, 1 << 30}, {1 << 30, 1 << 30, 1 << 30}}), "beyond");
  CHECK_SAYS(open({0, {1 << 30, 1 << 30, 16}, {0, 0, 0}}), "beyond");  // 2^64 numbers
  CHECK_SAYS(open({0, {1 << 30, 1 << 30}, {0, 0}}), "was expanded");
  CHECK_SAYS(open({0, {7}, {0}}), "was expanded");
  CHECK_SAYS(open({0, {2, 3}, {3, 1}, "FloatStorage", "0", 7}), "must have 7 F32 numbers and has 24 bytes");
  CHECK_SAYS(open({0, {2, 3}, {3, 1}, "DoubleStorage", "0", 6}), "must have 6 F64 numbers");
  CHECK_SAYS(open({0, {2}, {1}, "FloatStorage", "../byteorder", 6}), "is missing");
  const auto five = open({0, {1, 1, 1, 2, 3}, {6, 6, 6, 3, 1}});
  BOOST_TEST(five.names().size() == 1u);
  CHECK_SAYS(five.find("odd"), "odd has 5 axes");
  const auto large = open({0, {0, 1 << 30, 4}, {1, 1, 1}});
  BOOST_TEST(large.get("odd", {0, 1 << 30, 4}).bytes() == 0u);
  const auto absurd = open({0, {1 << 30, 4, 0}, {1, 1, 1}});
  CHECK_SAYS(absurd.find("odd"), "too large");
}

BOOST_AUTO_TEST_CASE(every_cut_and_every_changed_byte_of_what_is_read_is_an_error) {
  const Folder folder;
  const std::string whole = torch_file(pickled_dict("a", pickled_tensor()), {counting(6)});
  for (const std::string& bytes : {whole, io_test::read(golden("state_dict.pt"))}) {
    const std::string sound = folder.write("sound", bytes);
    TorchFile(sound).check_sums();
    for (std::size_t n = 0; n < bytes.size(); ++n)
      CHECK_SAYS(TorchFile(folder.write("cut", bytes.substr(0, n))), folder.path("cut"));
  }
  // The pickle is compared when the file is opened, the numbers when it is asked for.
  const std::size_t pickle = whole.find("\x80\x02}"), length = pickled_dict("a", pickled_tensor()).size();
  for (std::size_t at = pickle; at < pickle + length; ++at) {
    std::string changed = whole;
    changed[at] = char(changed[at] ^ 4);
    CHECK_SAYS(TorchFile(folder.write("changed", changed)), "data.pkl", "CRC-32");
  }
  std::string changed = whole;
  changed[whole.find(counting(6)) + 7] ^= 1;
  const TorchFile file(folder.write("changed", changed));
  CHECK_SAYS(file.check_sums(), folder.path("changed"), "archive/data/0", "CRC-32");
}

BOOST_AUTO_TEST_CASE(either_kind_of_file_is_opened_by_what_it_is) {
  const Folder folder;
  io_test::write_tensors(folder.path("a.bin"), {{"a", {2}}});
  BOOST_TEST(anser::open_tensors(folder.path("a.bin"))->names().size() == 1u);
  BOOST_TEST(anser::open_tensors(golden("views.pt"))->names().size() == 17u);
  CHECK_SAYS(anser::open_tensors(folder.write("a.pt", "hello")), "not a file of torch.save");
  CHECK_SAYS(anser::open_tensors(folder.write("a.safetensors", "hello")), "no safetensors file");
}

// T-Few's own checkpoint, as it was published.
BOOST_AUTO_TEST_CASE(a_real_checkpoint, *anser::test::with_real_data("adapters/t-few-t0-3b-ia3")) {
  const TorchFile file(anser::test::real_data("adapters/t-few-t0-3b-ia3/t03b_ia3_finish.pt"));
  file.check_sums();
  BOOST_TEST(file.entries().size() == 192u);
  for (const auto& e : file.entries()) {
    const bool gated = e.name.find("wi_1") != e.name.npos;
    const auto t = file.get(e.name, {gated ? 5120 : 2048, 1});
    BOOST_TEST((t.dtype == DType::f32));
    anser::check_finite(t);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
