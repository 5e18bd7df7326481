#pragma once
#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "../core/error.hpp"
#include "charsmap.hpp"
#include "pickle.hpp"
#include "zip.hpp"

namespace anser {

namespace detail {

inline constexpr std::size_t pickle_bytes_limit = std::size_t(128) << 20;
inline constexpr std::size_t pickle_values_limit = 8'000'000;  // a pool of 160 experts for T5-XL has four million
inline constexpr std::size_t pickle_tensors_limit = 1'000'000;
inline constexpr std::size_t pickle_name_limit = 512, pickle_depth_limit = 64, pickle_axes_limit = 16;

/// What a pickle can make here.
struct PickleValue {
  enum class Kind { none, boolean, integer, real, text, tuple, list, dict, callable, storage, tensor };
  using Place = std::uint32_t;  // in the reader's values

  Kind kind = Kind::none;
  DType dtype = DType::f32;  // of a storage, and of a callable that makes one
  std::int64_t integer = 0;  // of a storage: its numbers
  std::string_view text;     // of a storage: its key; of a callable: its name
  std::vector<Place> items;  // of a dict: keys and values in turn; of a tensor: storage, offset, sizes, strides
};

/// The storages that torch.save names in the module torch.
inline std::optional<DType> storage_dtype(std::string_view name) {
  constexpr std::pair<std::string_view, DType> known[] = {
      {"DoubleStorage", DType::f64},    {"FloatStorage", DType::f32}, {"HalfStorage", DType::f16},
      {"BFloat16Storage", DType::bf16}, {"LongStorage", DType::i64},  {"IntStorage", DType::i32},
      {"ShortStorage", DType::i16},     {"CharStorage", DType::i8},   {"ByteStorage", DType::u8},
      {"BoolStorage", DType::boolean}};
  for (const auto& [storage, dtype] : known)
    if (storage == name) return dtype;
  return {};
}

/// Runs the opcodes of protocol 2 that torch.save writes on a stack of values.
class PickleReader {
 public:
  using Value = PickleValue;
  using Kind = Value::Kind;
  using Place = Value::Place;

  PickleReader(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  /// The place of the pickle's one value.
  Place run() {
    check(bytes_.size() <= pickle_bytes_limit, origin_, " has ", bytes_.size(), " bytes, which is too large");
    if (take(1) != "\x80") damaged("it does not begin as a pickle does");
    if (const int protocol = int(byte()); protocol != 2)
      fail(origin_, ": pickle protocol ", protocol, ", and torch.save's 2 is read; save it without pickle_protocol");
    while (step()) {
    }
    if (stack_.size() != 1 || !marks_.empty()) damaged("it ends with more or less than one value");
    if (at_ != bytes_.size()) damaged("it goes on behind its end");
    return stack_[0];
  }
  const Value& value(Place p) const { return values_[p]; }

 private:
  template <class... A>
  [[noreturn]] void damaged(const A&... parts) const {
    fail(origin_, " is damaged or not torch.save's, at byte ", at_, ": ", parts..., "; fetch it again");
  }

  std::string_view take(std::size_t n) {
    if (n > bytes_.size() - at_) damaged("it is cut off");
    at_ += n;
    return bytes_.substr(at_ - n, n);
  }
  std::uint64_t byte() { return static_cast<unsigned char>(take(1)[0]); }
  std::uint64_t little(std::size_t n) {
    std::uint64_t v = 0;
    const auto text = take(n);
    for (std::size_t i = n; i-- > 0;) v = v << 8 | static_cast<unsigned char>(text[i]);
    return v;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == bytes_.npos) damaged("it is cut off in a name");
    const auto text = take(end - at_);
    take(1);
    return text;
  }

