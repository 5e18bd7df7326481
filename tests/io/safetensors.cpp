#include <anser/io/safetensors.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "temporary.hpp"

namespace {

using anser::Safetensors;
using anser::Shape;
using io_test::safetensors;

BOOST_AUTO_TEST_SUITE(safetensors_files)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_again) {
  const io_test::Folder folder;
  const std::vector<float> f{1, -2, 3.5f, 0, 1e-30f, 6};
  const std::vector<anser::bf16> b{anser::bf16(1.5f), anser::bf16(-2.f)};
  const std::vector<std::int64_t> i{7, -8};
  const std::string path = folder.path("a.safetensors");
  anser::write_safetensors(path,
                           {{"z.weight", anser::stored_view(f.data(), {2, 3})},
                            {"half", anser::stored_view(b.data(), {2})},
                            {"ids", anser::stored_view(i.data(), {1, 2})},
                            {"none", anser::stored_view(f.data(), {0, 3})},
                            {"scalar", anser::stored_view(f.data(), {})}},
                           {{"format", "pt"}, {"note", "\"quoted\""}});
  const auto st = Safetensors::open(path);
  BOOST_TEST((st->names() == std::vector<std::string>{"half", "ids", "none", "scalar", "z.weight"}));
  BOOST_TEST(st->metadata().at("note") == "\"quoted\"");
  const auto z = st->find("z.weight");
  BOOST_REQUIRE(z.has_value());
  BOOST_TEST(z->shape == (Shape{2, 3}));
  BOOST_TEST((z->dtype == anser::DType::f32));
  BOOST_TEST(z->origin == path + ": z.weight");
  BOOST_TEST(std::memcmp(z->data, f.data(), 24) == 0);
  BOOST_TEST(reinterpret_cast<std::uintptr_t>(st->find("ids")->data) % 8 == 0u);
  BOOST_TEST(reinterpret_cast<std::uintptr_t>(z->data) % 4 == 0u);
  std::vector<float> halves(2);
  anser::convert(*st->find("half"), halves.data());
  BOOST_TEST((halves == std::vector<float>{1.5f, -2.f}));
  BOOST_TEST(st->find("none")->bytes() == 0u);
  BOOST_TEST(st->find("scalar")->shape.rank() == 0);
  BOOST_TEST(!st->find("z").has_value());
  CHECK_SAYS(st->get("z", {1}), path, "the tensor z is missing");
  CHECK_SAYS(st->get("ids", {2}), path, "ids has the shape [1, 2] and must have [2]");
}

BOOST_AUTO_TEST_CASE(tensors_outlive_the_file_and_eviction) {
  const io_test::Folder folder;
  io_test::write_tensors(folder.path("a.safetensors"), {{"a", {64, 1024}}, {"b", {3}}});
  auto st = Safetensors::open(folder.path("a.safetensors"));
  const auto a = *st->find("a"), b = *st->find("b");
  st.reset();
  BOOST_REQUIRE(bool(a.evict));
  a.evict();
  std::vector<float> n(a.shape.size());
  anser::convert(a, n.data());
  BOOST_TEST(n[65535] == 65535.f);
  anser::convert(b, n.data());
  BOOST_TEST(n[2] == 2.f);
}

BOOST_AUTO_TEST_CASE(every_cut_and_every_extension_is_an_error) {
  const io_test::Folder folder;
  io_test::write_tensors(folder.path("a"), {{"a", {2, 3}}, {"b", {1}}}, {{"format", "pt"}});
  const std::string whole = io_test::read(folder.path("a"));
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK_SAYS(Safetensors::open(folder.write("cut", whole.substr(0, n))), folder.path("cut"));
  CHECK_SAYS(Safetensors::open(folder.write("long", whole + '\0')), "after the last tensor");
}

BOOST_AUTO_TEST_CASE(headers_that_break_the_format_are_refused) {
  const io_test::Folder folder;
  const auto open = [&](const std::string& header, std::size_t data) {
    return Safetensors::open(folder.write("t", safetensors(header, data)));
  };
  const std::string a = R"("a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]})";
  BOOST_TEST(open("{" + a + "}", 8)->names().size() == 1u);
  BOOST_TEST(open("{" + a + "}    ", 8)->names().size() == 1u);
  BOOST_TEST(open("{}", 0)->names().empty());
  CHECK_SAYS(open("[1]", 0), "does not begin with {");
  CHECK_SAYS(open(" {" + a + "}", 8), "does not begin with {");
  CHECK_SAYS(open("{" + a, 8), "not valid JSON");
  CHECK_SAYS(open("{" + a + ", " + a + "}", 8), "\"a\" occurs twice");
  CHECK_SAYS(open("{" + a + R"(, "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})", 8), "b overlaps");
  CHECK_SAYS(open("{" + a + R"(, "b": {"dtype": "F32", "shape": [1], "data_offsets": [12, 16]}})", 16),
             "4 bytes before b belong to no tensor");
  CHECK_SAYS(open("{" + a + "}", 12), "4 bytes after the last tensor");
  CHECK_SAYS(open("{" + a + "}", 7), ": a: ", "outside the 7 bytes");
  CHECK_SAYS(open(R"({"a": null})", 0), ": a: ", "not null");
  CHECK_SAYS(open(R"({"a": 3})", 0), ": a: ", "not 3");
  CHECK_SAYS(open(R"({"a": {"dtype": "F32", "shape": [2]}})", 8), "a: the key \"data_offsets\" is missing");
  CHECK_SAYS(open(R"({"a": {"dtype": "F32", "shape": [2.5], "data_offsets": [0, 8]}})", 8), "a.shape[0]", "integer");
  CHECK_SAYS(open(R"({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}})", 8), "a.shape[0]");
  CHECK_SAYS(open(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}})", 8), ": a: ");
  CHECK_SAYS(open(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4, 8]}})", 8), "two numbers");
  CHECK_SAYS(open(R"({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}})", 8), "F32 of the shape [3]");
  CHECK_SAYS(open(R"({"a": {"dtype": "F32", "shape": [4611686018427387904, 8], "data_offsets": [0, 0]}})", 0),
             "does not fill");
  CHECK_SAYS(open(R"({"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}})", 0),
             "does not fill");  // 2^64 elements, 0 in 64 bits
  CHECK_SAYS(open(R"({"__metadata__": {"a": 1}})", 0), "__metadata__.a must be a text");
  CHECK_SAYS(open(R"({"__metadata__": []})", 0), "__metadata__ must be an object");
  std::string absurd = safetensors("{}", 0);
  absurd[6] = '\x7f';
  CHECK_SAYS(Safetensors::open(folder.write("t", absurd)), "a header of");
}

