#include <anser/tensor/stored.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <map>
#include <string>
#include <vector>

using namespace anser;

namespace {

auto says(std::string words) {
  return [words](const Error& e) { return std::string(e.what()).find(words) != std::string::npos; };
}

/// Numbers as a file holds them, `shift` bytes off any alignment.
template <class T>
struct Bytes {
  std::vector<std::byte> bytes;
  Stored stored;
  Bytes(const std::vector<T>& values, std::size_t shift) : bytes(values.size() * sizeof(T) + 16) {
    std::memcpy(bytes.data() + shift, values.data(), values.size() * sizeof(T));
    stored = {dtype_of<T>, {int(values.size())}, bytes.data() + shift, nullptr, "file: tensor", {}};
  }
};

class Folder : public Source {
 public:
  std::map<std::string, Stored, std::less<>> tensors;
  std::optional<Stored> find(std::string_view name) const override {
    const auto it = tensors.find(name);
    return it == tensors.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<std::string> names() const override { return {}; }
  std::string origin() const override { return "models/x.safetensors"; }
};

template <class To, class From>
void check_conversion(const std::vector<From>& values, const std::vector<double>& expected) {
  for (const std::size_t shift : {0, 1, 3, 7}) {
    const Bytes<From> b(values, shift);
    std::vector<To> out(values.size());
    convert(b.stored, out.data());
    for (std::size_t i = 0; i < out.size(); ++i) BOOST_TEST(double(accumulator<To>(out[i])) == expected[i]);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stored)

BOOST_AUTO_TEST_CASE(every_kind_of_number_at_any_alignment) {
  const std::vector<double> v{1.5, -2, 0.25, 0, 64};
  auto check_all = [&]<class To>(To) {
    check_conversion<To>(std::vector<double>(v), v);
    check_conversion<To>(std::vector<float>(v.begin(), v.end()), v);
    check_conversion<To>(std::vector<bf16>{1.5f, -2.f, 0.25f, 0.f, 64.f}, v);
    check_conversion<To>(std::vector<f16>{f16(1.5f), f16(-2.f), f16(0.25f), f16(0.f), f16(64.f)}, v);
    check_conversion<To>(std::vector<std::int64_t>{3, -128, 0}, {3, -128, 0});
    check_conversion<To>(std::vector<std::int32_t>{3, -128, 0}, {3, -128, 0});
  };
  check_all(double{});
  check_all(float{});
  check_all(bf16{});
}

BOOST_AUTO_TEST_CASE(no_digit_is_lost_on_the_way) {
  check_conversion<double>(std::vector<double>{1 + 0x1p-50}, {1 + 0x1p-50});
  check_conversion<double>(std::vector<std::int64_t>{(std::int64_t(1) << 52) + 1}, {0x1p52 + 1});
  check_conversion<std::int32_t>(std::vector<std::int64_t>{32127, -1}, {32127, -1});
  check_conversion<bf16>(std::vector<float>{1.00390625f, 1.01171875f}, {1, 1.015625});  // ties to even
}

BOOST_AUTO_TEST_CASE(kinds_that_hold_no_real_numbers) {
  const std::byte bytes[8]{};
  float out;
  for (const DType t : {DType::boolean, DType::u8, DType::i8, DType::i16}) {
    const Stored s{t, {1}, bytes, nullptr, "x.safetensors: wo", {}};
    BOOST_CHECK_EXCEPTION(convert(s, &out), Error,
                          says(concat("x.safetensors: wo holds ", name_of(t), "; F32, F16, BF16")));
  }
}

BOOST_AUTO_TEST_CASE(bytes_count_what_the_file_holds) {
  BOOST_TEST((Stored{DType::bf16, {3, 5}, nullptr, nullptr, "", {}}.bytes()) == 30u);
  BOOST_TEST((Stored{DType::f64, {}, nullptr, nullptr, "", {}}.bytes()) == 8u);
}

BOOST_AUTO_TEST_CASE(a_source_gives_a_tensor_of_the_right_shape_only) {
  const Bytes<float> b({1, 2, 3, 4, 5, 6}, 0);
  Folder folder;
  folder.tensors["wo"] = b.stored;
  folder.tensors["wo"].shape = {2, 3};
  BOOST_TEST((folder.get("wo", {2, 3}).data == b.stored.data));
  BOOST_CHECK_EXCEPTION(folder.get("wo", {3, 2}), Error,
                        says("models/x.safetensors: wo has the shape [2, 3] and must have [3, 2]"));
  BOOST_CHECK_EXCEPTION(folder.get("wi", {2, 3}), Error, says("models/x.safetensors: the tensor wi is missing"));
}

BOOST_AUTO_TEST_SUITE_END()