  void push(Place p) { stack_.push_back(p); }
  Value& make(Kind kind) {
    check(values_.size() < pickle_values_limit, origin_, " makes more than ", pickle_values_limit,
          " values; is this the right file?");
    push(Place(values_.size()));
    values_.emplace_back().kind = kind;
    return values_.back();
  }
  Place pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("a value is missing");
    const Place p = stack_.back();
    stack_.pop_back();
    return p;
  }
  std::vector<Place> pop_to_mark() {
    if (marks_.empty()) damaged("a mark is missing");
    std::vector<Place> items(stack_.begin() + std::ptrdiff_t(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  Value& top(Kind kind) {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("a value is missing");
    Value& v = values_[stack_.back()];
    if (v.kind != kind) damaged("a value is of another kind than what is done to it");
    return v;
  }

  void put(std::uint64_t index) {
    if (stack_.empty()) damaged("a value is missing");
    if (index >= pickle_values_limit) damaged("its memo has a place ", index);
    if (index >= memo_.size()) memo_.resize(std::size_t(index) + 1, no_value);
    memo_[std::size_t(index)] = stack_.back();
  }
  void get(std::uint64_t index) {
    if (index >= memo_.size() || memo_[std::size_t(index)] == no_value) damaged("its memo has no place ", index);
    push(memo_[std::size_t(index)]);
  }
  void make_tuple(std::size_t n) {
    std::vector<Place> items(n);
    while (n-- > 0) items[n] = pop();
    make(Kind::tuple).items = std::move(items);
  }
  void extend(Kind kind, std::vector<Place> more) {
    Value& v = top(kind);
    if (kind == Kind::dict && more.size() % 2) damaged("a key has no value");
    v.items.insert(v.items.end(), more.begin(), more.end());
  }

  /// An integer of up to eight bytes in two's complement; longer ones are no size of anything, and stand as reals.
  void make_long(std::size_t n) {
    if (n > 8) {
      take(n);
      make(Kind::real);
      return;
    }
    std::uint64_t v = little(n);
    if (n > 0 && n < 8 && v >> (8 * n - 1)) v |= ~std::uint64_t(0) << 8 * n;
    make(Kind::integer).integer = std::int64_t(v);
  }

  bool step() {
    const auto op = static_cast<unsigned char>(take(1)[0]);
    switch (op) {
      case '.': return false;
      case '(': marks_.push_back(stack_.size()); break;
      case 'N': make(Kind::none); break;
      case 0x88: make(Kind::boolean).integer = 1; break;
      case 0x89: make(Kind::boolean); break;
      case 'K': make_number(byte()); break;
      case 'M': make_number(little(2)); break;
      case 'J': make_number(std::uint64_t(std::int64_t(std::int32_t(little(4))))); break;
      case 0x8a: make_long(std::size_t(byte())); break;
      case 'G': take(8), make(Kind::real); break;
      case 'X': make_text(); break;
      case '}': make(Kind::dict); break;
      case ']': make(Kind::list); break;
      case ')': make(Kind::tuple); break;
      case 0x85:
      case 0x86:
      case 0x87: make_tuple(op - 0x84u); break;
      case 't': {
        auto items = pop_to_mark();
        make(Kind::tuple).items = std::move(items);
        break;
      }
      case 'q': put(byte()); break;
      case 'r': put(little(4)); break;
      case 'h': get(byte()); break;
      case 'j': get(little(4)); break;
      case 'a': extend(Kind::list, {pop()}); break;
      case 'e': extend(Kind::list, pop_to_mark()); break;
      case 's': {
        const Place value = pop(), key = pop();
        extend(Kind::dict, {key, value});
        break;
      }
      case 'u': extend(Kind::dict, pop_to_mark()); break;
      case 'c': make_callable(); break;
      case 'Q': make_storage(); break;
      case 'R': call(); break;
      case 'b':  // such as the versions of modules in an OrderedDict of Module.state_dict()
        pop();
        top(Kind::dict);
        break;
      default: damaged("the opcode ", int(op), ", which torch.save does not write");
    }
    return true;
  }

  void make_number(std::uint64_t v) { make(Kind::integer).integer = std::int64_t(v); }
  void make_text() {
    const auto text = take(std::size_t(little(4)));
    make(Kind::text).text = text;
  }

  void make_callable() {
    const auto module = line(), name = line();
    const bool tensors = module == "torch._utils" && (name == "_rebuild_tensor_v2" || name == "_rebuild_parameter");
    const auto dtype = module == "torch" ? storage_dtype(name) : std::nullopt;
    if (!tensors && !dtype && !(module == "collections" && name == "OrderedDict"))
      fail(
          origin_, " calls ", printable(module), '.', printable(name),
          ", which is not a tensor; it is not run. If you trust the file, load it in Python and torch.save its tensors "
          "alone");
    Value& v = make(Kind::callable);
    v.text = dtype ? std::string_view() : name;
    v.dtype = dtype.value_or(DType::f32);
  }

  const Value& item(const Value& v, std::size_t i, Kind kind) const {
    if (i >= v.items.size() || values_[v.items[i]].kind != kind) damaged("a tensor's description is of another form");
    return values_[v.items[i]];
  }

  /// From ("storage", its kind, key, device, count of numbers).
  void make_storage() {
    const Value& id = values_[pop()];
    if (id.kind != Kind::tuple || id.items.size() != 5 || item(id, 0, Kind::text).text != "storage")
      damaged("an object that is kept elsewhere is no storage");
    const Value& type = item(id, 1, Kind::callable);
    if (!type.text.empty()) damaged("a storage has no type");
    const auto key = item(id, 2, Kind::text).text;
    const auto size = item(id, 4, Kind::integer).integer;
    if (size < 0 || key.size() > 64) damaged("a storage of ", size, " numbers and the key ", printable(key));
    Value& v = make(Kind::storage);
    v.dtype = type.dtype, v.text = key, v.integer = size;
  }

  void call() {
    const Place arguments = pop(), callable = pop();
    const Value &a = values_[arguments], &f = values_[callable];
    if (a.kind != Kind::tuple || f.kind != Kind::callable) damaged("a call of what cannot be called");
    if (f.text == "OrderedDict") {
      if (!a.items.empty()) damaged("an OrderedDict that is not made empty");
      make(Kind::dict);
    } else if (f.text == "_rebuild_parameter") {
      item(a, 0, Kind::tensor);
      push(a.items[0]);
    } else if (f.text == "_rebuild_tensor_v2") {
      make_tensor(a);
    } else {
      damaged("a storage is called");
    }
  }

  /// From (storage, offset, sizes, strides, requires_grad, hooks[, metadata]).
  void make_tensor(const Value& a) {
    if (a.items.size() != 6 && a.items.size() != 7) damaged("a tensor's description is of another form");
    item(a, 0, Kind::storage);
    const Value &offset = item(a, 1, Kind::integer), &sizes = item(a, 2, Kind::tuple),
                &strides = item(a, 3, Kind::tuple);
    if (a.items.size() == 7 && !values_[a.items[6]].items.empty())
      fail(origin_, " has a conjugated or negated view; save it after .resolve_conj().resolve_neg()");
    bool sound = offset.integer >= 0 && sizes.items.size() == strides.items.size();
    for (const Value* numbers : {&sizes, &strides}) {
      if (numbers->items.size() > pickle_axes_limit) damaged("a tensor of ", numbers->items.size(), " axes");
      for (std::size_t i = 0; i < numbers->items.size(); ++i)
        sound = sound && item(*numbers, i, Kind::integer).integer >= 0;
    }
    if (!sound) damaged("a tensor's offset, sizes and strides do not fit each other");
    std::vector<Place> items(a.items.begin(), a.items.begin() + 4);
    make(Kind::tensor).items = std::move(items);
  }

  static constexpr Place no_value = ~Place(0);

  std::string_view bytes_;
  const std::string& origin_;
  std::size_t at_ = 0;
  std::deque<Value> values_;  // places stay where they are while it grows
  std::vector<Place> stack_, memo_;
  std::vector<std::size_t> marks_;
};

/// Collects the tensors below a value, with their names.
class PickledNames {
 public:
  using Value = PickleValue;
  using Kind = Value::Kind;

  PickledNames(const PickleReader& reader, const std::string& origin) : reader_(reader), origin_(origin) {}

  void visit(Value::Place place, const std::string& name, std::size_t depth = 0) {
    check(depth <= pickle_depth_limit, origin_, " is nested deeper than ", pickle_depth_limit,
          "; is this the right file?");
    const Value& v = reader_.value(place);
    visited_ += 1 + v.items.size();  // a value may stand in many places
    check(visited_ <= 2 * pickle_values_limit, origin_, " has more than ", pickle_values_limit,
          " values; is this the right file?");
    if (v.kind == Kind::tensor) return add(v, name);
    if (v.kind == Kind::list || v.kind == Kind::tuple)
      for (std::size_t i = 0; i < v.items.size(); ++i) visit(v.items[i], below(name, std::to_string(i)), depth + 1);
    if (v.kind == Kind::dict)
      for (std::size_t i = 0; i < v.items.size(); i += 2) {
        const Value& key = reader_.value(v.items[i]);
        const Kind kind = reader_.value(v.items[i + 1]).kind;
        if (kind != Kind::tensor && kind != Kind::dict && kind != Kind::list && kind != Kind::tuple) continue;
        check(key.kind == Kind::text || key.kind == Kind::integer, origin_, ": below \"", name,
              "\" is a key that is neither a text nor a whole number; save a dict of names and tensors");
        visit(v.items[i + 1], below(name, key.kind == Kind::text ? key.text : std::to_string(key.integer)), depth + 1);
      }
  }
  std::vector<PickledTensor> tensors;

 private:
  std::string below(const std::string& name, std::string_view key) const {
    const bool plain = std::none_of(key.begin(), key.end(), [](char c) { return c >= 0 && (c < 0x20 || c == 0x7f); });
    check(name.size() + key.size() < pickle_name_limit && plain && is_utf8(key), origin_, ": ", printable(key),
          " is no name of a tensor: too long, or of odd characters");
    return name.empty() ? std::string(key) : name + '.' + std::string(key);
  }
  void add(const Value& v, const std::string& name) {
    check(!name.empty(), origin_, " holds one tensor without a name; save a dict of names and tensors");
    check(tensors.size() < pickle_tensors_limit, origin_, " has more than ", pickle_tensors_limit, " tensors");
    const auto numbers = [&](std::size_t item) {
      std::vector<std::uint64_t> all;
      for (auto place : reader_.value(v.items[item]).items) all.push_back(std::uint64_t(reader_.value(place).integer));
      return all;
    };
    const Value& storage = reader_.value(v.items[0]);
    const auto offset = std::uint64_t(reader_.value(v.items[1]).integer);
    tensors.push_back({name, storage.dtype, std::string(storage.text), std::uint64_t(storage.integer), offset,
                       numbers(2), numbers(3)});
  }

  const PickleReader& reader_;
  const std::string& origin_;
  std::size_t visited_ = 0;
};

}  // namespace detail

ANSER_INLINE std::vector<PickledTensor> read_pickle(std::string_view bytes, const std::string& origin) {
  using Kind = detail::PickleValue::Kind;
  detail::PickleReader reader(bytes, origin);
  auto root = reader.run();
  const auto& top = reader.value(root);
  if (top.kind == Kind::dict)
    for (std::size_t i = 0; i < top.items.size(); i += 2) {
      const auto &key = reader.value(top.items[i]), &value = reader.value(top.items[i + 1]);
      if (key.kind == Kind::text && key.text == "state_dict" && value.kind == Kind::dict) {
        root = top.items[i + 1];
        break;
      }
    }
  detail::PickledNames names(reader, origin);
  names.visit(root, {});
  return std::move(names.tensors);
}

}  // namespace anser