BOOST_AUTO_TEST_CASE(tensors_that_cannot_be_computed_with_are_listed_and_refused_by_name) {
  const io_test::Folder folder;
  const auto open = [&](const std::string& tensor, std::size_t data) {
    return Safetensors::open(folder.write("t", safetensors("{\"odd\": " + tensor + "}", data)));
  };
  const auto f8 = open(R"({"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]})", 4);
  BOOST_TEST(f8->entries()[0].dtype == "F8_E4M3");
  CHECK_SAYS(f8->find("odd"), folder.path("t"), "odd holds F8_E4M3");
  CHECK_SAYS(open(R"({"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 8]})", 8), "does not fill");
  CHECK_SAYS(open(R"({"dtype": "NEW", "shape": [4], "data_offsets": [0, 3]})", 3)->find("odd"), "odd holds NEW");
  CHECK_SAYS(open(R"({"dtype": "U8", "shape": [1, 1, 1, 1, 2], "data_offsets": [0, 2]})", 2)->find("odd"),
             "more than 4 axes");
  CHECK_SAYS(open(R"({"dtype": "U8", "shape": [4294967296, 0], "data_offsets": [0, 0]})", 0)->find("odd"), "too large");
  CHECK_SAYS(open(R"({"dtype": "U8", "shape": [65536, 65536, 0], "data_offsets": [0, 0]})", 0)->find("odd"),
             "too large");
  BOOST_TEST(open(R"({"dtype": "U8", "shape": [65536, 0, 65536], "data_offsets": [0, 0]})", 0)->find("odd")->bytes() ==
             0u);
}

BOOST_AUTO_TEST_CASE(tensors_can_be_made_as_they_are_written) {
  const io_test::Folder folder;
  const std::vector<float> old{1, 2}, fresh{3, 4};
  std::vector<std::string> asked;
  const auto write = [&](const Shape& made) {
    anser::write_safetensors(folder.path("t"),
                             {{"b", anser::stored_view(old.data(), {2})}, {"a", anser::stored_view(old.data(), {2})}},
                             {}, [&](const std::string& name, const anser::Stored& tensor) {
                               asked.push_back(name);
                               return name == "b" ? anser::stored_view(fresh.data(), made) : tensor;
                             });
  };
  write({2});
  BOOST_TEST((asked == std::vector<std::string>{"a", "b"}));
  const auto st = Safetensors::open(folder.path("t"));
  BOOST_TEST(std::memcmp(st->find("a")->data, old.data(), 8) == 0);
  BOOST_TEST(std::memcmp(st->find("b")->data, fresh.data(), 8) == 0);
  CHECK_SAYS(write({1}), "b was announced as F32 [2] and is F32 [1]");
  BOOST_TEST(std::memcmp(Safetensors::open(folder.path("t"))->find("b")->data, fresh.data(), 8) == 0);
}

BOOST_AUTO_TEST_CASE(bad_names_are_not_written) {
  const io_test::Folder folder;
  const std::vector<float> f{1};
  const auto t = anser::stored_view(f.data(), {1});
  CHECK_SAYS(anser::write_safetensors(folder.path("t"), {{"a", t}, {"a", t}}), "the name a");
  CHECK_SAYS(anser::write_safetensors(folder.path("t"), {{"__metadata__", t}}), "__metadata__");
  CHECK_SAYS(anser::write_safetensors(folder.path("t"), {{"\xff", t}}), "UTF-8");
  BOOST_TEST(std::filesystem::is_empty(folder.path()));
}

BOOST_AUTO_TEST_CASE(nan_and_infinity_are_found_in_every_dtype) {
  std::vector<float> f(100, -3e38f);
  BOOST_TEST(!anser::find_non_finite(anser::stored_view(f.data(), {10, 10})).has_value());
  f[99] = -std::numeric_limits<float>::infinity();
  auto t = anser::stored_view(f.data(), {10, 10});
  t.origin = "file: tensor";
  BOOST_TEST(anser::find_non_finite(t).value() == 99u);
  CHECK_SAYS(anser::check_finite(t), "file: tensor", "index 99 of 100");
  const std::vector<anser::bf16> b{anser::bf16(1.f), anser::bf16(std::nanf(""))};
  BOOST_TEST(anser::find_non_finite(anser::stored_view(b.data(), {2})).value() == 1u);
  const std::vector<anser::f16> h{anser::f16(65504.f), anser::f16(1e6f)};
  BOOST_TEST(anser::find_non_finite(anser::stored_view(h.data(), {2})).value() == 1u);
  const std::vector<double> d{1e308, std::nan("")};
  BOOST_TEST(anser::find_non_finite(anser::stored_view(d.data(), {2})).value() == 1u);
  const std::vector<std::int32_t> i{0x7f800000};
  BOOST_TEST(!anser::find_non_finite(anser::stored_view(i.data(), {1})).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
